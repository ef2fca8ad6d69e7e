#include "server/execute/script/sha1.h"

#include <bit>
#include <cstring>

namespace starling::server {
namespace {

constexpr size_t kBlockBytes = 64;

using State = std::array<uint32_t, 5>;

uint32_t big_endian(const uint8_t* bytes) {
  return static_cast<uint32_t>(bytes[0]) << 24 | static_cast<uint32_t>(bytes[1]) << 16 |
         static_cast<uint32_t>(bytes[2]) << 8 | bytes[3];
}

void add_block(const uint8_t* block, State* state) {
  uint32_t words[80];
  for (size_t i = 0; i < 16; ++i) words[i] = big_endian(block + 4 * i);
  for (size_t i = 16; i < 80; ++i)
    words[i] = std::rotl(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
  auto [a, b, c, d, e] = *state;
  for (size_t i = 0; i < 80; ++i) {
    uint32_t mixed, constant;
    if (i < 20) {
      mixed = (b & c) | (~b & d), constant = 0x5a827999;
    } else if (i < 40) {
      mixed = b ^ c ^ d, constant = 0x6ed9eba1;
    } else if (i < 60) {
      mixed = (b & c) | (b & d) | (c & d), constant = 0x8f1bbcdc;
    } else {
      mixed = b ^ c ^ d, constant = 0xca62c1d6;
    }
    const uint32_t next = std::rotl(a, 5) + mixed + e + words[i] + constant;
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = next;
  }
  const uint32_t added[] = {a, b, c, d, e};
  for (size_t i = 0; i < 5; ++i) (*state)[i] += added[i];
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Sha1 sha1_of(std::string_view bytes) {
  State state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  size_t left = bytes.size();
  for (; left >= kBlockBytes; data += kBlockBytes, left -= kBlockBytes) add_block(data, &state);
  // What is left, a one bit, zeros, and the length in bits: one block, or two.
  uint8_t last[2 * kBlockBytes] = {};
  if (left != 0) std::memcpy(last, data, left);
  last[left] = 0x80;
  const size_t size = left + 9 <= kBlockBytes ? kBlockBytes : 2 * kBlockBytes;
  const uint64_t bits = static_cast<uint64_t>(bytes.size()) * 8;
  for (size_t i = 0; i < 8; ++i) last[size - 1 - i] = static_cast<uint8_t>(bits >> (8 * i));
  for (size_t at = 0; at < size; at += kBlockBytes) add_block(last + at, &state);
  Sha1 sha;
  for (size_t i = 0; i < sha.size(); ++i) sha[i] = static_cast<uint8_t>(state[i / 4] >> (24 - 8 * (i % 4)));
  return sha;
}

std::string to_hex(const Sha1& sha) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * sha.size());
  for (const uint8_t byte : sha) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::optional<Sha1> sha1_from_hex(std::string_view digits) {
  Sha1 sha;
  if (digits.size() != 2 * sha.size()) return std::nullopt;
  for (size_t i = 0; i < sha.size(); ++i) {
    const int high = digit_of(digits[2 * i]), low = digit_of(digits[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    sha[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return sha;
}

size_t Sha1Hash::operator()(const Sha1& sha) const {
  size_t hash;
  std::memcpy(&hash, sha.data(), sizeof hash);
  return hash;
}

}  // namespace starling::server
