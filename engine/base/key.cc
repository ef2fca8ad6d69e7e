#include "engine/base/key.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace starling::engine {
namespace {

constexpr size_t kSlices = 8;

std::atomic<uint64_t> seed_of_process{0};

// kCrcTable[k][b] is the CRC16 of byte b followed by k zero bytes: eight bytes are folded with independent
// lookups.
constexpr std::array<std::array<uint16_t, 256>, kSlices> make_crc_table() {
  std::array<std::array<uint16_t, 256>, kSlices> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000) ? (crc << 1) ^ 0x1021 : crc << 1;
    table[0][byte] = static_cast<uint16_t>(crc);
  }
  for (size_t slice = 1; slice < kSlices; ++slice) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint16_t previous = table[slice - 1][byte];
      table[slice][byte] = static_cast<uint16_t>(previous << 8) ^ table[0][previous >> 8];
    }
  }
  return table;
}

constexpr auto kCrcTable = make_crc_table();

uint16_t crc16(const unsigned char* data, size_t size) {
  uint32_t crc = 0;
  for (; size >= kSlices; size -= kSlices, data += kSlices) {
    crc = kCrcTable[7][data[0] ^ (crc >> 8)] ^ kCrcTable[6][data[1] ^ (crc & 0xff)] ^ kCrcTable[5][data[2]] ^
          kCrcTable[4][data[3]] ^ kCrcTable[3][data[4]] ^ kCrcTable[2][data[5]] ^ kCrcTable[1][data[6]] ^
          kCrcTable[0][data[7]];
  }
  for (; size > 0; --size, ++data) crc = ((crc << 8) & 0xff00) ^ kCrcTable[0][(crc >> 8) ^ *data];
  return static_cast<uint16_t>(crc);
}

// What lies between the first '{' and the first '}' behind it, unless that is nothing.
std::string_view routed_part(std::string_view name) {
  if (name.empty()) return name;
  const char* end = name.data() + name.size();
  const char* open = static_cast<const char*>(std::memchr(name.data(), '{', name.size()));
  if (open == nullptr) return name;
  const char* tag = open + 1;
  if (tag == end) return name;
  const char* close = static_cast<const char*>(std::memchr(tag, '}', static_cast<size_t>(end - tag)));
  if (close == nullptr || close == tag) return name;
  return {tag, static_cast<size_t>(close - tag)};
}

}  // namespace

uint16_t partition_of(std::string_view name) {
  const std::string_view part = routed_part(name);
  return crc16(reinterpret_cast<const unsigned char*>(part.data()), part.size()) & (kPartitionCount - 1);
}

uint64_t hash_of(std::string_view name) {
  return XXH3_64bits_withSeed(name.data(), name.size(), seed_of_process.load(std::memory_order_relaxed)) >>
         (64 - kHashBits);
}

void set_hash_seed(uint64_t seed) {
  seed_of_process.store(seed, std::memory_order_relaxed);
}

uint64_t hash_seed() {
  return seed_of_process.load(std::memory_order_relaxed);
}

}  // namespace starling::engine
