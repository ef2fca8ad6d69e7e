// Which of a command's arguments are keys, and what it does with them: in the form of Redis's key specifications, which
// COMMAND INFO shows. A command has one for each kind of use that it makes of keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "engine/base/assert.h"

namespace starling::server {

using Arguments = std::span<const std::string_view>;  // [0] is the command's name as sent.

// As COMMAND INFO and GETKEYSANDFLAGS show them.
enum KeyUse : uint16_t {
  kKeyRO = 1 << 0,
  kKeyRW = 1 << 1,
  kKeyOW = 1 << 2,
  kKeyRM = 1 << 3,
  kKeyAccess = 1 << 4,
  kKeyUpdate = 1 << 5,
  kKeyInsert = 1 << 6,
  kKeyDelete = 1 << 7,
  kKeyVariable = 1 << 8,  // The other arguments decide: CommandSpec::exact_use.
  kKeyNotKey = 1 << 9,    // Placed like a key, but names something else: a channel.
};

struct KeySpecification {
  uint16_t use = 0;      // KeyUse bits.
  int8_t first = 0;      // Position of the first one or, when counted, of their number, which precedes them.
  int8_t last = 0;       // Relative to the first one; negative: counts from the end of the arguments.
  int8_t step = 1;       // At least 1.
  bool counted = false;  // The argument at `first` says how many keys follow.
  bool halves = false;   // The keys are the first half of all arguments behind `keyword`.
  // Not empty: the one key is behind this word, in upper case, which may stand anywhere from `first` on, or nowhere.
  std::string_view keyword = {};

  constexpr bool is_key() const { return (use & kKeyNotKey) == 0; }
  // Whether an argument there is one of them, among as many as arguments of which find() could make sense.
  bool covers(int position, size_t argument_count) const;
  // Adds their positions, in order. False: the arguments make no sense, and what was added is none.
  [[nodiscard]] bool find(Arguments arguments, std::vector<int>* positions) const;
};

constexpr KeySpecification key_at(int position, int use) {
  return {.use = static_cast<uint16_t>(use), .first = static_cast<int8_t>(position)};
}
// From there to the last argument.
constexpr KeySpecification keys_from(int first, int use, int step = 1) {
  return {.use = static_cast<uint16_t>(use),
          .first = static_cast<int8_t>(first),
          .last = -1,
          .step = static_cast<int8_t>(step)};
}
// As many as the argument there says, behind it.
constexpr KeySpecification counted_keys(int number_at, int use) {
  return {.use = static_cast<uint16_t>(use), .first = static_cast<int8_t>(number_at), .counted = true};
}

// Behind that word, from there on; only the command's own finder finds it.
constexpr KeySpecification key_behind(std::string_view keyword, int from, int use) {
  return {.use = static_cast<uint16_t>(use), .first = static_cast<int8_t>(from), .keyword = keyword};
}

// Behind that word, as many as other arguments follow; only the command's own finder finds them.
constexpr KeySpecification keys_behind(std::string_view keyword, int from, int use) {
  KeySpecification keys = key_behind(keyword, from, use);
  keys.last = -1;
  keys.halves = true;
  return keys;
}

// All of a command's, in Redis's order, which is also that of the keys.
class KeySpecifications {
 public:
  static constexpr size_t kMost = 3;

  constexpr KeySpecifications() = default;
  constexpr KeySpecifications(const KeySpecification& only) : all_{only}, size_(1) {}  // NOLINT: to be short.
  constexpr KeySpecifications(std::initializer_list<KeySpecification> all) {
    STARLING_ASSERT(all.size() <= kMost);
    for (const KeySpecification& specification : all) all_[size_++] = specification;
  }

  constexpr bool empty() const { return size_ == 0; }
  constexpr size_t size() const { return size_; }
  constexpr const KeySpecification* begin() const { return all_; }
  constexpr const KeySpecification* end() const { return all_ + size_; }
  constexpr const KeySpecification& front() const { return all_[0]; }
  // Whether there are any, and they are keys: a command has either keys or what stands in their place.
  constexpr bool are_keys() const { return size_ != 0 && all_[0].is_key(); }

 private:
  KeySpecification all_[kMost];
  uint8_t size_ = 0;
};

// First, last (negative counts from the end), step, as COMMAND INFO told before there were specifications; {0,0,0}:
// none.
struct KeyRange {
  int first = 0;
  int last = 0;
  int step = 0;
};
// What a range can say of them: as Redis works it out.
KeyRange key_range(const KeySpecifications& keys);

std::string_view key_use_name(int bit);  // As COMMAND INFO shows it. Empty: not shown.

}  // namespace starling::server
