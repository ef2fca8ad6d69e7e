#include "engine/record/join.h"

#include <algorithm>
#include <utility>

#include "engine/record/counter.h"
#include "engine/record/double_sum.h"
#include "engine/record/score.h"

namespace starling::engine {
namespace {

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
  return one.value;
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
  return a.dot == b.dot;
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
