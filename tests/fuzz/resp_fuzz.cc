// Parses arbitrary bytes: nothing may crash, and how they are split into reads must not change what they
// mean.
//
// input = flags split* 0x00 bytes;  split: the size of a read, used in turn.

#include <cstdio>
#include <cstdlib>
#include <string>

#include "resp/glob.h"
#include "resp/number.h"
#include "tests/unit/resp/transcript.h"

namespace starling::resp {
namespace {

void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

void check_splits(uint8_t flags, std::string_view splits, std::string_view bytes) {
  ParserLimits limits;
  limits.authenticated = (flags & 1) == 0;
  if ((flags & 2) != 0) limits.max_inline_bytes = 64;
  const bool take = (flags & 4) != 0;
  const std::string whole = transcript(bytes, bytes.size(), limits);
  check(transcript(bytes, 1, limits) == whole, "byte by byte differs");
  size_t i = 0;
  const auto next_read = [&]() -> size_t {
    const size_t size = splits.empty() ? 7 : static_cast<uint8_t>(splits[i++ % splits.size()]);
    return (flags & 8) != 0 ? size * 512 : size;
  };
  const std::string split = transcript(bytes, next_read, limits, take);
  check(split == whole, "split reads differ");
}

void check_numbers(std::string_view text) {
  int64_t integer = 0;
  if (parse_integer(text, &integer)) check(text == std::to_string(integer), "an integer in another form");
  double real = 0;
  if (parse_real(text, &real)) {
    double again = 0;
    const std::string printed = format_real(real);
    check(parse_real(printed, &again) && again == real, "a real does not come back");
  }
  long double long_real = 0;
  if (parse_real(text, &long_real)) check(!format_human(long_real).empty(), "a real without text");
}

}  // namespace
}  // namespace starling::resp

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace starling::resp;  // NOLINT: the entry point has to be global.
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) return 0;
  const size_t separator = std::min(input.find('\0', 1), input.size() - 1);
  const std::string_view splits = input.substr(1, separator - 1 < input.size() ? separator - 1 : 0);
  const std::string_view bytes = input.substr(separator + 1);
  check_splits(static_cast<uint8_t>(input[0]), splits, bytes);
  check_numbers(bytes);
  if (size < 4096) {
    const bool exact = glob_match(splits, bytes);
    if (exact && splits.find('\\') == std::string_view::npos && splits.find('[') == std::string_view::npos) {
      check(glob_match(splits, bytes, true), "matches only when case counts");
    }
  }
  return 0;
}
