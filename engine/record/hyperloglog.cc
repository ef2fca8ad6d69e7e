#include "engine/record/hyperloglog.h"

#include <algorithm>

#include "engine/base/assert.h"

namespace starling::engine {
namespace {

constexpr std::string_view kMagic = "HYLL";
constexpr size_t kEncodingAt = 4;
constexpr size_t kCacheAt = 8;
constexpr char kDense = 0;
constexpr char kSparse = 1;
constexpr unsigned kRegisterBits = 6;
constexpr unsigned kRegisterMask = (1u << kRegisterBits) - 1;
constexpr uint8_t kOutOfDate = 0x80;

uint8_t byte_at(std::string_view bytes, size_t at) {
  return static_cast<uint8_t>(bytes[at]);
}

std::string dense_of(std::string_view header, const Registers& registers) {
  std::string value(header.substr(0, kHyperLogLogHeaderBytes));
  value.resize(kDenseBytes);
  value[kEncodingAt] = kDense;
  for (size_t i = 0; i < kRegisterCount; ++i) {
    if (registers[i] != 0) set_dense_register(value.data(), i, registers[i]);
  }
  return value;
}

}  // namespace

bool is_hyperloglog(std::string_view value) {
  if (value.size() < kHyperLogLogHeaderBytes || value.substr(0, kMagic.size()) != kMagic) return false;
  const char encoding = value[kEncodingAt];
  return encoding == kSparse || (encoding == kDense && value.size() == kDenseBytes);
}

bool is_dense(std::string_view value) {
  return value[kEncodingAt] == kDense;
}

std::string empty_hyperloglog() {
  std::string value(kMagic);
  value.resize(kHyperLogLogHeaderBytes);
  value[kEncodingAt] = kSparse;
  value += "\x7f\xff";
  return value;
}

uint8_t dense_register(std::string_view value, size_t index) {
  const size_t bit = index * kRegisterBits;
  const size_t byte = kHyperLogLogHeaderBytes + bit / 8;
  unsigned both = byte_at(value, byte);
  // The last register ends with the value.
  if (bit % 8 + kRegisterBits > 8) both |= unsigned{byte_at(value, byte + 1)} << 8;
  return static_cast<uint8_t>(both >> (bit % 8) & kRegisterMask);
}

void set_dense_register(char* value, size_t index, uint8_t to) {
  const size_t bit = index * kRegisterBits;
  const unsigned shift = bit % 8;
  char* const byte = value + kHyperLogLogHeaderBytes + bit / 8;
  const unsigned mask = kRegisterMask << shift, bits = unsigned{to} << shift;
  byte[0] = static_cast<char>((static_cast<uint8_t>(byte[0]) & ~mask) | bits);
  if (shift + kRegisterBits <= 8) return;
  byte[1] = static_cast<char>((static_cast<uint8_t>(byte[1]) & ~(mask >> 8)) | bits >> 8);
}

std::optional<RegisterRun> run_at(std::string_view value, size_t at) {
  if (at >= value.size()) return std::nullopt;
  const unsigned byte = byte_at(value, at);
  if ((byte & 0x80) != 0) return RegisterRun{(byte & 3) + 1, static_cast<uint8_t>((byte >> 2 & 31) + 1), 1};
  if ((byte & 0x40) == 0) return RegisterRun{byte + 1, 0, 1};
  if (at + 1 == value.size()) return std::nullopt;
  return RegisterRun{((byte & 63) << 8 | byte_at(value, at + 1)) + 1, 0, 2};
}

bool raise_all(std::string_view value, Registers* registers) {
  if (is_dense(value)) {
    for (size_t i = 0; i < kRegisterCount; ++i)
      (*registers)[i] = std::max((*registers)[i], dense_register(value, i));
    return true;
  }
  size_t first = 0;
  size_t at = kHyperLogLogHeaderBytes;
  while (at < value.size()) {
    const auto run = run_at(value, at);
    if (!run || run->count > kRegisterCount - first) return false;
    if (run->value != 0) {
      for (size_t i = first; i < first + run->count; ++i)
        (*registers)[i] = std::max((*registers)[i], run->value);
    }
    first += run->count;
    at += run->bytes;
  }
  return first == kRegisterCount;
}

bool make_dense(std::string* value) {
  if (is_dense(*value)) return true;
  Registers registers{};
  if (!raise_all(*value, &registers)) return false;
  *value = dense_of(*value, registers);
  return true;
}

std::optional<uint64_t> cached_count(std::string_view value) {
  if ((byte_at(value, kCacheAt + 7) & kOutOfDate) != 0) return std::nullopt;
  uint64_t count = 0;
  for (size_t i = 8; i-- > 0;) count = count << 8 | byte_at(value, kCacheAt + i);
  return count;
}

void cache_count(uint64_t count, char* value) {
  for (size_t i = 0; i < 8; ++i, count >>= 8) value[kCacheAt + i] = static_cast<char>(count & 0xff);
}

void forget_count(char* value) {
  value[kCacheAt + 7] = static_cast<char>(static_cast<uint8_t>(value[kCacheAt + 7]) | kOutOfDate);
}

}  // namespace starling::engine
