#include "engine/types/list/list.h"

#include <optional>
#include <string>
#include <vector>

#include "engine/base/assert.h"
#include "engine/memory/collection.h"
#include "engine/memory/order_index.h"

namespace starling::engine {

std::string_view ListView::at(uint64_t index) const {
  return items_.order().at(index)->value();
}

void ListView::walk(uint64_t first, uint64_t count, absl::FunctionRef<bool(std::string_view)> visit) const {
  items_.order().walk(first, count, [&](const Entry& entry) { return visit(entry.value()); });
}

void ListView::walk_back(uint64_t first, uint64_t count,
                         absl::FunctionRef<bool(std::string_view)> visit) const {
  items_.order().walk_back(first, count, [&](const Entry& entry) { return visit(entry.value()); });
}

List::List(Database& database, const Key& key)
    : database_(database), key_(key), items_(database.open(key, Type::kList)) {}

void List::push(ListEnd end, std::span<const std::string_view> items) {
  const Dot birth = database_.operation().birth();
  uint32_t index = 0;
  for (const std::string_view item : items) items_.put(pushed_position(end, birth, index++), item);
}

void List::insert(uint64_t index, std::string_view item) {
  const OrderIndex& order = items_.view().order();
  if (index == order.size()) return push(ListEnd::kBack, {&item, 1});
  const std::string_view before = index == 0 ? std::string_view() : order.at(index - 1)->key();
  const std::optional<std::string> name =
      position_between(before, order.at(index)->key(), database_.operation().birth());
  if (!name.has_value()) return renew(index, item);
  items_.put(*name, item);
}

// All items get short positions again, with the new one among them.
void List::renew(uint64_t index, std::string_view item) {
  ListMaker maker(database_.operation().birth(), items_.view().size() + 1);
  uint64_t seen = 0;
  view().walk(0, items_.view().size(), [&](std::string_view other) {
    if (seen++ == index) maker.add(item);
    maker.add(other);
    return true;
  });
  const int64_t deadline_ms = database_.find(key_, Touch::kNo).deadline_ms();
  database_.put_collection(key_, maker.take());
  if (deadline_ms != kNoDeadline) database_.set_deadline(key_, deadline_ms);
}

void List::set(uint64_t index, std::string_view item) {
  // A copy: the entry may give way to another one.
  const std::string name(items_.view().order().at(index)->key());
  items_.put(name, item);
}

bool List::remove(uint64_t first, uint64_t count) {
  const bool all = count == items_.view().size();
  for (; count > 0; --count) {
    const bool was_there = items_.remove(items_.view().order().at(first)->key());
    STARLING_ASSERT(was_there);
  }
  return all;
}

ListMaker::ListMaker(const Dot& birth, uint64_t expected_items)
    : birth_(birth), items_(std::make_unique<Collection>(Type::kList)) {
  items_->reserve(expected_items);
}

void ListMaker::add(std::string_view item) {
  items_->put(pushed_position(ListEnd::kBack, birth_, count_++), item);
}

}  // namespace starling::engine
