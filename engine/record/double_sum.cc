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

constexpr size_t kBytes = 32;

bool same_base(const Sibling& sibling, const Dot& base) {
  return sibling.join == Join::kDoubleSum && double_contribution_of(sibling).base == base;
}

}  // namespace

std::string encode_double_contribution(const DoubleContribution& contribution) {
  std::string bytes;
  append_u64(contribution.base.actor, &bytes);
  append_u64(contribution.base.stamp, &bytes);
  append_u64(std::bit_cast<uint64_t>(contribution.base_value), &bytes);
  append_u64(std::bit_cast<uint64_t>(contribution.sum), &bytes);
  return bytes;
}

bool decode_double_contribution(std::string_view bytes, DoubleContribution* contribution) {
  if (bytes.size() != kBytes) return false;
  contribution->base.actor = load_u64(bytes.data());
  contribution->base.stamp = load_u64(bytes.data() + 8);
  contribution->base_value = std::bit_cast<double>(load_u64(bytes.data() + 16));
  contribution->sum = std::bit_cast<double>(load_u64(bytes.data() + 24));
  if ((contribution->base.actor == 0) != (contribution->base.stamp == 0)) return false;
  if (std::isnan(contribution->base_value) || std::isnan(contribution->sum)) return false;
  return contribution->base.actor != 0 || load_u64(bytes.data() + 16) == 0;
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
    if (same_base(other, first.base)) sums.emplace_back(other.dot.actor, double_contribution_of(other).sum);
  }
  // An actor has one contribution to a base; more would still be added in one order.
  std::sort(sums.begin(), sums.end());
  double sum = first.base_value;
  for (const auto& [actor, part] : sums) sum += part;
  return std::isnan(sum) ? 0 : sum;
}

std::optional<Sibling> double_contribution(const Siblings& seen, const Dot& dot, double increment) {
  DoubleContribution own;
  if (!seen.empty()) {
    const Sibling& winner = seen.back();
    if (winner.join == Join::kDoubleSum) {
      own = double_contribution_of(winner);
    } else {
      own.base = winner.dot;
      own.base_value = score_in(shown_value(seen));
    }
  }
  own.sum = increment;
  for (const Sibling& sibling : seen) {
    if (sibling.dot.actor == dot.actor && same_base(sibling, own.base))
      own.sum = double_contribution_of(sibling).sum + increment;
  }
  if (std::isnan(own.sum)) return std::nullopt;
  return Sibling{dot, encode_double_contribution(own), 0, false, Join::kDoubleSum};
}

}  // namespace starling::engine
