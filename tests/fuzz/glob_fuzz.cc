// Glob patterns: both ways to match come to the same, and take no more steps than they may.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "resp/glob.h"

namespace {

void check(bool holds, const char* otherwise) {
  if (holds) return;
  std::cerr << otherwise << '\n';
  std::abort();
}

}  // namespace

// The first byte: whether case counts, and how the rest is split into pattern and string.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace starling::resp;  // NOLINT: the entry point has to be global.
  if (size < 2) return 0;
  const bool ignore_case = (data[0] & 1) != 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t split = input.size() * (data[0] >> 1) / 127;
  const std::string_view pattern = input.substr(0, split), string = input.substr(split);
  uint64_t steps = 0, steps_by_parts = 0;
  const bool matched = glob_match(pattern, string, ignore_case, &steps);
  const uint64_t most = kGlobStepsPerByte * (pattern.size() + string.size()) + kGlobLeastSteps;
  check(steps <= most, "more steps than a match may take");
  const bool by_parts = glob_match_by_parts(pattern, string, ignore_case, &steps_by_parts);
  check(steps_by_parts <= most, "more steps than a match by parts may take");
  const bool bounded = ignore_case ? pattern.size() <= kMaxGlobPartTokens : glob_bounded(pattern);
  if (bounded) check(matched == by_parts, "matching in turn and by parts differ");
  return 0;
}
