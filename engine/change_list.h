// What an operation changed, key by key, as other nodes need it: the input of Replica::merge_state() and
// merge_delta(). One buffer for all, so that a SET costs an append and a list that is used again allocates
// nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/element_kind.h"
#include "engine/key.h"

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
  std::string_view key;
  std::string_view bytes;
};

class ChangeList {
 public:
  bool empty() const { return changes_.empty(); }
  size_t size() const { return changes_.size(); }
  // One for each key that changed, in the order of their first change. A key is there twice only when the
  // operation swapped or flushed databases in between. Valid until the list is changed.
  ReplicaChange operator[](size_t index) const;
  // Keeps the room.
  void clear();

 private:
  friend class ChangeCapture;
  struct Change {
    size_t key_offset, key_bytes, offset, bytes;
    uint64_t hash;
    uint16_t partition;
    uint8_t database;
    ChangeKind kind;
    bool sealed;  // The bytes are there.
  };
  // An element of a collection that changed, and which of the changes it belongs to.
  struct Touched {
    uint32_t change;
    ElementKind kind;
    size_t name_offset, name_bytes;
  };

  std::vector<Change> changes_;
  std::vector<Touched> touched_;
  std::string buffer_;  // Keys, names of elements, contexts before the change, and the changes' bytes.
};

}  // namespace starling::engine
