#include "engine/record/counter.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "engine/base/assert.h"
#include "engine/base/byte_codec.h"

namespace starling::engine {
namespace {

__extension__ using Wide = __int128;

int64_t saturated(Wide value) {
  return static_cast<int64_t>(std::clamp(value, Wide{INT64_MIN}, Wide{INT64_MAX}));
}

bool same_base(const Sibling& sibling, const Dot& base) {
  return sibling.counter && contribution_of(sibling).base == base;
}

// What the contributions to the base of `sibling`, one of them, show.
std::string sum_of(const Siblings& siblings, const Sibling& sibling) {
  const Contribution one = contribution_of(sibling);
  Wide sum = one.base_value;
  for (const Sibling& other : siblings) {
    if (same_base(other, one.base)) sum += contribution_of(other).sum;
  }
  return std::to_string(saturated(sum));
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
  const bool good = sibling.counter && decode_contribution(sibling.value, &contribution);
  STARLING_ASSERT(good);
  return contribution;
}

std::string shown_value(const Siblings& siblings) {
  const Sibling& winner = siblings.back();
  return winner.counter ? sum_of(siblings, winner) : winner.value;
}

Siblings shown_siblings(const Siblings& siblings) {
  Siblings shown;
  std::vector<Dot> bases;
  // From the greatest on, so that each sum is met at its greatest dot first.
  for (auto sibling = siblings.rbegin(); sibling != siblings.rend(); ++sibling) {
    if (!sibling->counter) {
      shown.push_back(*sibling);
      continue;
    }
    const Dot base = contribution_of(*sibling).base;
    if (std::find(bases.begin(), bases.end(), base) != bases.end()) continue;
    bases.push_back(base);
    shown.push_back({sibling->dot, sum_of(siblings, *sibling), sibling->deadline_ms, false, false});
  }
  std::reverse(shown.begin(), shown.end());
  return shown;
}

std::optional<Sibling> contribution(const Siblings& seen, bool shown, const Dot& dot, int64_t increment) {
  Contribution own;
  int64_t deadline_ms = 0;
  if (!seen.empty()) {
    const Sibling& winner = seen.back();
    own.base = winner.dot;
    if (shown && winner.counter) {
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
  return Sibling{dot, encode_contribution(own), deadline_ms, false, true};
}

void place_contribution(Sibling own, Siblings* siblings) {
  const Dot base = contribution_of(own).base;
  std::erase_if(*siblings, [&](const Sibling& sibling) {
    return sibling.dot.actor == own.dot.actor || !same_base(sibling, base);
  });
  siblings->insert(std::upper_bound(siblings->begin(), siblings->end(), own), std::move(own));
}

}  // namespace starling::engine
