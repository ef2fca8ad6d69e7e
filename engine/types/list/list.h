// Lists: items in an order, found by how far they stand from the front.
//
// A list is a collection whose elements are named by positions (list_position.h) and in their order (order_index.h).
// Positions come from the event that made the item, never from its neighbours' numbers, so lists merge: every item
// that was pushed anywhere is in the merged list, in the order that each of its authors saw.
//
// Within an operation whose keys are locked, as Database is.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "engine/core/operation.h"
#include "engine/record/list_position.h"

namespace starling::engine {

// Looks at a list. Valid until it changes. Precondition of all: the index is below size().
class ListView {
 public:
  // Precondition: a collection of type kList.
  explicit ListView(const Collection& items) : items_(items) {}

  uint64_t size() const { return items_.size(); }
  std::string_view at(uint64_t index) const;
  // `count` items from `first` on, towards the back. Precondition: there are so many. Ends early when visit answers
  // false.
  void walk(uint64_t first, uint64_t count, absl::FunctionRef<bool(std::string_view item)> visit) const;
  // The same towards the front.
  void walk_back(uint64_t first, uint64_t count, absl::FunctionRef<bool(std::string_view item)> visit) const;

 private:
  const Collection& items_;
};

// A list opened for change. Valid as OpenCollection is: not any more once the last item has gone.
class List {
 public:
  // Precondition: absent, which makes it (then something is pushed), or a list.
  List(Database& database, const Key& key);

  ListView view() const { return ListView(items_.view()); }
  // One after the other, so that the last one is outermost; no other node's items come between them.
  void push(ListEnd end, std::span<const std::string_view> items);
  // Before the item at `index`, which may be size(): at the back. Positions grow where many are put before one
  // another; when one would be too long the list is made anew, which takes all of it.
  void insert(uint64_t index, std::string_view item);
  void set(uint64_t index, std::string_view item);
  // `count` items from `first` on. True when none is left: the key is gone. Precondition: they are there.
  bool remove(uint64_t first, uint64_t count);

 private:
  void renew(uint64_t index, std::string_view item);

  Database database_;
  Key key_;
  OpenCollection items_;
};

// A list that is made apart, for Database::put_collection(). `birth`: Operation::birth().
class ListMaker {
 public:
  ListMaker(const Dot& birth, uint64_t expected_items);
  void add(std::string_view item);
  std::unique_ptr<Collection> take() { return std::move(items_); }

 private:
  Dot birth_;
  uint32_t count_ = 0;
  std::unique_ptr<Collection> items_;
};

}  // namespace starling::engine
