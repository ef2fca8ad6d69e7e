// A hash, set, list, sorted set or stream in memory: elements by name, each with its own dot and its own dirty tag,
// so that changing one element of a million writes one element.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "engine/base/clock.h"
#include "engine/base/heap.h"
#include "engine/base/types.h"
#include "engine/memory/entry.h"
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
  // The live elements in their order. Precondition: of a type that has one; a record's, or put_in_order() was called.
  const OrderIndex& order() const;
  size_t memory_bytes() const;
  // The longest name or value, bytes: what OBJECT ENCODING decides by. Visits all elements.
  size_t longest_bytes() const;

  // --- Of one that is being made, to become a record as a whole (Database::put_collection()).
  // Room for about so many elements. Precondition: there is none yet.
  void reserve(uint64_t elements) { elements_.reserve(elements); }
  // True when the element is new. `value` is empty for sets.
  bool put(std::string_view name, std::string_view value);
  // Whoever makes it a record's calls this before. From then on its elements have their order, if its type has one.
  void put_in_order();
  // Gives back what was reserved and not needed.
  void fit() { elements_.fit(); }
  // What shows of this one.
  std::unique_ptr<Collection> copy() const;

  // --- For the engine. The stripe of the record is held.
  // For looking. The elements' entries are put, taken and moved by what follows, and nowhere else: so count, bytes
  // and tags are always those of what is here, and whatever else finds an element by where its entry lies.
  const Table& elements() const { return elements_; }
  // Puts the element in place of what is in the slot, which may be Table::kNotFound: then none has its name, and
  // `hash` is hash_of(parts.key). It is tagged as changed; with tag 0 (nothing is durable, or this is what the store
  // has) its tag stays. What the old one says of the store (Entry::kOnDisk) goes on in the new one. Slots found
  // before are stale.
  void store(Table::Slot slot, uint64_t hash, Entry::Parts parts, DirtyTag tag);
  // Takes a live element out and returns its entry, for the caller to destroy. Where the store may hold it (and the
  // tag is not 0) a tombstone of this event is in its place, tagged; otherwise slots found before are stale.
  [[nodiscard]] Entry* take(Table::Slot slot, Stamp stamp, ActorIndex actor, DirtyTag tag);
  // Elements tagged as changed, tombstones included, by tag (1 or 2).
  uint32_t dirty_count(DirtyTag tag) const { return dirty_[tag]; }
  // Tags all elements as changed. Precondition: the tag is not 0.
  void mark_all(DirtyTag tag);
  // The checkpoint that `flushed` is the tag of has ended. What waited for it waits for that of `after` instead; 0:
  // for none, as it is in the store, and tombstones among it are gone.
  void end_checkpoint(DirtyTag flushed, DirtyTag after);
  // Have an entry, or the array that the slot is in, moved to where memory is used better. Answer the bytes that were.
  // Slots stay what they are.
  size_t move_entry(Heap& heap, Table::Slot slot);
  size_t move_slots(Heap& heap, Table::Slot slot) { return elements_.move_slots(heap, slot); }
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

 private:
  void mark(Table::Slot slot, DirtyTag tag);
  void replace(Table::Slot slot, Entry* entry);
  void remove(Table::Slot slot, Table::Slot* next);

  Table elements_;
  std::unique_ptr<OrderIndex> order_;
  uint64_t count_ = 0;          // Live elements; elements_ also has tombstones that wait for a checkpoint.
  uint64_t element_bytes_ = 0;  // Of the elements' own allocations.
  uint32_t dirty_[3] = {0, 0, 0};
  Stamp deadline_stamp_ = 0;
  std::unique_ptr<History> history_;
  uint32_t purged_in_ = 0;
  Type type_;
  DirtyTag header_tag_ = 0;
};

}  // namespace starling::engine
