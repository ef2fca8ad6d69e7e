#include "engine/record/double_sum.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>
#include <vector>

#include "engine/base/assert.h"
#include "engine/base/byte_codec.h"
#include "engine/record/join.h"
#include "engine/record/score.h"

namespace starling::engine {
namespace {

constexpr size_t kBytes = 33;

bool adds_to(const Sibling& sibling, const Dot& base) {
  return sibling.join == Join::kDoubleSum && double_contribution_of(sibling).base == base;
}

// What was added to, by what all who did so saw of it.
double base_value_of(const Siblings& siblings, const DoubleContribution& one) {
  double value = one.base_value;
  for (const Sibling& other : siblings) {
    if (!adds_to(other, one.base)) continue;
    const double seen = double_contribution_of(other).base_value;
    if (one.base_join == Join::kGreatest) value = std::max(value, seen);
    if (one.base_join == Join::kLeast) value = std::min(value, seen);
  }
  return value;
}

}  // namespace

std::string encode_double_contribution(const DoubleContribution& contribution) {
  std::string bytes;
  append_u64(contribution.base.actor, &bytes);
  append_u64(contribution.base.stamp, &bytes);
  bytes.push_back(static_cast<char>(contribution.base_join));
  append_u64(std::bit_cast<uint64_t>(contribution.base_value), &bytes);
  append_u64(std::bit_cast<uint64_t>(contribution.sum), &bytes);
  return bytes;
}

bool decode_double_contribution(std::string_view bytes, DoubleContribution* contribution) {
  if (bytes.size() != kBytes) return false;
  contribution->base.actor = load_u64(bytes.data());
  contribution->base.stamp = load_u64(bytes.data() + 8);
  contribution->base_join = static_cast<Join>(bytes[16]);
  contribution->base_value = std::bit_cast<double>(load_u64(bytes.data() + 17));
  contribution->sum = std::bit_cast<double>(load_u64(bytes.data() + 25));
  if ((contribution->base.actor == 0) != (contribution->base.stamp == 0)) return false;
  if (std::isnan(contribution->base_value) || std::isnan(contribution->sum)) return false;
  if (contribution->base.actor == 0)
    return contribution->base_join == Join::kLatest && load_u64(bytes.data() + 17) == 0;
  return contribution->base_join == Join::kLatest || contribution->base_join == Join::kGreatest ||
         contribution->base_join == Join::kLeast;
}

DoubleContribution double_contribution_of(const Sibling& sibling) {
  DoubleContribution contribution;
  const bool good =
      sibling.join == Join::kDoubleSum && decode_double_contribution(sibling.value, &contribution);
  STARLING_ASSERT(good);
  return contribution;
}

double double_sum(const Siblings& siblings, const Sibling& one) {
  const DoubleContribution first = double_contribution_of(one);
  std::vector<std::pair<ActorId, double>> sums;
  for (const Sibling& other : siblings) {
    if (adds_to(other, first.base)) sums.emplace_back(other.dot.actor, double_contribution_of(other).sum);
  }
  // An actor has one contribution to a base, or after CLUSTER RESTAMP several: they are added in one order.
  std::sort(sums.begin(), sums.end());
  double sum = base_value_of(siblings, first);
  for (const auto& [actor, part] : sums) sum += part;
  return std::isnan(sum) ? 0 : sum;
}

std::optional<Sibling> double_contribution(const Siblings& seen, const Dot& dot, double increment) {
  DoubleContribution own;
  if (!seen.empty()) {
    const Sibling& winner = seen.back();
    if (winner.join == Join::kDoubleSum) {
      own = double_contribution_of(winner);
      own.base_value = base_value_of(seen, own);
    } else {
      own.base = winner.dot;
      own.base_join = winner.join;
      own.base_value = score_in(shown_value(seen));
    }
  }
  own.sum = increment;
  for (const Sibling& sibling : seen) {
    if (sibling.dot.actor == dot.actor && adds_to(sibling, own.base))
      own.sum += double_contribution_of(sibling).sum;
  }
  if (std::isnan(own.sum)) return std::nullopt;
  return Sibling{dot, encode_double_contribution(own), 0, false, Join::kDoubleSum};
}

}  // namespace starling::engine
