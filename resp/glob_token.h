// One token of a glob pattern that is no star: it matches exactly one byte. See glob.h for the grammar.
#pragma once

#include <utility>

namespace starling::resp {

// ASCII only, whatever the locale.
inline signed char glob_lower(signed char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<signed char>(c + ('a' - 'A')) : c;
}

inline bool glob_same(char a, char b, bool ignore_case) {
  return ignore_case ? glob_lower(static_cast<signed char>(a)) == glob_lower(static_cast<signed char>(b))
                     : a == b;
}

inline bool glob_in_range(char from, char to, char byte, bool ignore_case) {
  auto first = static_cast<signed char>(from);
  auto last = static_cast<signed char>(to);
  auto c = static_cast<signed char>(byte);
  if (first > last) std::swap(first, last);
  if (ignore_case) {  // After the swap: Redis folds the bounds in this order.
    first = glob_lower(first);
    last = glob_lower(last);
    c = glob_lower(c);
  }
  return first <= c && c <= last;
}

// Reads the class that `p` opens and moves `p` behind it. Calls on_byte(b, exact) and on_range(first, last)
// for what it lists; returns whether it is negated. Escaped bytes are compared exactly, also when case is
// ignored.
template <typename OnByte, typename OnRange>
bool read_glob_class(const char*& p, const char* end, OnByte&& on_byte, OnRange&& on_range) {
  ++p;
  const bool negated = p < end && *p == '^';
  if (negated) ++p;
  while (p < end && *p != ']') {
    if (*p == '\\' && end - p >= 2) {
      on_byte(p[1], true);
      p += 2;
    } else if (end - p >= 3 && p[1] == '-') {
      on_range(p[0], p[2]);
      p += 3;
    } else {
      on_byte(*p, false);
      ++p;
    }
  }
  if (p < end) ++p;
  return negated;
}

// Matches the token at `p` against `byte` and moves `p` behind the token.
inline bool match_glob_token(const char*& p, const char* end, char byte, bool ignore_case) {
  switch (*p) {
    case '?':
      ++p;
      return true;
    case '[': {
      bool matched = false;
      const bool negated = read_glob_class(
          p, end, [&](char c, bool exact) { matched |= glob_same(c, byte, ignore_case && !exact); },
          [&](char first, char last) { matched |= glob_in_range(first, last, byte, ignore_case); });
      return matched != negated;
    }
    case '\\':
      if (end - p >= 2) ++p;
      return glob_same(*p++, byte, ignore_case);
    default:
      return glob_same(*p++, byte, ignore_case);
  }
}

// Moves `p` behind the token.
inline void skip_glob_token(const char*& p, const char* end) {
  if (*p == '[') {
    (void)read_glob_class(
        p, end, [](char, bool) {}, [](char, char) {});
  } else {
    if (*p == '\\' && end - p >= 2) ++p;
    ++p;
  }
}

}  // namespace starling::resp
