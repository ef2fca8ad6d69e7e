// The bytes that disk and wire formats are made of. Writers append; readers check every step against the end.
//
//   u16, u32, u48, u64   big-endian in storage keys (so that bytes sort as numbers), little-endian in values
//   varint               unsigned LEB128, at most 10 bytes, shortest form only: 7 bits a byte, low bits first
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace starling::engine {

static_assert(std::endian::native == std::endian::little,
              "fixed-width integers are copied as they lie in memory");

// The `width` low bytes of `value`, most significant first.
template <int width>
inline void append_big_endian(uint64_t value, std::string* out) {
  static_assert(width >= 1 && width <= 8);
  const uint64_t swapped = __builtin_bswap64(value << (64 - 8 * width));
  char bytes[8];
  std::memcpy(bytes, &swapped, 8);
  out->append(bytes, width);
}

// Precondition: `width` bytes are there.
template <int width>
inline uint64_t load_big_endian(const char* bytes) {
  static_assert(width >= 1 && width <= 8);
  uint64_t value = 0;
  std::memcpy(&value, bytes, width);
  return __builtin_bswap64(value) >> (64 - 8 * width);
}

inline void append_u64(uint64_t value, std::string* out) {
  char bytes[8];
  std::memcpy(bytes, &value, 8);
  out->append(bytes, 8);
}

// Precondition: eight bytes are there.
inline uint64_t load_u64(const char* bytes) {
  uint64_t value;
  std::memcpy(&value, bytes, 8);
  return value;
}

inline void append_varint(uint64_t value, std::string* out) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

// Numbers that stand next to each other, put together on the stack: a string looks for its end and its room
// with each that is appended to it. Precondition: no more than the capacity is written.
template <size_t kCapacity>
class ShortBytes {
 public:
  void byte(uint8_t value) { bytes_[size_++] = static_cast<char>(value); }
  void u64(uint64_t value) {
    std::memcpy(bytes_ + size_, &value, sizeof(value));
    size_ += sizeof(value);
  }
  void varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) byte(static_cast<uint8_t>(value | 0x80));
    byte(static_cast<uint8_t>(value));
  }
  std::string_view view() const { return {bytes_, size_}; }

 private:
  char bytes_[kCapacity];
  size_t size_ = 0;
};

inline constexpr size_t kVarintBytes = 10;

// Takes values off the front of untrusted bytes. Every member returns false, and takes nothing, when the
// bytes end too soon or are not in shortest form.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  size_t left() const { return bytes_.size(); }
  std::string_view rest() const { return bytes_; }

  [[nodiscard]] bool read_byte(uint8_t* value) {
    if (bytes_.empty()) return false;
    *value = static_cast<uint8_t>(bytes_[0]);
    bytes_.remove_prefix(1);
    return true;
  }

  [[nodiscard]] bool read_u64(uint64_t* value) {
    if (bytes_.size() < 8) return false;
    *value = load_u64(bytes_.data());
    bytes_.remove_prefix(8);
    return true;
  }

  [[nodiscard]] bool read_varint(uint64_t* value) {
    uint64_t result = 0;
    for (size_t i = 0; i < bytes_.size() && i < 10; ++i) {
      const auto byte = static_cast<uint8_t>(bytes_[i]);
      if (i == 9 && byte > 1) return false;
      result |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
      if (byte & 0x80) continue;
      if (byte == 0 && i > 0) return false;
      *value = result;
      bytes_.remove_prefix(i + 1);
      return true;
    }
    return false;
  }

  // A varint length and as many bytes. The view is into the input.
  [[nodiscard]] bool read_string(std::string_view* value) {
    ByteReader ahead = *this;
    uint64_t size;
    if (!ahead.read_varint(&size) || size > ahead.left()) return false;
    *value = ahead.bytes_.substr(0, size);
    ahead.bytes_.remove_prefix(size);
    *this = ahead;
    return true;
  }

 private:
  std::string_view bytes_;
};

inline void append_string(std::string_view value, std::string* out) {
  append_varint(value.size(), out);
  out->append(value);
}

}  // namespace starling::engine
