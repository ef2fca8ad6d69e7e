// Integers that several nodes add to at the same time. See README.md, "Counters".
//
// What INCR and HINCRBY leave is a sibling of the string or field like any other, with its own dot, but in
// place of a value it has a contribution: what it is added to (the base), and how much its actor has added to
// that so far. An actor's next increment replaces its own contribution and leaves those of others alone; all
// contributions to one base show as one value, their sum. So merging is what it is for all siblings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/record/record.h"

namespace starling::engine {

//   contribution := base dot (actor u64, stamp u64), base value i64, sum i64          both 0: no base
struct Contribution {
  // The sibling that was added to: a value, or what says that there is none. {}: nothing was ever there.
  Dot base;
  int64_t base_value = 0;
  int64_t sum = 0;

  bool operator==(const Contribution&) const = default;
};

inline constexpr size_t kContributionBytes = 32;

std::string encode_contribution(const Contribution& contribution);
// False for anything the encoder would not have written.
[[nodiscard]] bool decode_contribution(std::string_view bytes, Contribution* contribution);
// Of a sibling that is a counter().
Contribution contribution_of(const Sibling& sibling);

// What the contributions to the base of `one`, one of the siblings, show: their sum, or the end of the range.
std::string integer_sum(const Siblings& siblings, const Sibling& one);

// What an increment at `dot` adds to the siblings its author sees (none: there never was one). `shown`:
// whether the winner shows, and then it is an integer; else the sum begins at 0. Nothing when the actor's own
// sum would leave the range: then the author writes a plain value.
std::optional<Sibling> contribution(const Siblings& seen, bool shown, const Dot& dot, int64_t increment);

}  // namespace starling::engine
