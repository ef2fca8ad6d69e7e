// Scores that several nodes add to at the same time: counter.h with doubles.
//
// A sum of doubles depends on their order. Here it does not: what an actor has added is summed by itself, in the order
// in which it did so, and the sums of actors are added in ascending order of theirs, by everybody. Whole numbers below
// 2^53 are exact; otherwise the last digit may differ from what one node alone would have got.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "engine/record/record.h"

namespace starling::engine {

//   contribution := base dot (actor u64, stamp u64), how it joins u8, base value f64, sum f64
//                   base both 0: none; no NaN; it joins as kLatest, kGreatest or kLeast
struct DoubleContribution {
  // The sibling that was added to. {}: nothing was there.
  Dot base;
  // Of a score that is to be greatest (least) each adder knows what it saw of the others: the greatest (least) of what
  // all of them saw is what they added to.
  Join base_join = Join::kLatest;
  double base_value = 0;
  double sum = 0;
};

std::string encode_double_contribution(const DoubleContribution& contribution);
// False for anything the encoder would not have written.
[[nodiscard]] bool decode_double_contribution(std::string_view bytes, DoubleContribution* contribution);
// Of a sibling of Join::kDoubleSum.
DoubleContribution double_contribution_of(const Sibling& sibling);

// What the contributions to the base of `one`, one of the siblings, show. Infinities of both signs make 0.
double double_sum(const Siblings& siblings, const Sibling& one);

// What an increment at `dot` adds to the siblings its author sees (none: the member is not there). Nothing when the
// actor's own sum would be no number: then the author writes a plain score.
std::optional<Sibling> double_contribution(const Siblings& seen, const Dot& dot, double increment);

}  // namespace starling::engine
