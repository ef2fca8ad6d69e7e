#include "engine/base/key.h"

#include <doctest/doctest.h>

#include <string>

namespace starling::engine {
namespace {

uint16_t bitwise_crc16(const std::string& data) {
  uint32_t crc = 0;
  for (const char c : data) {
    crc ^= static_cast<uint32_t>(static_cast<unsigned char>(c)) << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000) ? (crc << 1) ^ 0x1021 : crc << 1;
    crc &= 0xffff;
  }
  return static_cast<uint16_t>(crc);
}

// Slots as a Redis server in cluster mode answers them to CLUSTER KEYSLOT.
TEST_CASE("partitions are Redis's hash slots") {
  CHECK(partition_of("") == 0);
  CHECK(partition_of("a") == 15495);
  CHECK(partition_of("foo") == 12182);
  CHECK(partition_of("bar") == 5061);
  CHECK(partition_of("123456789") == 12739);
  CHECK(partition_of("somekey:000000000017") == 3164);
}

TEST_CASE("a hash tag routes its key") {
  CHECK(partition_of("{user1000}.following") == 3443);
  CHECK(partition_of("{user1000}.followers") == partition_of("user1000"));
  CHECK(partition_of("foo{}{bar}") == 8363);     // An empty tag is none.
  CHECK(partition_of("foo{{bar}}zap") == 4015);  // The tag is "{bar".
  CHECK(partition_of("foo{bar}{zap}") == 5061);
  CHECK(partition_of("{") == 4092);
  CHECK(partition_of("x}y{") == 8402);
  CHECK(partition_of("a{b") == 13340);
}

TEST_CASE("the sliced CRC agrees with the bitwise one at every length") {
  std::string name;
  for (int length = 0; length < 70; ++length) {
    CHECK(partition_of(name) == (bitwise_crc16(name) & 16383));
    const char next = static_cast<char>(length * 29 + 130);
    name.push_back(next == '{' ? 'x' : next);
  }
}

TEST_CASE("the hash is the upper 48 bits of XXH3") {
  CHECK(hash_of("") == 0x2d06800538d3);
  CHECK(hash_of("a") == 0xe6c632b61e96);
  CHECK(hash_of("foo") == 0xab6e5f64077e);
  CHECK(hash_of("0123456789abcdef") == 0x64439946d8fa);
  CHECK(hash_of(std::string(300, 'k')) == 0x3e901c94ff54);
}

}  // namespace
}  // namespace starling::engine
