#include "server/commands/bits/bit_string.h"

#include <bit>
#include <cstddef>
#include <cstring>

namespace starling::server {
namespace {

uint64_t load_word(const char* p) {
  uint64_t word;
  std::memcpy(&word, p, sizeof(word));
  return word;
}

// Always inlined, so that it is compiled once for each instruction set below.
__attribute__((always_inline)) inline uint64_t count_words(const char* p, size_t words) {
  uint64_t counts[4] = {};
  size_t i = 0;
  for (; i + 4 <= words; i += 4) {
    for (size_t k = 0; k < 4; ++k) {
      counts[k] += static_cast<uint64_t>(__builtin_popcountll(load_word(p + (i + k) * 8)));
    }
  }
  for (; i < words; ++i) counts[0] += static_cast<uint64_t>(__builtin_popcountll(load_word(p + i * 8)));
  return counts[0] + counts[1] + counts[2] + counts[3];
}

#if defined(__x86_64__)
__attribute__((target("popcnt"))) uint64_t count_words_popcnt(const char* p, size_t words) {
  return count_words(p, words);
}
#endif

uint64_t count_bytes(std::string_view bytes) {
  const size_t words = bytes.size() / 8;
#if defined(__x86_64__)
  static const bool has_popcnt = __builtin_cpu_supports("popcnt");
  uint64_t count = has_popcnt ? count_words_popcnt(bytes.data(), words) : count_words(bytes.data(), words);
#else
  uint64_t count = count_words(bytes.data(), words);
#endif
  for (const char c : bytes.substr(words * 8)) count += std::popcount(static_cast<unsigned char>(c));
  return count;
}

// The byte's bits from `first` to `last`, in place; the others zero.
unsigned part_of(char byte, unsigned first, unsigned last) {
  return static_cast<unsigned char>(byte) & (0xffu >> first) & (0xffu << (7 - last));
}

// The first byte that is not `byte`, or the size.
size_t find_other(std::string_view bytes, char byte) {
  uint64_t same;
  std::memset(&same, byte, sizeof(same));
  size_t i = 0;
  while (i + 8 <= bytes.size() && load_word(bytes.data() + i) == same) i += 8;
  while (i < bytes.size() && bytes[i] == byte) ++i;
  return i;
}

template <typename Combine>
void combine_into(std::span<char> result, std::string_view source, Combine combine) {
  size_t i = 0;
  for (; i + 8 <= source.size(); i += 8) {
    const uint64_t word = combine(load_word(result.data() + i), load_word(source.data() + i));
    std::memcpy(result.data() + i, &word, sizeof(word));
  }
  for (; i < source.size(); ++i) {
    result[i] = static_cast<char>(
        combine(static_cast<unsigned char>(result[i]), static_cast<unsigned char>(source[i])));
  }
}

}  // namespace

uint64_t count_bits(std::string_view bytes, uint64_t first, uint64_t last) {
  const size_t first_byte = first / 8, last_byte = last / 8;
  const auto from = static_cast<unsigned>(first % 8), to = static_cast<unsigned>(last % 8);
  if (first_byte == last_byte) return std::popcount(part_of(bytes[first_byte], from, to));
  return std::popcount(part_of(bytes[first_byte], from, 7)) +
         count_bytes(bytes.substr(first_byte + 1, last_byte - first_byte - 1)) +
         std::popcount(part_of(bytes[last_byte], 0, to));
}

int64_t find_bit(std::string_view bytes, bool value, uint64_t first, uint64_t last) {
  const size_t last_byte = last / 8;
  size_t byte = first / 8;
  auto from = static_cast<unsigned>(first % 8);
  while (byte <= last_byte) {
    const auto to = byte == last_byte ? static_cast<unsigned>(last % 8) : 7u;
    const char wanted_set = value ? bytes[byte] : static_cast<char>(~bytes[byte]);
    const unsigned part = part_of(wanted_set, from, to);
    if (part != 0) return static_cast<int64_t>(byte * 8) + std::countl_zero(static_cast<unsigned char>(part));
    ++byte;
    from = 0;
    byte += find_other(bytes.substr(byte, last_byte + 1 - byte), value ? '\0' : '\xff');
  }
  return -1;
}

void combine_bits(BitOperation operation, std::span<const std::string_view> sources, std::span<char> result) {
  const std::string_view first = sources[0];
  if (!first.empty()) std::memcpy(result.data(), first.data(), first.size());
  std::memset(result.data() + first.size(), 0, result.size() - first.size());
  if (operation == BitOperation::kNot) {
    for (char& c : result) c = static_cast<char>(~c);
    return;
  }
  for (const std::string_view source : sources.subspan(1)) {
    switch (operation) {
      case BitOperation::kAnd:
        combine_into(result, source, [](auto a, auto b) { return a & b; });
        std::memset(result.data() + source.size(), 0, result.size() - source.size());
        break;
      case BitOperation::kOr:
        combine_into(result, source, [](auto a, auto b) { return a | b; });
        break;
      default:
        combine_into(result, source, [](auto a, auto b) { return a ^ b; });
    }
  }
}

}  // namespace starling::server
