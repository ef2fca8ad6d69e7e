#include "resp/number.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace starling::resp {
namespace {

constexpr size_t kMaxFixedTextBytes = 5 * 1024;  // A long double has up to 4933 digits before the point.

bool is_space(char c) {
  return std::isspace(static_cast<unsigned char>(c)) != 0;
}

// `text` ends with a NUL at text[size].
template <typename Real>
bool parse_terminated(const char* text, size_t size, Real (*convert)(const char*, char**), Real* value) {
  if (is_space(text[0])) return false;
  char* end = nullptr;
  errno = 0;
  const Real result = convert(text, &end);
  if (static_cast<size_t>(end - text) != size || std::isnan(result)) return false;
  if (errno == ERANGE && (std::isinf(result) || result == 0)) return false;
  *value = result;
  return true;
}

template <typename Real>
bool parse_with(std::string_view text, Real (*convert)(const char*, char**), Real* value) {
  char buffer[128];
  if (text.size() < sizeof(buffer)) {
    std::memcpy(buffer, text.data(), text.size());
    buffer[text.size()] = '\0';
    return parse_terminated(buffer, text.size(), convert, value);
  }
  const std::string copy(text);
  return parse_terminated(copy.c_str(), copy.size(), convert, value);
}

}  // namespace

bool parse_integer(std::string_view text, int64_t* value) {
  if (text.empty()) return false;
  const char* p = text.data();
  const char* const end = p + text.size();
  const bool negative = *p == '-';
  if (negative) ++p;
  if (p == end) return false;
  // A leading zero is only the number zero itself, without a sign.
  if (*p == '0' && text.size() > 1) return false;
  if (end - p > 19) return false;
  uint64_t magnitude = 0;  // 19 digits cannot overflow it.
  for (; p < end; ++p) {
    const unsigned digit = static_cast<unsigned char>(*p) - unsigned{'0'};
    if (digit > 9) return false;
    magnitude = magnitude * 10 + digit;
  }
  if (magnitude > static_cast<uint64_t>(INT64_MAX) + (negative ? 1 : 0)) return false;
  *value = static_cast<int64_t>(negative ? 0 - magnitude : magnitude);
  return true;
}

bool parse_real(std::string_view text, double* value) {
  if (text.empty()) return false;
  // Most numbers are plain decimals: from_chars reads those several times faster, and what it does not read
  // whole (hexadecimal, a leading plus, out of range) goes the slow way.
  double result = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), result);
  if (error == std::errc() && end == text.data() + text.size()) {
    if (std::isnan(result)) return false;
    *value = result;
    return true;
  }
  return parse_with<double>(text, std::strtod, value);
}

bool parse_real(std::string_view text, long double* value) {
  if (text.empty() || text.size() >= kMaxLongDoubleTextBytes) return false;
  return parse_with<long double>(text, std::strtold, value);
}

char* format_real(double value, char* out) {
  if (std::isnan(value)) return std::copy_n("nan", 3, out);
  return std::to_chars(out, out + kRealTextBytes, value, std::chars_format::general, 17).ptr;
}

std::string format_real(double value) {
  char text[kRealTextBytes];
  return std::string(text, format_real(value, text));
}

std::string format_human(long double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char text[kMaxFixedTextBytes];
  const int printed = std::snprintf(text, sizeof(text), "%.17Lf", value);
  size_t size = static_cast<size_t>(printed);
  while (text[size - 1] == '0') --size;  // Stops at the point at the latest.
  if (text[size - 1] == '.') --size;
  const std::string_view result(text, size);
  return result == "-0" ? "0" : std::string(result);
}

}  // namespace starling::resp
