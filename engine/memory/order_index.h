// The elements of a collection in an order: by rank, by place, one after the other. For types whose elements have one
// (lists, sorted sets, streams); finding them by name is the table's (collection.h), which owns them.
//
// A counted B+ tree: leaves of up to 61 pointers, linked both ways; inner nodes with the first entry and the number of
// entries of each child. Comer, "The Ubiquitous B-Tree" (1979); leaves are joined with a neighbour only when nearly
// empty (Johnson and Shasha, "B-trees with inserts and deletes: why free-at-empty is better than merge-at-half",
// 1989). Whoever appends or prepends leaves full leaves behind, so a list of pushes takes 8.8 bytes an element.
//
// Guarded by the stripe of the record. Entries are looked at only while a call runs, and must not change their place
// in the order while they are in here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "engine/memory/entry.h"

namespace starling::engine {

class OrderIndex {
 public:
  enum class By : uint8_t {
    kName,   // The names' bytes.
    kScore,  // The value, a score (score.h), then the name's bytes.
  };

  explicit OrderIndex(By by) : by_(by) {}
  ~OrderIndex() { clear(); }
  OrderIndex(const OrderIndex&) = delete;
  OrderIndex& operator=(const OrderIndex&) = delete;

  uint64_t size() const { return size_; }
  size_t memory_bytes() const { return bytes_; }

  // In any order, no two equal. Precondition: nothing is in here.
  void build(std::vector<Entry*> entries);
  // Precondition: none is equal.
  void insert(Entry* entry);
  // Precondition: it is in here.
  void erase(const Entry* entry);
  // The entry lies elsewhere now; `old` may be freed already. Precondition: it is in here.
  void relocate(const Entry* old, Entry* now);

  // Precondition: rank < size().
  Entry* at(uint64_t rank) const;
  // How many come before the entry, which need not be in here.
  uint64_t rank_of(const Entry& entry) const;
  // How many there are before the first one for which `before` does not hold. Precondition: it holds for those up to
  // some place, and for none behind it.
  uint64_t count_while(absl::FunctionRef<bool(const Entry&)> before) const;

  // From a rank on, one after the other. Ends with visit's false, or after `count`. Precondition: first + count <=
  // size().
  void walk(uint64_t first, uint64_t count, absl::FunctionRef<bool(const Entry&)> visit) const;
  // The same towards the front: first is the rank of the first one visited. Precondition: count <= first + 1.
  void walk_back(uint64_t first, uint64_t count, absl::FunctionRef<bool(const Entry&)> visit) const;

  // For tests: aborts when a count, a link or an order is wrong.
  void check() const;

 private:
  struct Leaf;
  struct Inner;
  // With what is before the slots 64, 128, 256 and 512 bytes, and 1.5 KiB for inner nodes: sizes that allocators have.
  static constexpr uint16_t kLeastSlots = 5;
  static constexpr uint16_t kLeafSlots = 61;
  static constexpr uint16_t kChildren = 63;

  // A node with what its parent knows of it. Of level 0 it is a Leaf, else an Inner.
  struct Child {
    void* node = nullptr;
    Entry* first = nullptr;
    uint64_t count = 0;
  };
  struct Ends {
    bool front, back;  // The node is the first, the last of its level.
  };

  bool less(const Entry& a, const Entry& b) const;
  static Leaf* make_leaf(uint16_t capacity);
  static size_t leaf_bytes(uint16_t capacity);
  void link(Leaf* left, Leaf* right);
  void clear();
  void destroy(const Child& child, int level);
  uint64_t check(const Child& child, int level) const;

  // What is new behind the child; without a node: nothing.
  Child insert(Child* child, int level, Entry* entry, Ends ends);
  Child insert_into_leaf(Child* child, Entry* entry, Ends ends);
  Child insert_child(Child* parent, int position, const Child& child, Ends ends);
  Leaf* grow(Leaf* leaf);
  void erase(Child* child, int level, const Entry* entry);
  void erase_from_leaf(Child* child, const Entry* entry);
  void tidy(Inner* parent, int position, int level);
  bool join(Child* left, Child* right, int level);
  void drop(const Child& child, int level);
  int child_of(const Inner& inner, const Entry& entry) const;
  // The leaf with the rank, and its place there.
  std::pair<const Leaf*, uint16_t> find(uint64_t rank) const;

  const By by_;
  int levels_ = 0;  // Of inner nodes.
  Child root_;
  uint64_t size_ = 0;
  size_t bytes_ = 0;
};

}  // namespace starling::engine
