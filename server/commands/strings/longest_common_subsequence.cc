#include "server/commands/strings/longest_common_subsequence.h"

#include <algorithm>

namespace starling::server {
namespace {

// For each pair of prefixes that end in different bytes: whether shortening a loses less than shortening b
// does. That is all that the way back needs of the classic table of sizes.
class Directions {
 public:
  Directions(size_t rows, size_t columns) : columns_(columns), bits_((rows * columns + 63) / 64) {}

  void set(size_t row, size_t column) {
    const size_t i = row * columns_ + column;
    bits_[i / 64] |= uint64_t{1} << i % 64;
  }
  bool shorten_a(size_t row, size_t column) const {
    const size_t i = row * columns_ + column;
    return (bits_[i / 64] >> i % 64 & 1) != 0;
  }

 private:
  size_t columns_;
  std::vector<uint64_t> bits_;
};

// Returns the size; fills in `directions` unless null.
uint32_t fill_table(std::string_view a, std::string_view b, Directions* directions) {
  std::vector<uint32_t> sizes(b.size() + 1);  // The table's current row.
  for (size_t i = 0; i < a.size(); ++i) {
    uint32_t diagonal = 0;
    for (size_t j = 0; j < b.size(); ++j) {
      const uint32_t above = sizes[j + 1];
      const uint32_t left = sizes[j];
      if (a[i] == b[j]) {
        sizes[j + 1] = diagonal + 1;
      } else {
        sizes[j + 1] = std::max(above, left);
        if (directions != nullptr && above > left) directions->set(i, j);
      }
      diagonal = above;
    }
  }
  return sizes.back();
}

// Puts a pair of equal bytes in front of the ranges found so far.
void add_pair(uint32_t i, uint32_t j, bool continues, std::vector<CommonRange>* ranges) {
  if (continues) {
    ranges->back().a_first = i;
    ranges->back().b_first = j;
  } else {
    ranges->push_back({i, i, j, j});
  }
}

}  // namespace

CommonSubsequence longest_common_subsequence(std::string_view a, std::string_view b, bool size_only) {
  CommonSubsequence result;
  if (size_only) {
    result.size = fill_table(a, b, nullptr);
    return result;
  }
  Directions directions(a.size(), b.size());
  result.size = fill_table(a, b, &directions);
  result.text.resize(result.size);
  size_t i = a.size(), j = b.size(), left = result.size;
  bool in_range = false;
  while (i > 0 && j > 0) {
    if (a[i - 1] == b[j - 1]) {
      --i;
      --j;
      result.text[--left] = a[i];
      add_pair(static_cast<uint32_t>(i), static_cast<uint32_t>(j), in_range, &result.ranges);
      in_range = true;
    } else {
      --(directions.shorten_a(i - 1, j - 1) ? i : j);
      in_range = false;
    }
  }
  return result;
}

}  // namespace starling::server
