// Finds what two replicas hold differently, and says which records must be brought from the one to the other.
// See README.md, "Anti-entropy".
//
// The asker's half is an Exchange; each call returns what to do next, and the next call tells how that went:
//
//   start() ──> kSend sums ── receive() ──> kList partition ── listed() ──> kSend list ── receive() ──┐
//                    │ no sums differ            ^                                                    │
//                    v                           │ more of this partition, or the next one            v
//                  kDone                         └──────────────── pushed() <── kPush wanted keys <───┤
//                                                └────────────────────────────────── nothing wanted <─┘
//
// Anything malformed, refused or out of order is kFailed: the exchange ends there. The next one begins with
// the sums again, and so goes on with what still differs. The answerer keeps nothing between two messages.
//
// Pure; one thread at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/repair/tree_messages.h"
#include "cluster/repair/version_index.h"

namespace starling::cluster {

using KeyNames = std::vector<std::pair<int, std::string>>;

struct ExchangeFigures {
  uint64_t messages = 0, bytes = 0;  // Both ways, of the comparison; the records moved come on top.
  uint64_t partitions = 0;           // That were found to differ.
  uint64_t differences = 0;          // Keys with different versions.
  uint64_t failed = 0;               // Records that did not arrive. They still differ.
};

class Exchange {
 public:
  struct Action {
    enum class Kind {
      kSend,  // `message`, as a kTree frame. Then receive() the payload of its answer.
      kList,  // Scan `partition` from `from`, some kMaxListEntries / 2 keys, and call listed().
      kPush,  // Bring the records of `keys` to the answerer, then call pushed().
      kDone,
      kFailed,  // `reason`.
    } kind;
    std::string message;
    uint16_t partition = 0;
    Position from = 0;
    KeyNames keys;
    std::string reason;
  };

  // Compares the partitions of `included`, which both hold under this epoch; of those, the ones that both
  // know the sums of.
  Exchange(Epoch epoch, bool urgent, const PartitionSet& included)
      : epoch_(epoch), urgent_(urgent), included_(included) {}

  Action start(const VersionIndex& index);
  // Partitions that differ but are restless are left out, unless it is urgent.
  Action receive(std::string_view payload, const VersionIndex& index);
  // All that is here from where the list was to begin up to `until`; `settled`: how far the partition was
  // settled before it was read (engine/memory/settled.h).
  Action listed(std::vector<VersionEntry> entries, Position until, engine::Stamp settled);
  // `failed`: how many of the keys could not be brought.
  Action pushed(uint64_t failed);

  const ExchangeFigures& figures() const { return figures_; }
  // Once the sums are compared: the partitions that did not differ then.
  const PartitionSet& equal() const { return equal_; }
  // Partitions that differed and were compared to the end, and every record that the asker lacked arrived.
  const PartitionSet& brought() const { return brought_; }
  // Partitions whose sums differed though no version did: changed meanwhile, or a sum is wrong.
  const std::vector<uint16_t>& unfounded() const { return unfounded_; }
  // Partitions that differ and are still to be compared.
  size_t left() const { return differing_.size(); }

 private:
  enum class Waiting { kNothing, kSums, kScan, kAnswer, kPush };

  Action send(std::string message, Waiting waiting);
  Action fail(std::string reason);
  Action proceed();
  Action take_sums(std::string_view detail, const VersionIndex& index);
  Action take_list(std::string_view detail);

  const Epoch epoch_;
  const bool urgent_;
  PartitionSet included_;
  Waiting waiting_ = Waiting::kNothing;
  PartitionSet equal_;
  std::deque<uint16_t> differing_;  // The first is being compared, from position_ on.
  bool founded_ = false;            // A version was found that differs.
  uint64_t missed_ = 0;             // Records of it that the asker should have got and has not.
  PartitionSet brought_;
  std::vector<uint16_t> unfounded_;
  Position position_ = 0;
  Position until_ = 0;  // Of the list sent.
  ExchangeFigures figures_;
};

// --- The answerer's half.

SumsReply answer_sums(const SumsRequest& request, const VersionIndex& index);

// What must be done about the asker's list, from the answerer's point of view.
struct Comparison {
  KeyNames push;    // The answerer has more, or something else: bring the asker its records.
  KeyNames wanted;  // The asker has more, or something else.
  uint64_t differences = 0;
};
// Both lists are all that there is in the same stretch but for what is ripe by what either had settled
// before: what the one has not, and had settled, it has superseded. False: a context of `theirs` is
// malformed.
[[nodiscard]] bool compare_lists(const std::vector<VersionEntry>& theirs, engine::Stamp their_settled,
                                 const std::vector<VersionEntry>& mine, engine::Stamp my_settled,
                                 Comparison* result);

// Orders the entries of [from, until) by position, and drops those at the end that are more than a message
// should hold or lie behind it. Returns the new end of the stretch.
Position fit_list(std::vector<VersionEntry>* entries, Position until);

}  // namespace starling::cluster
