#include "server/execute/block_timeout.h"

#include <algorithm>
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

std::string_view parse_block_milliseconds(std::string_view text, int64_t* timeout_ms) {
  if (!resp::parse_integer(text, timeout_ms)) return "ERR timeout is not an integer or out of range";
  return *timeout_ms < 0 ? "ERR timeout is negative" : std::string_view();
}

std::string_view block_timeout_of(const CommandSpec& spec, Arguments arguments, int64_t* timeout_ms) {
  const std::string_view text = arguments[timeout_position(spec, arguments)];
  return spec.timeout_in_option ? parse_block_milliseconds(text, timeout_ms)
                                : parse_block_timeout(text, timeout_ms);
}

namespace {

bool is_option(std::string_view argument, std::string_view option) {
  return argument.size() == option.size() &&
         std::equal(argument.begin(), argument.end(), option.begin(),
                    [](char a, char b) { return (a >= 'a' && a <= 'z' ? a - 'a' + 'A' : a) == b; });
}

}  // namespace

size_t option_position(Arguments arguments, std::string_view option) {
  for (size_t i = 1; i + 1 < arguments.size(); ++i) {
    if (is_option(arguments[i], option)) return i;
    if (is_option(arguments[i], "STREAMS")) return 0;
    if (is_option(arguments[i], "BLOCK") || is_option(arguments[i], "COUNT")) i += 1;
    if (is_option(arguments[i], "GROUP")) i += 2;
  }
  return 0;
}

size_t timeout_position(const CommandSpec& spec, Arguments arguments) {
  if (spec.timeout_in_option) {
    const size_t option_at = option_position(arguments, "BLOCK");
    return option_at == 0 ? 0 : option_at + 1;
  }
  return static_cast<size_t>(spec.timeout_at +
                             (spec.timeout_at < 0 ? static_cast<int>(arguments.size()) : 0));
}

}  // namespace starling::server
