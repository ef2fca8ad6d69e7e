#include "resp/glob.h"

#include <cstring>

#include "resp/glob_token.h"

namespace starling::resp {
namespace {

// What trying place after place may take for each byte. Nearly every pattern needs far less; for what is left
// it pays to look at the pattern's parts first.
constexpr uint64_t kPatience = 4;

bool is_literal(char c) {
  return c != '?' && c != '[' && c != '\\';
}

bool match_tail(const char* p, const char* end) {
  while (p < end && *p == '*') ++p;
  return p == end;
}

enum class Found { kNo, kYes, kTooLong };

// Only the last star seen is ever tried again, which is enough because every other token matches exactly one
// byte.
Found match_in_turn(std::string_view pattern, std::string_view string, bool ignore_case, uint64_t* left) {
  const char* p = pattern.data();
  const char* const pattern_end = p + pattern.size();
  const char* s = string.data();
  const char* const string_end = s + string.size();
  const char* after_star = nullptr;  // The part of the pattern behind the last star, and where in the string
  const char* retry = nullptr;       // that part was last tried.
  while (s < string_end) {
    const char* const from = p;
    if (p < pattern_end && *p == '*') {
      while (p < pattern_end && *p == '*') ++p;
      if (p == pattern_end) return Found::kYes;
      after_star = p;
      retry = s;
    } else if (p < pattern_end && match_glob_token(p, pattern_end, *s, ignore_case)) {
      ++s;
      const auto steps = static_cast<uint64_t>(p - from);
      if (steps > *left) return Found::kTooLong;
      *left -= steps;
      continue;
    } else {
      if (after_star == nullptr) return Found::kNo;
      const auto steps = static_cast<uint64_t>(p - from) + 1;
      if (steps > *left) return Found::kTooLong;
      *left -= steps;
      p = after_star;
      s = ++retry;
    }
    if (!ignore_case && is_literal(*p) && s < string_end) {
      retry = s = static_cast<const char*>(std::memchr(s, *p, static_cast<size_t>(string_end - s)));
      if (s == nullptr) return Found::kNo;
    }
  }
  return match_tail(p, pattern_end) ? Found::kYes : Found::kNo;
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view string, bool ignore_case, uint64_t* steps) {
  if (steps != nullptr) *steps = 0;
  if (string.empty()) return pattern.empty();
  const uint64_t patience = kPatience * (pattern.size() + string.size());
  uint64_t left = patience;
  const Found found = match_in_turn(pattern, string, ignore_case, &left);
  if (steps != nullptr) *steps = patience - left;
  if (found != Found::kTooLong) [[likely]]
    return found == Found::kYes;
  uint64_t more = 0;
  const bool matched = glob_match_by_parts(pattern, string, ignore_case, &more);
  if (steps != nullptr) *steps += more;
  return matched;
}

}  // namespace starling::resp
