#include "engine/record/join.h"

#include <algorithm>
#include <utility>

#include "engine/record/counter.h"
#include "engine/record/double_sum.h"
#include "engine/record/hyperloglog.h"
#include "engine/record/score.h"

namespace starling::engine {
namespace {

// Told by the bytes: so PFADD leaves a value like any other, and what SET brings counts, too.
bool has_registers(const Sibling& sibling) {
  if (sibling.join != Join::kLatest || sibling.tombstone || !is_hyperloglog(sibling.value)) return false;
  Registers unused{};
  return raise_all(sibling.value, &unused);
}

// The bytes follow from the registers alone: all nodes show the same.
std::string union_of_registers(const Siblings& siblings) {
  Registers all{};
  bool dense = false;
  for (const Sibling& sibling : siblings) {
    if (!has_registers(sibling)) continue;
    (void)raise_all(sibling.value, &all);
    dense |= is_dense(sibling.value);
  }
  std::string value = empty_hyperloglog();
  if (dense) (void)make_dense(&value);
  for (size_t i = 0; i < kRegisterCount; ++i) {
    if (all[i] != 0) (void)raise(i, all[i], &value);
  }
  forget_count(value.data());
  return value;
}

// Of a family, by one of them.
std::string shown_by(const Siblings& siblings, const Sibling& one) {
  switch (one.join) {
    case Join::kSum:
      return integer_sum(siblings, one);
    case Join::kDoubleSum:
      return encode_score(double_sum(siblings, one));
    case Join::kGreatest:
    case Join::kLeast: {
      const Sibling* shown = &one;
      for (const Sibling& other : siblings) {
        if (!same_family(other, one)) continue;
        const bool above = score_in(other.value) > score_in(shown->value);
        const bool below = score_in(other.value) < score_in(shown->value);
        if (one.join == Join::kGreatest ? above : below) shown = &other;
      }
      return shown->value;
    }
    case Join::kLatest:
      break;
  }
  const bool alone = std::none_of(siblings.begin(), siblings.end(), [&](const Sibling& other) {
    return other.dot != one.dot && same_family(other, one);
  });
  return alone ? one.value : union_of_registers(siblings);
}

}  // namespace

bool same_family(const Sibling& a, const Sibling& b) {
  if (a.join != b.join) return false;
  switch (a.join) {
    case Join::kSum:
      return contribution_of(a).base == contribution_of(b).base;
    case Join::kDoubleSum:
      return double_contribution_of(a).base == double_contribution_of(b).base;
    case Join::kGreatest:
    case Join::kLeast:
      return true;
    case Join::kLatest:
      break;
  }
  return a.dot == b.dot || (has_registers(a) && has_registers(b));
}

bool shows_alone(const Siblings& siblings) {
  const Sibling& winner = siblings.back();
  return winner.join == Join::kLatest &&
         std::none_of(siblings.begin(), siblings.end() - 1,
                      [&](const Sibling& s) { return same_family(s, winner); });
}

std::string shown_value(const Siblings& siblings) {
  return shown_by(siblings, siblings.back());
}

Siblings shown_siblings(const Siblings& siblings) {
  Siblings shown;
  // From the greatest on, so that each family is met at its greatest dot first.
  for (auto sibling = siblings.rbegin(); sibling != siblings.rend(); ++sibling) {
    const bool met =
        std::any_of(siblings.rbegin(), sibling, [&](const Sibling& s) { return same_family(s, *sibling); });
    if (met) continue;
    shown.push_back({sibling->dot, shown_by(siblings, *sibling), sibling->deadline_ms, sibling->tombstone});
  }
  std::reverse(shown.begin(), shown.end());
  return shown;
}

void place_contribution(Sibling own, Siblings* siblings) {
  std::erase_if(*siblings, [&](const Sibling& sibling) {
    return sibling.dot.actor == own.dot.actor || !same_family(sibling, own);
  });
  siblings->insert(std::upper_bound(siblings->begin(), siblings->end(), own), std::move(own));
}

}  // namespace starling::engine
