#include "engine/record/list_position.h"

#include <algorithm>

#include "engine/base/assert.h"
#include "engine/base/byte_codec.h"

namespace starling::engine {

namespace {

constexpr char kFront = 0x40;
constexpr char kBack = static_cast<char>(0x80);
constexpr char kLeft = 0x00;
constexpr char kRight =
    static_cast<char>(0x80);  // Also the end of a name: what is right of an item follows it.
constexpr size_t kDotBytes = 16;
// What the bytes of an index of so many bytes have above its value.
constexpr uint64_t kIndexPrefix[] = {0, 0, 0x8000, 0xc00000, 0xe0000000, 0xf000000000};

void append_index(uint32_t index, std::string* out) {
  if (index < 1u << 7) {
    append_big_endian<1>(index, out);
  } else if (index < 1u << 14) {
    append_big_endian<2>(index | 0x8000u, out);
  } else if (index < 1u << 21) {
    append_big_endian<3>(index | 0xc00000u, out);
  } else if (index < 1u << 28) {
    append_big_endian<4>(index | 0xe0000000u, out);
  } else {
    append_big_endian<5>(index | 0xf000000000u, out);
  }
}

void append_index(uint32_t index, bool complemented, std::string* out) {
  const size_t begin = out->size();
  append_index(index, out);
  if (!complemented) return;
  for (size_t i = begin; i < out->size(); ++i) (*out)[i] = static_cast<char>(~(*out)[i]);
}

// After its side.
void append_child(const Dot& dot, std::string* out) {
  const bool left = out->back() == kLeft;
  append_big_endian<8>(dot.stamp, out);
  append_big_endian<8>(dot.actor, out);
  append_index(0, left, out);
}

// How long the index at the front is; 0: it is none.
size_t index_bytes(std::string_view bytes, bool complemented) {
  if (bytes.empty()) return 0;
  const auto byte_at = [&](size_t i) {
    const auto byte = static_cast<uint8_t>(bytes[i]);
    return static_cast<uint8_t>(complemented ? ~byte : byte);
  };
  size_t size = 1;
  for (uint8_t bit = 0x80; size < 5 && (byte_at(0) & bit) != 0; bit >>= 1) ++size;
  if (size == 5 && byte_at(0) != 0xf0) return 0;
  if (bytes.size() < size) return 0;
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) value = value << 8 | byte_at(i);
  value -= kIndexPrefix[size];
  std::string shortest;
  append_index(static_cast<uint32_t>(value), &shortest);
  return shortest.size() == size ? size : 0;
}

// The parts of a name, from the root on.
class Parts {
 public:
  explicit Parts(std::string_view name) : name_(name) {}

  // False at the name's end, and where it does not go on by the grammar: whole() tells which.
  bool next() {
    const size_t begin = end_;
    if (name_.size() < begin + 1 + kDotBytes + 1) return false;
    const char first = name_[begin];
    const bool root = begin == 0;
    if (first != kRight && first != (root ? kFront : kLeft)) return false;
    complemented_ = first != kRight;
    const size_t index = index_bytes(name_.substr(begin + 1 + kDotBytes), complemented_);
    if (index == 0) return false;
    last_ = begin;
    end_ = begin + 1 + kDotBytes + index;
    return true;
  }
  bool whole() const { return end_ != 0 && name_.size() == end_ + 1 && name_[end_] == kRight; }
  // Of the last part that was there: where it begins, and its index.
  size_t last() const { return last_; }
  uint32_t index() const {
    uint64_t value = 0;
    for (size_t i = last_ + 1 + kDotBytes; i < end_; ++i) {
      const auto byte = static_cast<uint8_t>(name_[i]);
      value = value << 8 | static_cast<uint8_t>(complemented_ ? ~byte : byte);
    }
    return static_cast<uint32_t>(value - kIndexPrefix[end_ - last_ - 1 - kDotBytes]);
  }

 private:
  std::string_view name_;
  size_t last_ = 0;
  size_t end_ = 0;
  bool complemented_ = false;
};

// The next one of a run that this actor makes beside `own`, its item before (from left to right) or behind. Nothing
// where that is not between the two.
std::optional<std::string> next_of_run(std::string_view own, char side, std::string_view before,
                                       std::string_view behind, const Dot& insertion) {
  Parts parts(own);
  while (parts.next()) {
  }
  if (parts.last() == 0 || own[parts.last()] != side) return std::nullopt;
  if (load_big_endian<8>(own.data() + parts.last() + 9) != insertion.actor) return std::nullopt;
  const uint32_t index = parts.index();
  if (index == UINT32_MAX) return std::nullopt;
  std::string name(own.substr(0, parts.last() + 1 + kDotBytes));
  append_index(index + 1, side == kLeft, &name);
  name.push_back(kRight);
  if (name <= before || (!behind.empty() && name >= behind)) return std::nullopt;
  return name;
}

}  // namespace

std::string pushed_position(ListEnd end, const Dot& push, uint32_t index) {
  std::string name;
  const bool front = end == ListEnd::kFront;
  name.push_back(front ? kFront : kBack);
  append_big_endian<8>(front ? ~push.stamp : push.stamp, &name);
  append_big_endian<8>(push.actor, &name);
  append_index(index, front, &name);
  name.push_back(kRight);
  return name;
}

std::optional<std::string> position_between(std::string_view before, std::string_view behind,
                                            const Dot& insertion) {
  STARLING_ASSERT(!before.empty() || !behind.empty());
  STARLING_ASSERT(behind.empty() || before < behind);
  std::string name;
  if (before.empty() || (!behind.empty() && behind.starts_with(before))) {
    if (std::optional<std::string> next = next_of_run(behind, kLeft, before, behind, insertion)) return next;
    name = behind.substr(0, behind.size() - 1);
    name.push_back(kLeft);
  } else {
    if (std::optional<std::string> next = next_of_run(before, kRight, before, behind, insertion)) return next;
    name = before;
  }
  append_child(insertion, &name);
  name.push_back(kRight);
  if (name.size() > kMaxPositionBytes) return std::nullopt;
  return name;
}

bool is_position(std::string_view name) {
  if (name.size() > kMaxPositionBytes) return false;
  Parts parts(name);
  while (parts.next()) {
  }
  return parts.whole();
}

}  // namespace starling::engine
