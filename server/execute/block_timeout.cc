#include "server/execute/block_timeout.h"

#include <cmath>

#include "resp/number.h"

namespace starling::server {

std::string_view parse_block_timeout(std::string_view text, int64_t* timeout_ms) {
  constexpr long double kMostMs = 9223372036854775807.0L;
  long double seconds = 0;
  if (!resp::parse_real(text, &seconds)) return "ERR timeout is not a float or out of range";
  const long double milliseconds = std::ceil(seconds * 1000);
  // What is too much Redis calls negative, too.
  if (milliseconds < 0 || milliseconds > kMostMs) return "ERR timeout is negative";
  *timeout_ms = static_cast<int64_t>(milliseconds);
  return {};
}

}  // namespace starling::server
