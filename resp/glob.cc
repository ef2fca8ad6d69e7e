#include "resp/glob.h"

#include <cstring>
#include <utility>

namespace starling::resp {
namespace {

// ASCII only, whatever the locale.
signed char lower(signed char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<signed char>(c + ('a' - 'A')) : c;
}

bool same(char a, char b, bool ignore_case) {
  return ignore_case ? lower(static_cast<signed char>(a)) == lower(static_cast<signed char>(b)) : a == b;
}

bool in_range(char from, char to, char byte, bool ignore_case) {
  auto first = static_cast<signed char>(from);
  auto last = static_cast<signed char>(to);
  auto c = static_cast<signed char>(byte);
  if (first > last) std::swap(first, last);
  if (ignore_case) {  // After the swap: Redis folds the bounds in this order.
    first = lower(first);
    last = lower(last);
    c = lower(c);
  }
  return first <= c && c <= last;
}

// Matches the class that `p` opens against `byte` and moves `p` behind it.
bool match_class(const char*& p, const char* end, char byte, bool ignore_case) {
  ++p;
  const bool negated = p < end && *p == '^';
  if (negated) ++p;
  bool matched = false;
  while (p < end && *p != ']') {
    if (*p == '\\' && end - p >= 2) {
      matched |= p[1] == byte;  // Escaped bytes are compared exactly, also when case is ignored.
      p += 2;
    } else if (end - p >= 3 && p[1] == '-') {
      matched |= in_range(p[0], p[2], byte, ignore_case);
      p += 3;
    } else {
      matched |= same(*p, byte, ignore_case);
      ++p;
    }
  }
  if (p < end) ++p;
  return matched != negated;
}

// Matches the token at `p`, which is not a star, against `byte` and moves `p` behind the token.
bool match_token(const char*& p, const char* end, char byte, bool ignore_case) {
  switch (*p) {
    case '?':
      ++p;
      return true;
    case '[':
      return match_class(p, end, byte, ignore_case);
    case '\\':
      if (end - p >= 2) ++p;
      return same(*p++, byte, ignore_case);
    default:
      return same(*p++, byte, ignore_case);
  }
}

bool is_literal(char c) {
  return c != '?' && c != '[' && c != '\\';
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view string, bool ignore_case) {
  if (string.empty()) return pattern.empty();
  const char* p = pattern.data();
  const char* const pattern_end = p + pattern.size();
  const char* s = string.data();
  const char* const string_end = s + string.size();
  const char* after_star = nullptr;  // The part of the pattern behind the last star, and where in the string
  const char* retry = nullptr;       // that part was last tried.
  while (s < string_end) {
    if (p < pattern_end && *p == '*') {
      while (p < pattern_end && *p == '*') ++p;
      if (p == pattern_end) return true;
      after_star = p;
      retry = s;
    } else if (p < pattern_end && match_token(p, pattern_end, *s, ignore_case)) {
      ++s;
      continue;
    } else {
      if (after_star == nullptr) return false;
      p = after_star;
      s = ++retry;
    }
    if (!ignore_case && is_literal(*p) && s < string_end) {
      retry = s = static_cast<const char*>(std::memchr(s, *p, static_cast<size_t>(string_end - s)));
      if (s == nullptr) return false;
    }
  }
  while (p < pattern_end && *p == '*') ++p;
  return p == pattern_end;
}

}  // namespace starling::resp
