// Text to numbers and back, accepting and printing exactly what Redis 7.0 does.
//
// integer = "0" | ["-"] nonzero-digit *digit            (must fit int64)
// real    = what strtod reads ("1", "+1.5", ".5e-3", "0x1p4", "inf", "-infinity"), all of it, without leading
// space;
//           no "nan"; overflow to infinity and underflow to zero are refused.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace starling::resp {

// Enough for any int64_t, and for any double printed by format_real.
inline constexpr size_t kIntegerTextBytes = 20;
inline constexpr size_t kRealTextBytes = 32;
// A long double of more characters than this is refused, as Redis does.
inline constexpr size_t kMaxLongDoubleTextBytes = 5 * 1024;

// Each returns false, and leaves *value alone, when `text` is not such a number.
[[nodiscard]] bool parse_integer(std::string_view text, int64_t* value);
[[nodiscard]] bool parse_real(std::string_view text, double* value);
[[nodiscard]] bool parse_real(std::string_view text, long double* value);

// Writes at `out`, which has room for the constant above, and returns the end of what was written (no NUL).
inline char* format_integer(int64_t value, char* out) {
  return std::to_chars(out, out + kIntegerTextBytes, value).ptr;
}
// 17 significant digits as printf's %.17g: "3", "0.10000000000000001", "1e+20", "inf", "-inf"; every NaN is
// "nan".
char* format_real(double value, char* out);
std::string format_real(double value);
// Fixed notation with at most 17 decimals, no trailing zeros, never an exponent: "3", "0.1", "inf". This is
// the form in which INCRBYFLOAT stores its result.
std::string format_human(long double value);

}  // namespace starling::resp
