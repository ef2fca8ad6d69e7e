// The score of a sorted set's member, as its element's value holds it.
//
//   score := IEEE 754 double, 8 bytes, little-endian; never NaN
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/byte_codec.h"

namespace starling::engine {

inline constexpr size_t kScoreBytes = 8;

// Precondition: the value is one.
inline double score_in(std::string_view value) {
  return std::bit_cast<double>(load_u64(value.data()));
}

// Precondition: not NaN.
inline std::string encode_score(double score) {
  std::string bytes;
  append_u64(std::bit_cast<uint64_t>(score), &bytes);
  return bytes;
}

inline bool is_score(std::string_view value) {
  return value.size() == kScoreBytes && !std::isnan(score_in(value));
}

}  // namespace starling::engine
