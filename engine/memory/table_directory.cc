// A table of several segments. The directory has a place for each value of the hash's leading depth_ bits; a
// segment that shares fewer bits has several places in a row, of which the first one names it in slots.
//
// A full segment is divided into halves of its range, and the directory doubled when it has no places for
// them. Entries that share all bits looked at would double it for ever: that is done only while it leaves at
// most kPlacesPerEntry places for each entry of the table, and a segment that must not be divided grows
// instead. Two halves that hold few entries become one segment again.
#include <cstdlib>
#include <vector>

#include "engine/base/assert.h"
#include "engine/memory/table.h"

namespace starling::engine {

namespace {

constexpr uint64_t kPlacesPerEntry = 4;
// Less than a half has after a division, so that a table that grows and shrinks by one entry does no work.
constexpr uint32_t kMergedEntries = 300;

}  // namespace

struct Table::Directory {
  size_t segment_bytes;    // Of all segments' arrays.
  uint32_t segment_count;  // Those without an array included.
  uint32_t deepest;        // Segments that have one place only.
  uint32_t longest;        // No segment has more slots.
  uint32_t unused[3];

  TableSegment* segments() { return reinterpret_cast<TableSegment*>(this + 1); }
  static size_t bytes(uint32_t depth) { return sizeof(Directory) + (sizeof(TableSegment) << depth); }
  static Directory* make(uint32_t depth) {
    auto* directory = static_cast<Directory*>(std::calloc(1, bytes(depth)));
    STARLING_ASSERT(directory != nullptr);
    return directory;
  }
};

Table::Directory* Table::directory() const {
  return reinterpret_cast<Directory*>(slots()) - 1;
}

void Table::set_directory(Directory* directory, uint32_t depth) {
  static_assert(sizeof(TableSegment) == 2 * sizeof(uint64_t));
  slots_.store(reinterpret_cast<uint64_t*>(directory->segments()), std::memory_order_relaxed);
  capacity_.store(2u << depth, std::memory_order_relaxed);
  total_ = 0;
  depth_ = depth;
}

// How many places a segment of this depth has.
uint32_t Table::places(uint32_t depth) const {
  return 1u << (depth_ - depth);
}

const TableSegment& Table::segment_at(uint32_t position) const {
  return directory()->segments()[position];
}

// The first place of the segment that the hash belongs to.
uint32_t Table::position_of(uint64_t hash) const {
  const auto place = static_cast<uint32_t>(hash >> (kHashBits - depth_));
  return place & ~(places(segment_at(place).depth) - 1);
}

// Sets all places of the segment. Those that it replaces have been released.
void Table::store(uint32_t position, const TableSegment& segment) {
  Directory& directory = *this->directory();
  for (uint32_t i = 0; i < places(segment.depth); ++i) directory.segments()[position + i] = segment;
  directory.segment_bytes += segment.memory_bytes();
  if (segment.slot_count() > directory.longest) directory.longest = segment.slot_count();
}

void Table::release(TableSegment segment) {
  directory()->segment_bytes -= segment.memory_bytes();
  segment.release();
}

TableSegment Table::make_segment(uint32_t depth, const std::vector<uint64_t>& words) {
  if (words.empty()) return {nullptr, 0, depth};
  return TableSegment::make(depth, TableSegment::homes_for(static_cast<uint32_t>(words.size())), words.data(),
                            words.size());
}

void Table::resize_segment(uint32_t position, uint32_t homes) {
  const TableSegment old = segment_at(position);
  const TableSegment resized = homes == 0 ? TableSegment{nullptr, 0, old.depth}
                                          : TableSegment::make(old.depth, homes, old.slots, old.slot_count());
  release(old);
  store(position, resized);
}

void Table::double_directory() {
  Directory* old = directory();
  Directory* doubled = Directory::make(depth_ + 1);
  *doubled = *old;
  doubled->deepest = 0;
  for (uint32_t i = 0; i < 2u << depth_; ++i) doubled->segments()[i] = old->segments()[i / 2];
  set_directory(doubled, depth_ + 1);
  std::free(old);
}

void Table::halve_directory() {
  Directory* old = directory();
  if (depth_ == 1) {
    set_flat(old->segments()[0]);
    std::free(old);
    return;
  }
  Directory* halved = Directory::make(depth_ - 1);
  *halved = *old;
  halved->deepest = halved->longest = 0;
  for (uint32_t i = 0; i < 1u << (depth_ - 1); ++i) {
    const TableSegment& segment = halved->segments()[i] = old->segments()[2 * i];
    if (segment.depth == depth_ - 1) ++halved->deepest;
    if (segment.slot_count() > halved->longest) halved->longest = segment.slot_count();
  }
  set_directory(halved, depth_ - 1);
  std::free(old);
}

bool Table::may_divide(uint32_t depth) const {
  if (depth == kMaxDepth) return false;
  return depth < depth_ || uint64_t{2} << depth_ <= kPlacesPerEntry * used_;
}

void Table::divide(uint32_t position) {
  if (segment_at(position).depth == depth_) {
    double_directory();
    position *= 2;
  }
  const TableSegment old = segment_at(position);
  std::vector<uint64_t> halves[2];
  for (uint32_t i = 0; i < old.slot_count(); ++i) {
    if (old.slots[i] == 0) continue;
    const uint64_t hash = hash_of(TableSegment::pointer(old.slots[i])->key());
    halves[hash >> (kHashBits - 1 - old.depth) & 1].push_back(old.slots[i]);
  }
  release(old);
  const uint32_t depth = old.depth + 1;
  store(position, make_segment(depth, halves[0]));
  store(position + places(depth), make_segment(depth, halves[1]));
  ++directory()->segment_count;
  if (depth == depth_) directory()->deepest += 2;
}

// Makes one of the segment and the other half of the one they once were. False when they are too full, or
// that other half is divided.
bool Table::merge(uint32_t* position) {
  const TableSegment segment = segment_at(*position);
  if (segment.depth == 0) return false;
  const TableSegment other = segment_at(*position ^ places(segment.depth));
  if (other.depth != segment.depth || segment.used() + other.used() > kMergedEntries) return false;
  *position &= ~places(segment.depth);
  std::vector<uint64_t> words(segment.slots, segment.slots + segment.slot_count());
  words.insert(words.end(), other.slots, other.slots + other.slot_count());
  const uint32_t homes = TableSegment::homes_for(segment.used() + other.used());
  release(segment);
  release(other);
  store(*position, homes == 0 ? TableSegment{nullptr, 0, segment.depth - 1}
                              : TableSegment::make(segment.depth - 1, homes, words.data(), words.size()));
  --directory()->segment_count;
  if (segment.depth == depth_) directory()->deepest -= 2;
  return true;
}

void Table::make_directory() {
  TableSegment segment = flat();
  segment.set_used(used_);
  Directory* directory = Directory::make(1);
  directory->segment_count = 1;
  directory->segment_bytes = segment.memory_bytes();
  directory->segments()[0] = directory->segments()[1] = segment;
  set_directory(directory, 1);
  divide(0);
}

void Table::grow_segment(uint32_t position) {
  const TableSegment& segment = segment_at(position);
  if (segment.homes >= TableSegment::kFullHomes && may_divide(segment.depth)) return divide(position);
  resize_segment(position, TableSegment::next_size(segment.homes));
}

Table::Slot Table::insert_in_directory(uint64_t hash, uint64_t word) {
  for (;;) {
    const uint32_t position = position_of(hash);
    const TableSegment& segment = segment_at(position);
    const uint32_t used = segment.used();
    uint32_t index;
    const bool grows = segment.homes < TableSegment::kFullHomes || may_divide(segment.depth);
    const uint32_t limit = grows ? segment.long_probe(used) : UINT32_MAX;
    if (!segment.full(used) && segment.place(hash, word, limit, &index)) {
      segment.set_used(used + 1);
      ++used_;
      return uint64_t{position} << 32 | index;
    }
    grow_segment(position);
  }
}

Entry* Table::take_from_directory(Slot slot, Slot* next) {
  auto position = static_cast<uint32_t>(slot >> 32);
  const auto index = static_cast<uint32_t>(slot);
  const TableSegment segment = segment_at(position);
  Entry* taken = TableSegment::pointer(segment.slots[index]);
  segment.erase(index);
  segment.set_used(segment.used() - 1);
  --used_;
  const uint32_t first = next == nullptr ? 0 : segment.run_begin(index);
  const uint64_t hash =
      (uint64_t{position} << (kHashBits - depth_)) + (first == 0 ? 0 : segment.offset_after(first - 1));
  bool changed = segment.used() == 0 || segment.sparse(segment.used());
  if (changed) resize_segment(position, TableSegment::homes_for(segment.used()));
  while (merge(&position)) changed = true;
  while (depth_ > 0 && directory()->deepest == 0) halve_directory();
  if (used_ == 0) clear();
  if (next != nullptr) *next = changed ? lower_slot(hash) : at_or_after(slot);
  return taken;
}

// As many segments as make them half full of what a segment may have, each with room for its share.
void Table::reserve_directory(uint64_t entries) {
  uint32_t depth = 1;
  while (depth < kMaxDepth && entries >> depth > TableSegment::kFullHomes / 2) ++depth;
  Directory* directory = Directory::make(depth);
  directory->segment_count = directory->deepest = 1u << depth;
  set_directory(directory, depth);
  const uint32_t homes = TableSegment::homes_for(static_cast<uint32_t>(entries >> depth));
  for (uint32_t i = 0; i < 1u << depth; ++i) store(i, TableSegment::make(depth, homes, nullptr, 0));
}

void Table::for_each(absl::FunctionRef<void(Entry&)> visit) const {
  if (depth_ == 0) return flat().for_each(visit);
  for (uint32_t i = 0; i < 1u << depth_; i += places(segment_at(i).depth)) segment_at(i).for_each(visit);
}

void Table::release_directory() {
  for (uint32_t i = 0; i < 1u << depth_;) {
    const TableSegment segment = segment_at(i);
    i += places(segment.depth);
    release(segment);
  }
  std::free(directory());
}

Table::Slot Table::find_in_directory(uint64_t hash, std::string_view name) const {
  const uint32_t position = position_of(hash);
  const TableSegment& segment = segment_at(position);
  if (segment.slots == nullptr) return kNotFound;
  const uint32_t index = segment.find(hash, name);
  return index == segment.slot_count() ? kNotFound : uint64_t{position} << 32 | index;
}

void Table::prefetch_entry_in_directory(uint64_t hash) const {
  const TableSegment& segment = segment_at(position_of(hash));
  if (segment.slots != nullptr) segment.prefetch_entry(hash);
}

Table::Slot Table::at_or_after_in_directory(Slot slot) const {
  auto index = static_cast<uint32_t>(slot);
  for (uint64_t position = slot >> 32; position < uint64_t{1} << depth_; index = 0) {
    const TableSegment& segment = segment_at(static_cast<uint32_t>(position));
    const uint64_t first = position & ~uint64_t{places(segment.depth) - 1};
    if (first == position && index < segment.slot_count()) return position << 32 | index;
    position = first + places(segment.depth);
  }
  return end();
}

Table::Slot Table::home_slot_in_directory(uint64_t hash) const {
  const uint32_t position = position_of(hash);
  const TableSegment& segment = segment_at(position);
  return uint64_t{position} << 32 | (segment.homes == 0 ? 0 : segment.home(hash));
}

uint64_t& Table::word_in_directory(Slot slot) const {
  return segment_at(static_cast<uint32_t>(slot >> 32)).slots[static_cast<uint32_t>(slot)];
}

uint64_t Table::hash_after_in_directory(Slot slot) const {
  return ((slot >> 32) << (kHashBits - depth_)) +
         segment_at(static_cast<uint32_t>(slot >> 32)).offset_after(static_cast<uint32_t>(slot));
}

size_t Table::directory_bytes() const {
  return allocation_bytes(Directory::bytes(depth_)) + directory()->segment_bytes;
}

void Table::tag_all(DirtyTag tag) {
  const uint64_t bits = uint64_t{tag} << TableSegment::kTagShift;
  const auto tag_segment = [&](const TableSegment& segment) {
    for (uint32_t i = 0; i < segment.slot_count(); ++i) {
      uint64_t& slot = segment.slots[i];
      if (slot != 0) slot = (slot & ~(uint64_t{3} << TableSegment::kTagShift)) | bits;
    }
  };
  if (depth_ == 0) return tag_segment(flat());
  for (uint32_t i = 0; i < 1u << depth_; i += places(segment_at(i).depth)) tag_segment(segment_at(i));
}

uint32_t Table::segment_count() const {
  return depth_ != 0 ? directory()->segment_count : used_ != 0 ? 1 : 0;
}

uint64_t Table::sample_size() const {
  return depth_ == 0 ? total_ : uint64_t{directory()->longest} << depth_;
}

const Entry* Table::sample(uint64_t draw) const {
  if (depth_ == 0) return entry(draw);
  const auto position = static_cast<uint32_t>(draw / directory()->longest);
  const auto index = static_cast<uint32_t>(draw % directory()->longest);
  const TableSegment& segment = segment_at(position);
  if ((position & (places(segment.depth) - 1)) != 0 || index >= segment.slot_count()) return nullptr;
  return TableSegment::pointer(segment.slots[index]);
}

Table::Slot Table::slot_near(uint64_t draw) const {
  if (depth_ == 0) return draw;
  const Slot slot = at_or_after(draw / directory()->longest << 32 | draw % directory()->longest);
  return slot == end() ? begin() : slot;
}

size_t Table::move_slots_in_directory(Heap& heap, Slot slot) {
  const auto position = static_cast<uint32_t>(slot >> 32);
  size_t moved_bytes = 0;
  TableSegment segment = segment_at(position);
  if (segment.slots != nullptr) {
    moved_bytes = segment.move(heap);
    directory()->segment_bytes -= segment.memory_bytes();
    store(position, segment);
  }
  if (position != 0) return moved_bytes;
  const size_t bytes = Directory::bytes(depth_);
  void* moved = heap.move(directory(), bytes);
  if (moved == nullptr) return moved_bytes;
  set_directory(static_cast<Directory*>(moved), depth_);
  return moved_bytes + bytes;
}

}  // namespace starling::engine
