#include "server/rdb/rdb_strings.h"

#include <algorithm>
#include <utility>

#include "resp/number.h"
#include "server/rdb/little_endian.h"

namespace starling::server {
namespace {

constexpr uint8_t kLength32 = 0x80, kLength64 = 0x81;
constexpr uint8_t kInteger8 = 0xc0, kInteger32 = 0xc2, kCompressed = 0xc3;
// The text of an integer of 32 bits is no longer.
constexpr size_t kMaxInteger32Text = 11;

uint64_t big_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

void append_big_endian(uint64_t value, int bytes, std::string* out) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) out->push_back(static_cast<char>(value >> shift));
}

bool decompress(std::string_view from, size_t plain_size, std::string* to) {
  size_t at = 0;
  const auto next = [&] { return static_cast<size_t>(static_cast<unsigned char>(from[at++])); };
  while (at < from.size()) {
    const size_t control = next();
    if (control < 32) {
      const size_t size = control + 1;
      if (size > from.size() - at || size > plain_size - to->size()) return false;
      to->append(from.substr(at, size));
      at += size;
      continue;
    }
    const bool longer = control >> 5 == 7;
    if (from.size() - at < (longer ? 2u : 1u)) return false;
    const size_t size = (control >> 5) + 2 + (longer ? next() : 0);
    const size_t back = ((control & 31) << 8 | next()) + 1;
    if (back > to->size() || size > plain_size - to->size()) return false;
    // Byte by byte: the source may run into what is being written, which repeats it.
    for (size_t i = 0; i < size; ++i) to->push_back((*to)[to->size() - back]);
  }
  return to->size() == plain_size;
}

}  // namespace

bool RdbReader::take(size_t size, std::string_view* taken) {
  if (size > bytes_.size()) return false;
  *taken = bytes_.substr(0, size);
  bytes_.remove_prefix(size);
  return true;
}

bool RdbReader::byte(uint8_t* value) {
  std::string_view taken;
  if (!take(1, &taken)) return false;
  *value = static_cast<uint8_t>(taken[0]);
  return true;
}

bool RdbReader::plain_length(uint8_t first, uint64_t* value) {
  const uint64_t low = first & 0x3f;
  std::string_view taken;
  switch (first >> 6) {
    case 0:
      *value = low;
      return true;
    case 1:
      if (!take(1, &taken)) return false;
      *value = low << 8 | big_endian(taken);
      return true;
    default:
      if (first != kLength32 && first != kLength64) return false;
      if (!take(first == kLength32 ? 4 : 8, &taken)) return false;
      *value = big_endian(taken);
      return true;
  }
}

bool RdbReader::number(uint64_t* value) {
  uint8_t first = 0;
  return byte(&first) && plain_length(first, value);
}

bool RdbReader::length(size_t* value) {
  uint8_t first = 0;
  uint64_t wide = 0;
  if (!byte(&first) || !plain_length(first, &wide) || wide > left()) return false;
  *value = static_cast<size_t>(wide);
  return true;
}

bool RdbReader::compressed(RdbStrings* strings, std::string_view* value) {
  // The longest match makes 264 bytes of 3.
  constexpr uint64_t kMaxRatio = 264 / 3;
  uint8_t first = 0;
  uint64_t size = 0, plain_size = 0;
  std::string_view taken;
  if (!byte(&first) || !plain_length(first, &size)) return false;
  if (!byte(&first) || !plain_length(first, &plain_size)) return false;
  if (size > left() || plain_size > size * kMaxRatio || !take(static_cast<size_t>(size), &taken))
    return false;
  std::string plain;
  plain.reserve(static_cast<size_t>(plain_size));
  if (!decompress(taken, static_cast<size_t>(plain_size), &plain)) return false;
  *value = strings->keep(std::move(plain));
  return true;
}

bool RdbReader::string(RdbStrings* strings, std::string_view* value) {
  uint8_t first = 0;
  if (!byte(&first)) return false;
  if (first == kCompressed) return compressed(strings, value);
  std::string_view taken;
  if (first >= kInteger8) {
    if (first > kInteger32 || !take(size_t{1} << (first - kInteger8), &taken)) return false;
    *value = strings->keep(std::to_string(signed_little_endian(taken)));
    return true;
  }
  uint64_t size = 0;
  return plain_length(first, &size) && size <= left() && take(static_cast<size_t>(size), value);
}

void append_rdb_length(uint64_t length, std::string* out) {
  if (length < 1 << 6) {
    out->push_back(static_cast<char>(length));
  } else if (length < 1 << 14) {
    append_big_endian(length | 0x4000, 2, out);
  } else if (length <= UINT32_MAX) {
    out->push_back(static_cast<char>(kLength32));
    append_big_endian(length, 4, out);
  } else {
    out->push_back(static_cast<char>(kLength64));
    append_big_endian(length, 8, out);
  }
}

void append_rdb_string(std::string_view bytes, std::string* out) {
  int64_t value = 0;
  if (bytes.size() <= kMaxInteger32Text && resp::parse_integer(bytes, &value) && value >= INT32_MIN &&
      value <= INT32_MAX) {
    const int shift = value == static_cast<int8_t>(value) ? 0 : value == static_cast<int16_t>(value) ? 1 : 2;
    out->push_back(static_cast<char>(kInteger8 + shift));
    append_little_endian(static_cast<uint64_t>(value), 1 << shift, out);
    return;
  }
  append_rdb_length(bytes.size(), out);
  out->append(bytes);
}

}  // namespace starling::server
