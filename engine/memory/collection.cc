#include "engine/memory/collection.h"

#include <algorithm>
#include <vector>

#include "engine/base/assert.h"

namespace starling::engine {

namespace {

// A cursor is the top 39 of a hash's 48 bits, so that clients that keep it in a double lose nothing.
constexpr int kCursorDroppedBits = 9;

Collection::Element element_of(const Entry& entry) {
  return {entry.key(), entry.value()};
}

}  // namespace

const Entry* Collection::entry_of(std::string_view name) const {
  const Table::Slot slot = elements_.find(hash_of(name), name);
  if (slot == Table::kNotFound || elements_.entry(slot)->tombstone()) return nullptr;
  return elements_.entry(slot);
}

std::optional<std::string_view> Collection::find(std::string_view name) const {
  const Entry* entry = entry_of(name);
  if (entry == nullptr) return std::nullopt;
  return entry->value();
}

const OrderIndex& Collection::order() const {
  STARLING_ASSERT(order_ != nullptr);
  return *order_;
}

void Collection::put_in_order() {
  if (!is_ordered(type_) || order_ != nullptr) return;
  order_ = std::make_unique<OrderIndex>(type_ == Type::kSortedSet ? OrderIndex::By::kScore
                                                                  : OrderIndex::By::kName);
  std::vector<Entry*> entries;
  entries.reserve(count_);
  for (Table::Slot i = elements_.begin(); i != elements_.end(); i = elements_.next(i)) {
    Entry* entry = elements_.entry(i);
    if (entry != nullptr && !entry->tombstone()) entries.push_back(entry);
  }
  order_->build(std::move(entries));
}

void Collection::for_each(absl::FunctionRef<void(const Element&)> visit) const {
  elements_.for_each([&](const Entry& entry) {
    if (!entry.tombstone()) visit(element_of(entry));
  });
}

bool Collection::put(std::string_view name, std::string_view value) {
  const uint64_t hash = hash_of(name);
  const Table::Slot slot = elements_.find(hash, name);
  if (slot != Table::kNotFound && type_ == Type::kSet) return false;
  Entry::Parts parts;
  parts.key = name;
  parts.value = value;
  parts.type = type_;
  store(slot, hash, parts, 0);
  return slot == Table::kNotFound;
}

void Collection::store(Table::Slot slot, uint64_t hash, Entry::Parts parts, DirtyTag tag) {
  Entry* old = slot == Table::kNotFound ? nullptr : elements_.entry(slot);
  // While an entry changes it is in no order: it may stand elsewhere then, or lie elsewhere.
  if (order_ != nullptr && old != nullptr && !old->tombstone()) order_->erase(old);
  Entry* entry = old;
  if (old == nullptr) {
    entry = Entry::create(parts);
    element_bytes_ += entry->allocated_bytes();
    ++count_;
    slot = elements_.insert(hash, entry, 0);
  } else {
    if (old->tombstone()) ++count_;
    parts.flags |= old->flags() & Entry::kOnDisk;
    if (!old->assign(parts)) {
      entry = Entry::create(parts);
      replace(slot, entry);
      Entry::destroy(old);
    }
  }
  if (order_ != nullptr) order_->insert(entry);
  if (tag != 0) mark(slot, tag);
}

Entry* Collection::take(Table::Slot slot, Stamp stamp, ActorIndex actor, DirtyTag tag) {
  Entry* old = elements_.entry(slot);
  STARLING_ASSERT(!old->tombstone());
  --count_;
  if (order_ != nullptr) order_->erase(old);
  if (tag != 0 && old->has(Entry::kOnDisk)) {
    Entry::Parts parts;
    parts.key = old->key();
    parts.stamp = stamp;
    parts.actor = actor;
    parts.flags = Entry::kOnDisk;
    replace(slot, Entry::create(parts));
    mark(slot, tag);
  } else {
    remove(slot, nullptr);
  }
  return old;
}

size_t Collection::move_entry(Heap& heap, Table::Slot slot) {
  const Entry* old = elements_.entry(slot);
  const size_t moved = elements_.move_entry(heap, slot);
  Entry* now = elements_.entry(slot);
  if (order_ != nullptr && now != old && !now->tombstone()) order_->relocate(old, now);
  return moved;
}

// The old entry is not destroyed.
void Collection::replace(Table::Slot slot, Entry* entry) {
  element_bytes_ += entry->allocated_bytes();
  element_bytes_ -= elements_.entry(slot)->allocated_bytes();
  elements_.replace(slot, entry);
}

// The entry is not destroyed.
void Collection::remove(Table::Slot slot, Table::Slot* next) {
  element_bytes_ -= elements_.entry(slot)->allocated_bytes();
  if (const DirtyTag tag = elements_.tag(slot); tag != 0) --dirty_[tag];
  elements_.take(slot, next);
}

void Collection::mark(Table::Slot slot, DirtyTag tag) {
  const DirtyTag old = elements_.tag(slot);
  if (old == tag) return;
  if (old != 0) --dirty_[old];
  elements_.set_tag(slot, tag);
  if (tag != 0) ++dirty_[tag];
}

void Collection::end_checkpoint(DirtyTag flushed, DirtyTag after) {
  for (Table::Slot i = elements_.begin(); dirty_[flushed] > 0 && i != elements_.end();) {
    Entry* element = elements_.entry(i);
    if (element == nullptr || elements_.tag(i) != flushed) {
      i = elements_.next(i);
    } else if (after == 0 && element->tombstone()) {
      remove(i, &i);
      Entry::destroy(element);
    } else {
      mark(i, after);
      i = elements_.next(i);
    }
  }
}

std::unique_ptr<Collection> Collection::copy() const {
  auto copied = std::make_unique<Collection>(type_);
  copied->reserve(count_);
  for_each([&](const Element& element) { copied->put(element.name, element.value); });
  return copied;
}

Collection::Element Collection::random(Random& random) const {
  STARLING_ASSERT(count_ > 0);
  const uint64_t draws = elements_.sample_size();
  // An attempt succeeds once in draws / count_ times. More than these rarely fail; where so many would cost
  // more than a walk over all, fewer are made.
  const uint64_t attempts = std::min<uint64_t>(8 * (draws / count_ + 1), elements_.size() / 8 + 8);
  for (uint64_t attempt = 0; attempt < attempts; ++attempt) {
    const Entry* entry = elements_.sample(random.below(draws));
    if (entry != nullptr && !entry->tombstone()) return element_of(*entry);
  }
  // Count off a random rank: uniform too.
  uint64_t rank = random.below(count_);
  for (Table::Slot i = elements_.begin();; i = elements_.next(i)) {
    const Entry* entry = elements_.entry(i);
    if (entry == nullptr || entry->tombstone()) continue;
    if (rank-- == 0) return element_of(*entry);
  }
}

uint64_t Collection::scan(uint64_t cursor, uint64_t count,
                          absl::FunctionRef<void(const Element&)> visit) const {
  // Entries at home in [from, until) are visited, `until` being where a home group ends: a bound on hashes,
  // so it means the same after the table was resized.
  const uint64_t from = cursor << kCursorDroppedBits;
  if (from >> kHashBits != 0) return 0;
  uint64_t visited = 0;
  uint64_t until = uint64_t{1} << kHashBits;
  for (Table::Slot i = elements_.lower_slot(from); i != elements_.end(); i = elements_.next(i)) {
    const Entry* entry = elements_.entry(i);
    const uint64_t hash = entry == nullptr ? 0 : hash_of(entry->key());
    if (until >> kHashBits != 0 && visited >= count) {
      const uint64_t next = elements_.hash_after(i);
      const uint64_t rounded = (next >> kCursorDroppedBits) << kCursorDroppedBits;
      if (next >> kHashBits == 0 && rounded > from) until = rounded;
    }
    if (until >> kHashBits == 0 && entry == nullptr && elements_.home_slot(until) <= i) break;
    if (entry == nullptr || entry->tombstone() || hash < from || hash >= until) continue;
    visit(element_of(*entry));
    ++visited;
  }
  return until >> kHashBits != 0 ? 0 : until >> kCursorDroppedBits;
}

void Collection::mark_all(DirtyTag tag) {
  elements_.tag_all(tag);
  dirty_[1] = dirty_[2] = 0;
  dirty_[tag] = elements_.size();
}

size_t Collection::memory_bytes() const {
  const size_t history_bytes = history_ == nullptr ? 0 : history_->memory_bytes();
  const size_t order_bytes =
      order_ == nullptr ? 0 : allocation_bytes(sizeof(*order_)) + order_->memory_bytes();
  return allocation_bytes(sizeof(*this)) + elements_.memory_bytes() + element_bytes_ + order_bytes +
         history_bytes;
}

size_t Collection::longest_bytes() const {
  size_t longest = 0;
  for_each([&](const Element& element) {
    longest = std::max({longest, element.name.size(), element.value.size()});
  });
  return longest;
}

}  // namespace starling::engine
