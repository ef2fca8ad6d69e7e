#include "engine/base/byte_codec.h"

#include <doctest/doctest.h>

#include <string>

namespace starling::engine {
namespace {

using namespace std::string_literals;

TEST_CASE("varints round-trip and have one form") {
  for (uint64_t value : {0ull, 1ull, 127ull, 128ull, 16383ull, 16384ull, 0xffffffffull, ~0ull}) {
    std::string bytes;
    append_varint(value, &bytes);
    ByteReader reader(bytes);
    uint64_t decoded;
    REQUIRE(reader.read_varint(&decoded));
    CHECK(decoded == value);
    CHECK(reader.left() == 0);
    for (size_t size = 0; size < bytes.size(); ++size) {
      CHECK_FALSE(ByteReader(std::string_view(bytes).substr(0, size)).read_varint(&decoded));
    }
  }
  uint64_t ignored;
  CHECK_FALSE(ByteReader("\x80\0"s).read_varint(&ignored));
  CHECK_FALSE(ByteReader("\xff\x80\0"s).read_varint(&ignored));
  CHECK_FALSE(ByteReader("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"s).read_varint(&ignored));
  CHECK_FALSE(ByteReader(std::string(11, '\xff')).read_varint(&ignored));
}

TEST_CASE("big-endian integers sort as numbers") {
  std::string bytes;
  append_big_endian<2>(0x0102, &bytes);
  append_big_endian<6>(0x030405060708, &bytes);
  CHECK(bytes == "\x01\x02\x03\x04\x05\x06\x07\x08");
  CHECK(load_big_endian<2>(bytes.data()) == 0x0102);
  CHECK(load_big_endian<6>(bytes.data() + 2) == 0x030405060708);
  CHECK(load_big_endian<8>(bytes.data()) == 0x0102030405060708);
}

TEST_CASE("a reader that fails takes nothing") {
  std::string_view view;
  ByteReader reader(
      "\x05"
      "abc");
  CHECK_FALSE(reader.read_string(&view));
  CHECK(reader.left() == 4);
  uint64_t number;
  CHECK_FALSE(reader.read_u64(&number));
  CHECK(reader.left() == 4);
  uint8_t byte;
  REQUIRE(reader.read_byte(&byte));
  CHECK(byte == 5);
  // A length far beyond the end.
  const std::string huge_length = std::string(9, '\xff') +
                                  "\x01"
                                  "a";
  ByteReader huge(huge_length);
  CHECK_FALSE(huge.read_string(&view));
}

}  // namespace
}  // namespace starling::engine
