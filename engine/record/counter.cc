#include "engine/record/counter.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "engine/base/assert.h"
#include "engine/base/byte_codec.h"

namespace starling::engine {
namespace {

__extension__ using Wide = __int128;

int64_t saturated(Wide value) {
  return static_cast<int64_t>(std::clamp(value, Wide{INT64_MIN}, Wide{INT64_MAX}));
}

bool same_base(const Sibling& sibling, const Dot& base) {
  return sibling.counter() && contribution_of(sibling).base == base;
}

int64_t integer_of(const std::string& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  STARLING_ASSERT(error == std::errc() && end == text.data() + text.size());
  return value;
}

}  // namespace

std::string encode_contribution(const Contribution& contribution) {
  std::string bytes;
  append_u64(contribution.base.actor, &bytes);
  append_u64(contribution.base.stamp, &bytes);
  append_u64(static_cast<uint64_t>(contribution.base_value), &bytes);
  append_u64(static_cast<uint64_t>(contribution.sum), &bytes);
  return bytes;
}

bool decode_contribution(std::string_view bytes, Contribution* contribution) {
  if (bytes.size() != kContributionBytes) return false;
  contribution->base.actor = load_u64(bytes.data());
  contribution->base.stamp = load_u64(bytes.data() + 8);
  contribution->base_value = static_cast<int64_t>(load_u64(bytes.data() + 16));
  contribution->sum = static_cast<int64_t>(load_u64(bytes.data() + 24));
  if ((contribution->base.actor == 0) != (contribution->base.stamp == 0)) return false;
  return contribution->base.actor != 0 || contribution->base_value == 0;
}

Contribution contribution_of(const Sibling& sibling) {
  Contribution contribution;
  const bool good = sibling.counter() && decode_contribution(sibling.value, &contribution);
  STARLING_ASSERT(good);
  return contribution;
}

std::string integer_sum(const Siblings& siblings, const Sibling& one) {
  const Contribution first = contribution_of(one);
  Wide sum = first.base_value;
  for (const Sibling& other : siblings) {
    if (same_base(other, first.base)) sum += contribution_of(other).sum;
  }
  return std::to_string(saturated(sum));
}

std::optional<Sibling> contribution(const Siblings& seen, bool shown, const Dot& dot, int64_t increment) {
  Contribution own;
  int64_t deadline_ms = 0;
  if (!seen.empty()) {
    const Sibling& winner = seen.back();
    own.base = winner.dot;
    if (shown && winner.counter()) {
      own = contribution_of(winner);
    } else if (shown) {
      own.base_value = integer_of(winner.value);
    }
    if (shown) deadline_ms = winner.deadline_ms;
  }
  Wide sum = increment;
  for (const Sibling& sibling : seen) {
    if (sibling.dot.actor == dot.actor && same_base(sibling, own.base)) sum += contribution_of(sibling).sum;
  }
  if (saturated(sum) != sum) return std::nullopt;
  own.sum = static_cast<int64_t>(sum);
  return Sibling{dot, encode_contribution(own), deadline_ms, false, Join::kSum};
}

}  // namespace starling::engine
