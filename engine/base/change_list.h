// What an operation changed, key by key, as other nodes need it: the input of Replica::merge_state() and
// merge_delta(). One buffer for all, so that a SET costs an append and a list that is used again allocates
// nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/element_kind.h"
#include "engine/base/key.h"

namespace starling::engine {

// On the wire between nodes: never renumber.
enum class ChangeKind : uint8_t {
  kState = 1,  // The whole record (record_codec.h, `record`).
  kDelta = 2,  // What changed of a collection (`delta`): only for who has what it builds on.
  kTold = 3,   // A whole record under a dot that the client was told (VCLOCK).
};

// Views are into the list.
struct ReplicaChange {
  int database;
  uint16_t partition;
  ChangeKind kind;
  // Later changes of the key may be deltas that build on this one: a replica that gets them in another order
  // has a gap. Of all that a collection is left by.
  bool ordered;
  std::string_view key;
  std::string_view bytes;
};

class ChangeList;

// Is told of changes in the order in which they were made.
class ChangeObserver {
 public:
  virtual ~ChangeObserver() = default;
  // By Operation::finish(): the list is complete, at least one change of it is `ordered`, all are in the log,
  // and their keys are still locked. Short; uses neither the engine nor its locks.
  virtual void made(const ChangeList& changes) = 0;
};

class ChangeList {
 public:
  // `observer` may be null.
  explicit ChangeList(ChangeObserver* observer = nullptr) : observer_(observer) {}

  bool empty() const { return changes_.empty(); }
  size_t size() const { return changes_.size(); }
  // One for each key that changed, in the order of their first change. A key is there twice only when the
  // operation swapped or flushed databases in between. Valid until the list is changed.
  ReplicaChange operator[](size_t index) const;
  // Keeps the room.
  void clear();

 private:
  friend class ChangeCapture;
  friend class Operation;
  struct Change {
    size_t key_offset, key_bytes, offset, bytes;
    uint64_t hash;
    uint16_t partition;
    uint8_t database;
    ChangeKind kind;
    bool sealed;  // The bytes are there.
    bool ordered;
  };
  // An element of a collection that changed, and which of the changes it belongs to.
  struct Touched {
    uint32_t change;
    ElementKind kind;
    size_t name_offset, name_bytes;
  };

  void publish() {
    if (ordered_ && observer_ != nullptr) observer_->made(*this);
  }

  ChangeObserver* const observer_;
  bool ordered_ = false;  // One of them is.
  std::vector<Change> changes_;
  std::vector<Touched> touched_;
  std::string buffer_;  // Keys, names of elements, contexts before the change, and the changes' bytes.
};

}  // namespace starling::engine
