// A hash, set, list or sorted set in memory: elements by name, each with its own dot and its own dirty tag, so that changing
// one element of a million writes one element.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "engine/base/clock.h"
#include "engine/base/types.h"
#include "engine/memory/history.h"
#include "engine/memory/order_index.h"
#include "engine/memory/table.h"

namespace starling::engine {

class Collection {
 public:
  struct Element {
    std::string_view name;
    std::string_view value;  // Empty for sets.
  };

  explicit Collection(Type type) : type_(type) {}

  Type type() const { return type_; }
  uint64_t size() const { return count_; }
  bool contains(std::string_view name) const { return find(name).has_value(); }
  // The value; for sets an empty view when the member is there.
  std::optional<std::string_view> find(std::string_view name) const;
  // In an unspecified order that does not change while the collection does not.
  void for_each(absl::FunctionRef<void(const Element&)> visit) const;
  // Uniform. Precondition: not empty.
  Element random(Random& random) const;
  // One step of a scan with Redis's guarantee: elements present throughout are visited at least once. Begins
  // and ends with cursor 0; visits about `count` elements. Cursors stay below 2^53.
  uint64_t scan(uint64_t cursor, uint64_t count, absl::FunctionRef<void(const Element&)> visit) const;
  // The live element's entry; null when it is not there.
  const Entry* entry_of(std::string_view name) const;
  // The live elements in their order. Precondition: of a type that has one.
  const OrderIndex& order() const;
  size_t memory_bytes() const;
  // The longest name or value, bytes: what OBJECT ENCODING decides by. Visits all elements.
  size_t longest_bytes() const;

  // --- Of one that is being made, to become a record as a whole (Database::put_collection()).
  // Room for about so many elements. Precondition: there is none yet.
  void reserve(uint64_t elements) { elements_.reserve(elements); }
  // True when the element is new. `value` is empty for sets.
  bool put(std::string_view name, std::string_view value);
  // Gives back what was reserved and not needed.
  void fit() { elements_.fit(); }
  // What shows of this one.
  std::unique_ptr<Collection> copy() const;

  // --- For the engine. The stripe of the record is held.
  Table& elements() { return elements_; }
  const Table& elements() const { return elements_; }
  // Elements tagged as changed, tombstones included, by tag (1 or 2).
  uint32_t dirty_count(DirtyTag tag) const { return dirty_[tag]; }
  void add_dirty(DirtyTag tag, int change) { dirty_[tag] += static_cast<uint32_t>(change); }
  // Tags all elements as changed.
  void mark_all(DirtyTag tag);
  DirtyTag header_tag() const { return header_tag_; }
  void set_header_tag(DirtyTag tag) { header_tag_ = tag; }
  // The number of the checkpoint that last erased what earlier collections of this key left in the store.
  uint32_t purged_in() const { return purged_in_; }
  void set_purged_in(uint32_t checkpoint_number) { purged_in_ = checkpoint_number; }
  // Null: the record's context is the entry's own dot, and every element is by that actor.
  History* history() const { return history_.get(); }
  void set_history(std::unique_ptr<History> history) { history_ = std::move(history); }
  // Of a record without a history: the event that set the deadline; 0 stands for the entry's stamp.
  Stamp deadline_stamp() const { return deadline_stamp_; }
  void set_deadline_stamp(Stamp stamp) { deadline_stamp_ = stamp; }
  void add_count(int change) { count_ += static_cast<uint64_t>(static_cast<int64_t>(change)); }
  // Bytes of the elements' own allocations.
  void add_bytes(int64_t change) { element_bytes_ += static_cast<uint64_t>(change); }

 private:
  Table elements_;
  // Made when it is first asked for: what is only loaded, merged or written back needs none.
  mutable std::unique_ptr<OrderIndex> order_;
  uint64_t count_ = 0;  // Live elements; elements_ also has tombstones that wait for a checkpoint.
  uint64_t element_bytes_ = 0;
  uint32_t dirty_[3] = {0, 0, 0};
  Stamp deadline_stamp_ = 0;
  std::unique_ptr<History> history_;
  uint32_t purged_in_ = 0;
  Type type_;
  DirtyTag header_tag_ = 0;
};

}  // namespace starling::engine
