// What an operation would change, found out without changing it: for writes that other nodes have to agree to
// before they count. See cluster/README.md, "Writes that depend on what they read".
//
//   Trial trial(&operation, keys);      notes what the keys hold
//   handler                             changes them
//   trial.take_back(&tried);            what came of it; the keys hold again what they held, and nothing is logged
//   ... the others agree ...
//   Replica::merge_state(), with what was tried
//
// The event that was tried has a dot of its own, which is never used again. As long as it is not merged here its
// node must make no other event on these keys: a later one of the same actor would claim to have seen it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/core/operation.h"
#include "engine/record/record.h"

namespace starling::engine {

// One key of a trial.
struct Tried {
  int database = 0;
  std::string key;
  std::string base;   // What it was tried on: Replica::append_version().
  std::string after;  // The same of what came of it; as `base` when nothing did.
  std::string state;  // Replica::append_state(); empty when nothing changed.
};

class Trial {
 public:
  // Whether what the keys hold is little enough to be put back, and there is room for one more actor. They are
  // locked and resident.
  static bool possible(Operation& operation, std::span<const KeyRef> keys);

  // `operation` has changed nothing; it captures nothing. It outlives this. Until take_back() its events are `actor`'s:
  // not the node's own, whose later events would claim to have seen what may never have been kept anywhere.
  Trial(Operation* operation, ActorId actor, std::span<const KeyRef> keys);
  // Appends one for each key, in their order without repetition. True: something would change.
  bool take_back(std::vector<Tried>* tried);

  // --- Of a change that turns out not to count, within one operation: what a key holds, and that it holds it again,
  // as if nothing had been: no event, nothing new for other nodes. The log has the change and its end. The key is
  // locked and resident.
  // False, and nothing is kept: it takes more than `most_bytes`. Nothing in *record: there is none.
  [[nodiscard]] static bool hold(Operation* operation, const KeyRef& key, size_t most_bytes,
                                 std::optional<Record>* record);
  static void put_back(Operation* operation, const KeyRef& key, const std::optional<Record>& record);

 private:
  struct Kept {
    KeyRef key;
    std::string base;
    std::optional<Record> record;
  };
  Operation& operation_;
  ActorId own_actor_;
  size_t frame_bytes_;
  std::vector<Kept> kept_;
};

}  // namespace starling::engine
