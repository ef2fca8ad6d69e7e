// The longest common subsequence of two byte strings, with the ranges in which they run in parallel.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace starling::server {

// The same bytes at a[a_first..a_last] and b[b_first..b_last], ends included.
struct CommonRange {
  uint32_t a_first, a_last, b_first, b_last;
  uint32_t size() const { return a_last - a_first + 1; }
};

struct CommonSubsequence {
  uint32_t size = 0;
  std::string text;                 // Unless only the size was asked for.
  std::vector<CommonRange> ranges;  // Likewise. From the ends of the strings to their beginnings.
};

// Time a.size() * b.size(); memory one bit for each of those steps, or with `size_only` just 4 bytes for each
// byte of b. Precondition: both sizes are below UINT32_MAX - 1.
CommonSubsequence longest_common_subsequence(std::string_view a, std::string_view b, bool size_only);

}  // namespace starling::server
