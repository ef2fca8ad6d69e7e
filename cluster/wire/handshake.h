// How two nodes meet: each says who it is, both agree on a version, and each proves that it knows
// 'cluster-secret' without sending it. A state machine for either side: frames and time in, bytes out.
//
//   initiator                                acceptor
//     hello(introduction)            ──>
//                                    <──     hello_reply(introduction)
//     hello(proof)                   ──>
//                                    <──     hello_reply(proof)            both are done
//
//   introduction := magic versions secret:u8 nonce:32 bytes cluster:u64 node:20 bytes epoch:varint
//                   address:string life:u64 clock:u64 [purpose:u8] more:bytes
//   purpose      := 0 whatever nodes say to each other | 1 signs of life only
//   magic        := "STARLING"
//   versions     := least:varint greatest:varint      of the protocol that the node speaks
//   secret       := 0: has none | 1: has one
//   proof        := empty, when neither has a secret | HMAC-SHA256(secret, role, both introductions)
//   refuse       := reason:u8 text:string             by either side, instead of its turn; then it closes
//
// Up to `versions` an introduction reads the same in every version of the protocol, and so does refuse, so
// that nodes of any age can tell each other why they do not talk. `more` is room for later versions.
//
// The initiator proves first: whoever merely connects to a node gets no proof to try passwords on. A proof
// covers both nonces, both ids and all else that was said, and the role: none is of use in another
// handshake. What follows the handshake is neither encrypted nor signed: the secret keeps strangers out, it
// does not protect from someone who can change the traffic on the way.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "cluster/wire/frame.h"
#include "cluster/wire/node_id.h"

namespace starling::cluster {

// The protocol's versions that this code speaks. 4: frames `piece` and `working`. 5: `track` and `invalidate`, and what
// is forwarded for clients that track keys.
inline constexpr uint32_t kLeastBusVersion = 3;
inline constexpr uint32_t kGreatestBusVersion = 5;

inline constexpr size_t kLargestBusAddressBytes = 300;

// What a node says of itself.
struct Introduction {
  NodeId id;
  ClusterId cluster = 0;
  Epoch epoch = 0;
  std::string address;  // "host:port" of its bus port; at most kLargestBusAddressBytes.
  // Drawn by chance when its process began: who has another one than before remembers nothing of then.
  uint64_t life = 0;
  // The connection is for nothing else. Who does not know of that treats it as any other.
  bool life_signs = false;
  uint32_t least_version = kLeastBusVersion;
  uint32_t greatest_version = kGreatestBusVersion;
};

// Numbers of the protocol.
enum class RefusalReason : uint8_t {
  kMalformed = 1,  // Not a handshake.
  kVersion = 2,    // No common version.
  kCluster = 3,    // Of another cluster.
  kSecret = 4,     // Does not know the secret, or only one side has one.
  kSelf = 5,       // Connected to itself.
  kIdentity = 6,   // Another node than the one looked for.
  kObjection = 7,  // Whatever the owner has against it: a removed node.
  kTimeout = 8,
};

// Random bytes, good for one handshake; nobody may be able to predict them.
using Nonce = std::array<uint8_t, 32>;

// Whether a connection that begins with these bytes is introduced as one for signs of life. Nothing: that cannot be
// told yet. Nobody is believed for it: it only says who is to look at the rest.
std::optional<bool> begins_life_signs(std::string_view stream);

class Handshake {
 public:
  enum class Role { kInitiator, kAcceptor };
  enum class State { kRunning, kDone, kRefused };

  struct Options {
    Role role = Role::kInitiator;
    Introduction self;  // A valid id and an address within its bound.
    std::string secret;
    Nonce nonce{};
    NodeId expected;          // Whom the initiator looks for; not valid: anyone.
    int64_t deadline_ms = 0;  // By the clock of on_time().
    // What this node's monotonic clock shows, in microseconds. Empty: none is told, as if it stood at 0.
    std::function<int64_t()> clock_us;
    // Asked once the peer has proved itself. Text: why it is refused.
    std::function<std::optional<std::string>(const Introduction&)> objection;
  };

  explicit Handshake(Options options);

  // What to say before anything was received. Nothing, for an acceptor.
  void start(std::string* out);
  // Takes the next frame; appends what is to be sent, also when it ends in kRefused. Precondition:
  // state() == kRunning.
  State on_frame(const Frame& frame, std::string* out);
  // The stream holds no frames, as FrameDecoder says.
  State on_broken_stream(std::string_view reason, std::string* out);
  State on_time(int64_t now_ms, std::string* out);

  State state() const { return state_; }
  // kDone only (and of a refused peer as far as it is known): who it is.
  const Introduction& peer() const { return peer_; }
  // kDone only: what the peer's clock showed as it introduced itself, and this node's as it heard that.
  int64_t peer_clock_us() const { return peer_clock_us_; }
  int64_t heard_us() const { return heard_us_; }
  // kDone only: the version that both speak.
  uint32_t version() const { return version_; }
  // kRefused only. refused_by_peer: `reason` and `explanation` are what the peer said.
  RefusalReason reason() const { return reason_; }
  const std::string& explanation() const { return explanation_; }
  bool refused_by_peer() const { return refused_by_peer_; }

 private:
  enum class Step { kIntroduction, kProof };

  State take_introduction(std::string_view payload, std::string* out);
  State take_proof(std::string_view payload, std::string* out);
  State take_refusal(std::string_view payload);
  State examine(std::string* out);
  State refuse(RefusalReason reason, std::string explanation, std::string* out);
  std::string encode_introduction() const;
  int64_t clock_us() const { return options_.clock_us ? options_.clock_us() : 0; }
  bool decode_introduction(std::string_view payload, bool* common_version);
  friend std::optional<bool> begins_life_signs(std::string_view stream);
  std::string transcript() const;
  void send_proof(std::string* out);
  bool initiator() const { return options_.role == Role::kInitiator; }

  Options options_;
  std::string own_introduction_;  // Once it was said.
  std::string peer_introduction_;
  Introduction peer_;
  int64_t peer_clock_us_ = 0, heard_us_ = 0;
  bool peer_has_secret_ = false;
  Step step_ = Step::kIntroduction;
  State state_ = State::kRunning;
  uint32_t version_ = 0;
  RefusalReason reason_{};
  std::string explanation_;
  bool refused_by_peer_ = false;
};

}  // namespace starling::cluster
