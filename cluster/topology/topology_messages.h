// What nodes say to each other to agree on the next topology (topology_register.h). The payload of one frame
// of kind kPaxos.
//
//   message  := format byte (1), kind byte, body
//   body     := prepare | promise | accept | accepted | reject | behind | decided, by the kind
//   prepare  := epoch, ballot, recovering byte (0 or 1), founders
//   promise  := epoch, ballot, accepted ballot, value    both empty when nothing was accepted
//   accept   := epoch, ballot, value
//   accepted := epoch, ballot
//   reject   := epoch, ballot, promised ballot, missing id
//   behind   := epoch
//   decided  := value
//   epoch    := varint
//   ballot   := round varint, proposer id 20 bytes       an empty one is all zero
//   founders := count varint, id ...                     at most kMaxMembers, ascending
//   value    := string, at most kMaxTopologyBytes        an encoded topology, or empty
//
// One message has one encoding. Values are opaque here: who uses one decodes it.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cluster/wire/node_id.h"
#include "engine/base/byte_codec.h"
#include "engine/base/status.h"

namespace starling::cluster {

inline constexpr uint8_t kTopologyMessageFormat = 1;

// Numbers the attempts to decide one epoch; no two nodes use the same.
struct Ballot {
  uint64_t round = 0;
  NodeId proposer;

  auto operator<=>(const Ballot&) const = default;
  bool valid() const { return round != 0; }
};

// "Promise to take part in no ballot below this one, and say what you accepted so far."
struct Prepare {
  Epoch epoch = 0;  // The one to be decided.
  Ballot ballot;
  // Completes what another node already sent to all founders: those were asked before.
  bool recovering = false;
  // Only of epoch 1, which has no members to vote: all who shall found the cluster.
  std::vector<NodeId> founders;
  bool operator==(const Prepare&) const = default;
};

struct Promise {
  Epoch epoch = 0;
  Ballot ballot;
  Ballot accepted_ballot;
  std::string accepted_value;
  bool operator==(const Promise&) const = default;
};

struct Accept {
  Epoch epoch = 0;
  Ballot ballot;
  std::string value;
  bool operator==(const Accept&) const = default;
};

struct Accepted {
  Epoch epoch = 0;
  Ballot ballot;
  bool operator==(const Accepted&) const = default;
};

// The ballot is refused: a higher one was promised, or the founders lack a node that this voter knows.
struct Reject {
  Epoch epoch = 0;
  Ballot ballot;
  Ballot promised;
  NodeId missing;  // Not valid: nobody is missing.
  bool operator==(const Reject&) const = default;
};

// "I cannot vote on that epoch: this is the last one I know to be decided."
struct Behind {
  Epoch epoch = 0;
  bool operator==(const Behind&) const = default;
};

struct Decided {
  std::string value;
  bool operator==(const Decided&) const = default;
};

// The order is the wire's: kinds are 1 to 7.
using TopologyMessage = std::variant<Prepare, Promise, Accept, Accepted, Reject, Behind, Decided>;

// Appends. Precondition: the bounds above hold.
void encode_topology_message(const TopologyMessage& message, std::string* out);
// kCorrupt for malformed bytes, kNewerFormat for another format. The output is unspecified then.
[[nodiscard]] engine::Status decode_topology_message(std::string_view bytes, TopologyMessage* message);

void append_ballot(const Ballot& ballot, std::string* out);
[[nodiscard]] bool read_ballot(engine::ByteReader* reader, Ballot* ballot);

}  // namespace starling::cluster
