// A set of partitions, of which most are empty or full: by words, not by bits.
#pragma once

#include <array>
#include <bit>
#include <bitset>
#include <cstdint>

#include "engine/base/key.h"

namespace starling::cluster {

using PartitionSet = std::bitset<engine::kPartitionCount>;
inline constexpr size_t kPartitionSetBytes = engine::kPartitionCount / 8;
static_assert(sizeof(PartitionSet) == kPartitionSetBytes && std::endian::native == std::endian::little);

// Bit (p mod 8) of byte (p / 8): how a set is written, and how it lies in memory.
using PartitionSetBytes = std::array<char, kPartitionSetBytes>;

// Visits the partitions of the set, ascending.
template <typename Visit>
void for_each_partition(const PartitionSet& set, Visit visit) {
  const auto words = std::bit_cast<std::array<uint64_t, engine::kPartitionCount / 64>>(set);
  for (size_t i = 0; i < words.size(); ++i) {
    for (uint64_t left = words[i]; left != 0; left &= left - 1)
      visit(static_cast<uint16_t>(i * 64 + static_cast<size_t>(std::countr_zero(left))));
  }
}

}  // namespace starling::cluster
