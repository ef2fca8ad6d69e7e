#include "engine/memory/order_index.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "engine/base/assert.h"
#include "engine/record/score.h"

namespace starling::engine {

// Slots follow in the same allocation.
struct OrderIndex::Leaf {
  Leaf* previous;
  Leaf* next;
  uint16_t count;
  uint16_t capacity;

  Entry** slots() { return reinterpret_cast<Entry**>(this + 1); }
  Entry* const* slots() const { return reinterpret_cast<Entry* const*>(this + 1); }
};

struct OrderIndex::Inner {
  uint16_t count = 0;
  Child children[kChildren];

  uint64_t total() const {
    uint64_t sum = 0;
    for (int i = 0; i < count; ++i) sum += children[i].count;
    return sum;
  }
};

bool OrderIndex::less(const Entry& a, const Entry& b) const {
  if (by_ == By::kScore) {
    const double mine = score_in(a.value());
    const double theirs = score_in(b.value());
    if (mine != theirs) return mine < theirs;
  }
  return a.key() < b.key();
}

size_t OrderIndex::leaf_bytes(uint16_t capacity) {
  return sizeof(Leaf) + capacity * sizeof(Entry*);
}

OrderIndex::Leaf* OrderIndex::make_leaf(uint16_t capacity) {
  auto* leaf = static_cast<Leaf*>(std::malloc(leaf_bytes(capacity)));
  STARLING_ASSERT(leaf != nullptr);
  *leaf = {nullptr, nullptr, 0, capacity};
  return leaf;
}

void OrderIndex::link(Leaf* left, Leaf* right) {
  if (left != nullptr) left->next = right;
  if (right != nullptr) right->previous = left;
}

void OrderIndex::destroy(const Child& child, int level) {
  if (level == 0) {
    auto* leaf = static_cast<Leaf*>(child.node);
    bytes_ -= allocation_bytes(leaf_bytes(leaf->capacity));
    std::free(leaf);
    return;
  }
  auto* inner = static_cast<Inner*>(child.node);
  for (int i = 0; i < inner->count; ++i) destroy(inner->children[i], level - 1);
  bytes_ -= allocation_bytes(sizeof(Inner));
  delete inner;
}

void OrderIndex::clear() {
  if (root_.node != nullptr) destroy(root_, levels_);
  root_ = {};
  levels_ = 0;
  size_ = 0;
}

// --- Putting in

void OrderIndex::build(std::vector<Entry*> entries) {
  STARLING_ASSERT(size_ == 0);
  std::sort(entries.begin(), entries.end(), [this](const Entry* a, const Entry* b) { return less(*a, *b); });
  for (Entry* entry : entries) insert(entry);
}

void OrderIndex::insert(Entry* entry) {
  ++size_;
  if (root_.node == nullptr) {
    Leaf* leaf = make_leaf(kLeastSlots);
    bytes_ += allocation_bytes(leaf_bytes(kLeastSlots));
    leaf->slots()[leaf->count++] = entry;
    root_ = {leaf, entry, 1};
    return;
  }
  const Child added = insert(&root_, levels_, entry, {true, true});
  if (added.node == nullptr) return;
  auto* inner = new Inner;
  bytes_ += allocation_bytes(sizeof(Inner));
  inner->children[inner->count++] = root_;
  inner->children[inner->count++] = added;
  root_ = {inner, root_.first, root_.count + added.count};
  ++levels_;
}

// The last child that does not begin behind the entry; the first one for what comes before all.
int OrderIndex::child_of(const Inner& inner, const Entry& entry) const {
  const Child* place = std::upper_bound(
      inner.children + 1, inner.children + inner.count, entry,
      [this](const Entry& sought, const Child& child) { return less(sought, *child.first); });
  return static_cast<int>(place - inner.children) - 1;
}

OrderIndex::Child OrderIndex::insert(Child* child, int level, Entry* entry, Ends ends) {
  if (level == 0) return insert_into_leaf(child, entry, ends);
  auto* inner = static_cast<Inner*>(child->node);
  const int position = child_of(*inner, *entry);
  const Ends below{ends.front && position == 0, ends.back && position + 1 == inner->count};
  const Child added = insert(&inner->children[position], level - 1, entry, below);
  ++child->count;
  child->first = inner->children[0].first;
  if (added.node == nullptr) return {};
  return insert_child(child, position + 1, added, ends);
}

OrderIndex::Leaf* OrderIndex::grow(Leaf* leaf) {
  const auto capacity = static_cast<uint16_t>(leaf->capacity * 2 + 3);
  Leaf* larger = make_leaf(capacity);
  larger->count = leaf->count;
  std::copy_n(leaf->slots(), leaf->count, larger->slots());
  link(leaf->previous, larger);
  link(larger, leaf->next);
  bytes_ += allocation_bytes(leaf_bytes(capacity));
  bytes_ -= allocation_bytes(leaf_bytes(leaf->capacity));
  std::free(leaf);
  return larger;
}

OrderIndex::Child OrderIndex::insert_into_leaf(Child* child, Entry* entry, Ends ends) {
  auto* leaf = static_cast<Leaf*>(child->node);
  const auto before = [this](const Entry* a, const Entry* b) { return less(*a, *b); };
  auto position = static_cast<uint16_t>(
      std::lower_bound(leaf->slots(), leaf->slots() + leaf->count, entry, before) - leaf->slots());
  if (leaf->count == leaf->capacity && leaf->capacity < kLeafSlots) child->node = leaf = grow(leaf);
  Child added;
  if (leaf->count == kLeafSlots) {
    // What comes at an end is followed by more there: it begins a leaf of its own.
    uint16_t kept = kLeafSlots / 2;
    if (ends.back && position == kLeafSlots) kept = kLeafSlots;
    if (ends.front && position == 0) kept = 0;
    Leaf* right = make_leaf(kLeafSlots);
    bytes_ += allocation_bytes(leaf_bytes(kLeafSlots));
    link(right, leaf->next);
    link(leaf, right);
    right->count = leaf->count - kept;
    std::copy_n(leaf->slots() + kept, right->count, right->slots());
    leaf->count = kept;
    added = {right, nullptr, right->count};
    if (position > kept || kept == kLeafSlots) {
      std::copy_backward(right->slots() + (position - kept), right->slots() + right->count,
                         right->slots() + right->count + 1);
      right->slots()[position - kept] = entry;
      added.count = ++right->count;
      added.first = right->slots()[0];
      child->count = leaf->count;
      return added;
    }
    added.first = right->slots()[0];
  }
  std::copy_backward(leaf->slots() + position, leaf->slots() + leaf->count, leaf->slots() + leaf->count + 1);
  leaf->slots()[position] = entry;
  child->count = ++leaf->count;
  child->first = leaf->slots()[0];
  return added;
}

// The parent's count is right already. Returns the parent's other half when it had to be divided.
OrderIndex::Child OrderIndex::insert_child(Child* parent, int position, const Child& child, Ends ends) {
  auto* inner = static_cast<Inner*>(parent->node);
  Child added;
  if (inner->count == kChildren) {
    const uint16_t kept = ends.back && position == kChildren ? kChildren
                          : ends.front && position <= 1      ? 1
                                                             : kChildren / 2;
    auto* right = new Inner;
    bytes_ += allocation_bytes(sizeof(Inner));
    right->count = inner->count - kept;
    std::copy_n(inner->children + kept, right->count, right->children);
    inner->count = kept;
    added.node = right;
    if (position > kept || kept == kChildren) {
      inner = right;
      position -= kept;
    }
  }
  std::copy_backward(inner->children + position, inner->children + inner->count,
                     inner->children + inner->count + 1);
  inner->children[position] = child;
  ++inner->count;
  if (added.node == nullptr) return added;
  auto* right = static_cast<Inner*>(added.node);
  added.first = right->children[0].first;
  added.count = right->total();
  parent->count -= added.count;
  return added;
}

// --- Taking out

void OrderIndex::erase(const Entry* entry) {
  STARLING_ASSERT(size_ > 0);
  --size_;
  erase(&root_, levels_, entry);
  if (root_.count == 0) {
    drop(root_, levels_);
    root_ = {};
    levels_ = 0;
    return;
  }
  while (levels_ > 0 && static_cast<Inner*>(root_.node)->count == 1) {
    auto* inner = static_cast<Inner*>(root_.node);
    root_ = inner->children[0];
    bytes_ -= allocation_bytes(sizeof(Inner));
    delete inner;
    --levels_;
  }
}

void OrderIndex::erase(Child* child, int level, const Entry* entry) {
  if (level == 0) return erase_from_leaf(child, entry);
  auto* inner = static_cast<Inner*>(child->node);
  const int position = child_of(*inner, *entry);
  erase(&inner->children[position], level - 1, entry);
  --child->count;
  tidy(inner, position, level - 1);
  if (inner->count > 0) child->first = inner->children[0].first;
}

void OrderIndex::erase_from_leaf(Child* child, const Entry* entry) {
  auto* leaf = static_cast<Leaf*>(child->node);
  Entry** const end = leaf->slots() + leaf->count;
  Entry** const place = std::lower_bound(leaf->slots(), end, entry,
                                         [this](const Entry* a, const Entry* b) { return less(*a, *b); });
  STARLING_ASSERT(place != end && *place == entry);
  std::copy(place + 1, end, place);
  child->count = --leaf->count;
  if (leaf->count > 0) child->first = leaf->slots()[0];
}

// After the child at `position`, of `level`, has lost an entry: it goes when it is empty, and joins a neighbour when it
// has become small.
void OrderIndex::tidy(Inner* parent, int position, int level) {
  const Child& child = parent->children[position];
  int gone = position;
  if (child.count == 0) {
    drop(child, level);
  } else {
    const int nodes =
        level == 0 ? static_cast<Leaf*>(child.node)->count : static_cast<Inner*>(child.node)->count;
    if (nodes >= (level == 0 ? kLeafSlots : kChildren) / 4) return;
    if (position + 1 < parent->count &&
        join(&parent->children[position], &parent->children[position + 1], level)) {
      gone = position + 1;
    } else if (position > 0 && join(&parent->children[position - 1], &parent->children[position], level)) {
      gone = position;
    } else {
      return;
    }
  }
  std::copy(parent->children + gone + 1, parent->children + parent->count, parent->children + gone);
  --parent->count;
}

// Moves what the right one has to the left one. False: it does not fit well.
bool OrderIndex::join(Child* left, Child* right, int level) {
  if (level == 0) {
    auto* from = static_cast<Leaf*>(right->node);
    auto* to = static_cast<Leaf*>(left->node);
    if (to->count + from->count > kLeafSlots * 3 / 4) return false;
    while (to->capacity < to->count + from->count) left->node = to = grow(to);
    std::copy_n(from->slots(), from->count, to->slots() + to->count);
    to->count = static_cast<uint16_t>(to->count + from->count);
  } else {
    auto* from = static_cast<Inner*>(right->node);
    auto* to = static_cast<Inner*>(left->node);
    if (to->count + from->count > kChildren * 3 / 4) return false;
    std::copy_n(from->children, from->count, to->children + to->count);
    to->count = static_cast<uint16_t>(to->count + from->count);
    from->count = 0;
  }
  left->count += right->count;
  drop(*right, level);
  return true;
}

// A node with nothing below it any more.
void OrderIndex::drop(const Child& child, int level) {
  if (level == 0) {
    auto* leaf = static_cast<Leaf*>(child.node);
    if (leaf->previous != nullptr) leaf->previous->next = leaf->next;
    if (leaf->next != nullptr) leaf->next->previous = leaf->previous;
  }
  destroy(child, level);
}

void OrderIndex::relocate(const Entry* old, Entry* now) {
  Child* child = &root_;
  for (int level = levels_;; --level) {
    if (child->first == old) child->first = now;
    if (level == 0) break;
    auto* inner = static_cast<Inner*>(child->node);
    // Where the old one is a child's first, nobody may look at it any more.
    Child* const end = inner->children + inner->count;
    Child* place = std::find_if(inner->children, end, [&](const Child& each) { return each.first == old; });
    child = place != end ? place : inner->children + child_of(*inner, *now);
  }
  auto* leaf = static_cast<Leaf*>(child->node);
  Entry** const end = leaf->slots() + leaf->count;
  Entry** const place = std::find(leaf->slots(), end, old);
  STARLING_ASSERT(place != end);
  *place = now;
}

// --- Looking

std::pair<const OrderIndex::Leaf*, uint16_t> OrderIndex::find(uint64_t rank) const {
  STARLING_ASSERT(rank < size_);
  const Child* child = &root_;
  for (int level = levels_; level > 0; --level) {
    const auto* inner = static_cast<const Inner*>(child->node);
    child = inner->children;
    while (rank >= child->count) rank -= child++->count;
  }
  return {static_cast<const Leaf*>(child->node), static_cast<uint16_t>(rank)};
}

Entry* OrderIndex::at(uint64_t rank) const {
  const auto [leaf, position] = find(rank);
  return leaf->slots()[position];
}

uint64_t OrderIndex::rank_of(const Entry& entry) const {
  return count_while([&](const Entry& other) { return less(other, entry); });
}

uint64_t OrderIndex::count_while(absl::FunctionRef<bool(const Entry&)> before) const {
  if (size_ == 0) return 0;
  uint64_t count = 0;
  const Child* child = &root_;
  for (int level = levels_; level > 0; --level) {
    const auto* inner = static_cast<const Inner*>(child->node);
    const Child* place = std::partition_point(inner->children + 1, inner->children + inner->count,
                                              [&](const Child& each) { return before(*each.first); });
    child = place - 1;
    for (const Child* each = inner->children; each != child; ++each) count += each->count;
  }
  const auto* leaf = static_cast<const Leaf*>(child->node);
  Entry* const* const place = std::partition_point(leaf->slots(), leaf->slots() + leaf->count,
                                                   [&](const Entry* each) { return before(*each); });
  return count + static_cast<uint64_t>(place - leaf->slots());
}

void OrderIndex::walk(uint64_t first, uint64_t count, absl::FunctionRef<bool(const Entry&)> visit) const {
  if (count == 0) return;
  STARLING_ASSERT(first + count <= size_);
  auto [leaf, position] = find(first);
  while (visit(*leaf->slots()[position]) && --count > 0) {
    if (++position < leaf->count) continue;
    leaf = leaf->next;
    position = 0;
  }
}

void OrderIndex::walk_back(uint64_t first, uint64_t count,
                           absl::FunctionRef<bool(const Entry&)> visit) const {
  if (count == 0) return;
  STARLING_ASSERT(count <= first + 1);
  auto [leaf, position] = find(first);
  while (visit(*leaf->slots()[position]) && --count > 0) {
    if (position-- > 0) continue;
    leaf = leaf->previous;
    position = static_cast<uint16_t>(leaf->count - 1);
  }
}

void OrderIndex::check() const {
  STARLING_ASSERT((root_.node == nullptr) == (size_ == 0));
  if (size_ == 0) return;
  STARLING_ASSERT(check(root_, levels_) == size_);
  const Entry* previous = nullptr;
  uint64_t seen = 0;
  walk(0, size_, [&](const Entry& entry) {
    STARLING_ASSERT(previous == nullptr || less(*previous, entry));
    previous = &entry;
    ++seen;
    return true;
  });
  STARLING_ASSERT(seen == size_);
  walk_back(size_ - 1, size_, [&](const Entry& entry) {
    STARLING_ASSERT(at(--seen) == &entry);
    return true;
  });
}

uint64_t OrderIndex::check(const Child& child, int level) const {
  uint64_t count = 0;
  const Entry* first = nullptr;
  if (level == 0) {
    const auto* leaf = static_cast<const Leaf*>(child.node);
    count = leaf->count;
    first = leaf->slots()[0];
  } else {
    const auto* inner = static_cast<const Inner*>(child.node);
    for (int i = 0; i < inner->count; ++i) count += check(inner->children[i], level - 1);
    first = inner->children[0].first;
  }
  STARLING_ASSERT(count > 0 && count == child.count && first == child.first);
  return count;
}

}  // namespace starling::engine
