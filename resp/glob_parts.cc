// Glob patterns by their parts between stars: the first must stand at the string's begin, the last at its
// end, and each other one at the first place where it fits behind the one before. Finding that place costs a
// number of steps for each byte that has a bound:
//
//   a part of plain bytes            one search for them
//   a few tokens                     each place is tried
//   up to kMaxGlobPartTokens         all places at once, one bit for each token that the bytes so far fit
#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "resp/glob.h"
#include "resp/glob_token.h"

namespace starling::resp {
namespace {

constexpr size_t kFewTokens = 16;
constexpr size_t kBytes = 256;
constexpr size_t kWordBits = 64;

// The bytes that a token matches.
struct ByteSet {
  std::array<uint64_t, kBytes / kWordBits> words{};

  void add(unsigned byte) { words[byte / kWordBits] |= uint64_t{1} << byte % kWordBits; }
  bool has(char c) const {
    const auto byte = static_cast<unsigned char>(c);
    return (words[byte / kWordBits] >> byte % kWordBits & 1) != 0;
  }
  size_t count() const {
    size_t members = 0;
    for (const uint64_t word : words) members += static_cast<size_t>(__builtin_popcountll(word));
    return members;
  }
  // Both bounds among them.
  void add_range(unsigned first, unsigned last) {
    for (unsigned word = first / kWordBits; word <= last / kWordBits; ++word) {
      uint64_t bits = ~uint64_t{0};
      if (word == first / kWordBits) bits &= ~uint64_t{0} << first % kWordBits;
      if (word == last / kWordBits) bits &= ~uint64_t{0} >> (kWordBits - 1 - last % kWordBits);
      words[word] |= bits;
    }
  }
};

void add_byte(char c, bool ignore_case, ByteSet* set) {
  const auto byte = static_cast<signed char>(c);
  set->add(static_cast<unsigned char>(c));
  if (!ignore_case) return;
  const signed char low = glob_lower(byte);
  set->add(static_cast<unsigned char>(low));
  if (low >= 'a' && low <= 'z') set->add(static_cast<unsigned char>(low - 'a' + 'A'));
}

void add_range(char from, char to, bool ignore_case, ByteSet* set) {
  if (ignore_case) {
    for (unsigned byte = 0; byte < kBytes; ++byte) {
      if (glob_in_range(from, to, static_cast<char>(byte), true)) set->add(byte);
    }
    return;
  }
  auto first = static_cast<signed char>(from);
  auto last = static_cast<signed char>(to);
  if (first > last) std::swap(first, last);
  // As signed bytes: the negative ones, which are 128 to 255, stand before 0.
  if (first < 0) {
    set->add_range(static_cast<unsigned char>(first),
                   last < 0 ? static_cast<unsigned char>(last) : kBytes - 1);
  }
  if (last >= 0)
    set->add_range(first < 0 ? 0 : static_cast<unsigned char>(first), static_cast<unsigned char>(last));
}

// Reads the token at `p` and moves `p` behind it.
ByteSet read_token(const char*& p, const char* end, bool ignore_case) {
  ByteSet set;
  switch (*p) {
    case '?':
      ++p;
      set.words.fill(~uint64_t{0});
      return set;
    case '[': {
      const bool negated = read_glob_class(
          p, end, [&](char c, bool exact) { add_byte(c, ignore_case && !exact, &set); },
          [&](char first, char last) { add_range(first, last, ignore_case, &set); });
      if (negated) {
        for (uint64_t& word : set.words) word = ~word;
      }
      return set;
    }
    case '\\':
      if (end - p >= 2) ++p;
      break;
    default:
      break;
  }
  add_byte(*p++, ignore_case, &set);
  return set;
}

struct Part {
  const char* begin;
  const char* end;
  size_t tokens;
  bool plain;  // Bytes that stand for themselves, without an escape.
};

Part read_part(const char* p, const char* pattern_end) {
  Part part{p, p, 0, true};
  while (p < pattern_end && *p != '*') {
    part.plain &= *p != '?' && *p != '[' && *p != '\\';
    skip_glob_token(p, pattern_end);
    ++part.tokens;
  }
  part.end = p;
  return part;
}

class Search {
 public:
  Search(std::string_view string, bool ignore_case)
      : s_(string.data()), end_(s_ + string.size()), ignore_case_(ignore_case) {}

  uint64_t steps() const { return steps_; }
  void count(size_t steps) { steps_ += steps; }
  size_t left() const { return static_cast<size_t>(end_ - s_); }
  bool at_end() const { return s_ == end_; }
  void skip_to_last(size_t bytes) { s_ = end_ - bytes; }

  // The part matches right here; goes on behind it.
  bool match_here(const Part& part) {
    count(static_cast<size_t>(part.end - part.begin));
    if (part.tokens > left()) return false;
    for (const char* p = part.begin; p < part.end;) {
      if (!match_glob_token(p, part.end, *s_++, ignore_case_)) return false;
    }
    return true;
  }

  // Goes on behind the first place from here on where the part matches.
  bool find(const Part& part) {
    if (part.tokens > left()) return false;
    if (part.plain && !ignore_case_) return find_plain(part);
    if (part.tokens > kMaxGlobPartTokens) return false;
    // With case ignored, a range of three bytes is looked up for each byte there is.
    count(static_cast<size_t>(part.end - part.begin) * (ignore_case_ ? kBytes / 3 : 1));
    tokens_.clear();
    for (const char* p = part.begin; p < part.end;) tokens_.push_back(read_token(p, part.end, ignore_case_));
    return part.tokens <= kFewTokens ? find_in_turn() : find_at_once();
  }

 private:
  bool find_plain(const Part& part) {
    const char* found = static_cast<const char*>(memmem(s_, left(), part.begin, part.tokens));
    const char* const behind = found == nullptr ? end_ : found + part.tokens;
    count(static_cast<size_t>(behind - s_) + part.tokens);
    s_ = behind;
    return found != nullptr;
  }

  bool find_in_turn() {
    for (; left() >= tokens_.size(); ++s_) {
      size_t matched = 0;
      while (matched < tokens_.size() && tokens_[matched].has(s_[matched])) ++matched;
      count(matched + 1);
      if (matched < tokens_.size()) continue;
      s_ += matched;
      return true;
    }
    return false;
  }

  // Bit i of `fits`: the last i + 1 bytes match the first i + 1 tokens.
  bool find_at_once() {
    const size_t words = (tokens_.size() + kWordBits - 1) / kWordBits;
    const std::vector<uint64_t> takers = takers_of_bytes(words);
    std::vector<uint64_t> fits(words, 0);
    const size_t last = tokens_.size() - 1;
    for (; s_ < end_; ++s_) {
      const uint64_t* taken = &takers[static_cast<unsigned char>(*s_) * words];
      uint64_t carry = 1;
      for (size_t word = 0; word < words; ++word) {
        const uint64_t next_carry = fits[word] >> (kWordBits - 1);
        fits[word] = (fits[word] << 1 | carry) & taken[word];
        carry = next_carry;
      }
      count(words);
      if ((fits[last / kWordBits] >> last % kWordBits & 1) == 0) continue;
      ++s_;
      return true;
    }
    return false;
  }

  // By byte: the tokens that match it, a bit for each. Of a token that matches most bytes, those that it does
  // not match are what is gone through.
  std::vector<uint64_t> takers_of_bytes(size_t words) {
    std::vector<uint64_t> takers(kBytes * words, 0), most(words, 0);
    for (size_t token = 0; token < tokens_.size(); ++token) {
      const uint64_t bit = uint64_t{1} << token % kWordBits;
      const bool invert = tokens_[token].count() > kBytes / 2;
      if (invert) most[token / kWordBits] |= bit;
      for (size_t word = 0; word < tokens_[token].words.size(); ++word) {
        for (uint64_t bits = tokens_[token].words[word] ^ (invert ? ~uint64_t{0} : 0); bits != 0;
             bits &= bits - 1) {
          const size_t byte = word * kWordBits + static_cast<size_t>(__builtin_ctzll(bits));
          takers[byte * words + token / kWordBits] |= bit;
          count(1);
        }
      }
    }
    for (size_t i = 0; i < takers.size(); ++i) takers[i] ^= most[i % words];
    count(takers.size());
    return takers;
  }

  const char* s_;
  const char* const end_;
  const bool ignore_case_;
  uint64_t steps_ = 0;
  std::vector<ByteSet> tokens_;  // Of the part that is looked for.
};

bool match_parts(const char* p, const char* const end, Search& search) {
  Part part = read_part(p, end);
  if (!search.match_here(part)) return false;
  if (part.end == end) return search.at_end();
  for (;;) {
    p = part.end;
    while (p < end && *p == '*') ++p;
    if (p == end) return true;
    part = read_part(p, end);
    search.count(static_cast<size_t>(part.end - part.begin));
    if (part.end < end) {
      if (!search.find(part)) return false;
      continue;
    }
    if (part.tokens > search.left()) return false;
    search.skip_to_last(part.tokens);
    return search.match_here(part);
  }
}

}  // namespace

bool glob_match_by_parts(std::string_view pattern, std::string_view string, bool ignore_case,
                         uint64_t* steps) {
  *steps = 0;
  if (string.empty()) return pattern.empty();
  Search search(string, ignore_case);
  const bool matched = match_parts(pattern.data(), pattern.data() + pattern.size(), search);
  *steps = search.steps();
  return matched;
}

bool glob_bounded(std::string_view pattern) {
  if (pattern.size() <= kMaxGlobPartTokens) return true;
  const char* const end = pattern.data() + pattern.size();
  for (const char* p = pattern.data(); p < end;) {
    const Part part = read_part(p, end);
    // What stands at the string's begin or end is only tried there.
    const bool inside = part.begin != pattern.data() && part.end != end;
    if (inside && !part.plain && part.tokens > kMaxGlobPartTokens) return false;
    p = part.end;
    while (p < end && *p == '*') ++p;
  }
  return true;
}

}  // namespace starling::resp
