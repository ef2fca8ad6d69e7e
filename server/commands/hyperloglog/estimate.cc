#include "server/commands/hyperloglog/estimate.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace starling::server {
namespace {

constexpr unsigned kIndexBits = 14;
constexpr unsigned kHeights = 64 - kIndexBits;
constexpr uint64_t kSeed = 0xadc83b19;
// 1 / (2 ln 2): the constant of infinitely many registers.
constexpr double kAlpha = 0.721347520444481703680;

uint64_t load(const char* bytes, size_t count) {
  uint64_t word = 0;
  for (size_t i = 0; i < count; ++i) word |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  return word;
}

// MurmurHash64A: the same on machines of either byte order.
uint64_t murmur(std::string_view bytes) {
  constexpr uint64_t kMultiplier = 0xc6a4a7935bd1e995;
  constexpr int kShift = 47;
  uint64_t hash = kSeed ^ (bytes.size() * kMultiplier);
  size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    uint64_t word = load(bytes.data() + at, 8) * kMultiplier;
    word ^= word >> kShift;
    hash = (hash ^ word * kMultiplier) * kMultiplier;
  }
  if (at < bytes.size()) hash = (hash ^ load(bytes.data() + at, bytes.size() - at)) * kMultiplier;
  hash = (hash ^ hash >> kShift) * kMultiplier;
  return hash ^ hash >> kShift;
}

// What registers that are full bring to the sum; `share` of them are not.
double tau(double share) {
  if (share == 0 || share == 1) return 0;
  double weight = 1, sum = 1 - share, before;
  do {
    share = std::sqrt(share);
    before = sum;
    weight *= 0.5;
    sum -= std::pow(1 - share, 2) * weight;
  } while (before != sum);
  return sum / 3;
}

// What registers that are empty bring; `share` of them are.
double sigma(double share) {
  if (share == 1) return std::numeric_limits<double>::infinity();
  double weight = 1, sum = share, before;
  do {
    share *= share;
    before = sum;
    sum += share * weight;
    weight += weight;
  } while (before != sum);
  return sum;
}

}  // namespace

Observation observe(std::string_view element) {
  const uint64_t hash = murmur(element);
  // A bit beyond the last ends the run of zeros.
  const uint64_t rest = hash >> kIndexBits | uint64_t{1} << kHeights;
  return {hash & (engine::kRegisterCount - 1), static_cast<uint8_t>(std::countr_zero(rest) + 1)};
}

uint64_t estimate(const engine::Registers& registers) {
  std::array<int, 64> with_height{};
  for (const uint8_t height : registers) ++with_height[height];
  constexpr double kCount = engine::kRegisterCount;
  double sum = kCount * tau((kCount - with_height[kHeights + 1]) / kCount);
  for (unsigned height = kHeights; height >= 1; --height) {
    sum += with_height[height];
    sum *= 0.5;
  }
  sum += kCount * sigma(with_height[0] / kCount);
  return static_cast<uint64_t>(std::llroundl(kAlpha * kCount * kCount / sum));
}

}  // namespace starling::server
