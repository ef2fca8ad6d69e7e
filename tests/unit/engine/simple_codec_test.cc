#include "engine/base/simple_codec.h"

#include <doctest/doctest.h>

#include <string>

namespace starling::engine {
namespace {

using namespace std::string_literals;

constexpr ActorId kActor = 0x1122334455667788;
constexpr Stamp kStamp = 0x0102030405060708;
const std::string kDotBytes = "\x88\x77\x66\x55\x44\x33\x22\x11\x08\x07\x06\x05\x04\x03\x02\x01"s;

TEST_CASE("a simple string costs 17 bytes on top of its value") {
  std::string bytes;
  encode_simple_string(kActor, kStamp, 0, "value", &bytes);
  CHECK(bytes == "\x10" + kDotBytes + "value");
  CHECK(bytes.size() == 5 + kSimpleStringOverheadBytes);

  ActorId actor;
  Stamp stamp;
  int64_t deadline_ms;
  std::string_view value;
  REQUIRE(decode_simple_string(bytes, &actor, &stamp, &deadline_ms, &value));
  CHECK(actor == kActor);
  CHECK(stamp == kStamp);
  CHECK(deadline_ms == 0);
  CHECK(value == "value");
}

TEST_CASE("a simple string may be empty and may expire") {
  std::string bytes;
  encode_simple_string(kActor, kStamp, 258, "", &bytes);
  CHECK(bytes == "\x11" + kDotBytes + "\x02\x01\0\0\0\0\0\0"s);
  ActorId actor;
  Stamp stamp;
  int64_t deadline_ms;
  std::string_view value = "x";
  REQUIRE(decode_simple_string(bytes, &actor, &stamp, &deadline_ms, &value));
  CHECK(deadline_ms == 258);
  CHECK(value.empty());
}

TEST_CASE("what is no simple string is refused") {
  ActorId actor;
  Stamp stamp;
  int64_t deadline_ms;
  std::string_view value;
  auto decodes = [&](const std::string& bytes) {
    return decode_simple_string(bytes, &actor, &stamp, &deadline_ms, &value);
  };
  CHECK(decodes("\x10" + kDotBytes));
  CHECK_FALSE(decodes(""));
  CHECK_FALSE(decodes(("\x10" + kDotBytes).substr(0, 16)));
  CHECK_FALSE(decodes("\x12" + kDotBytes));
  CHECK_FALSE(decodes("\x20" + kDotBytes));
  CHECK_FALSE(decodes("\x10" + std::string(8, '\0') + kDotBytes.substr(8)));
  CHECK_FALSE(decodes("\x10" + kDotBytes.substr(0, 8) + std::string(8, '\0')));
  CHECK_FALSE(decodes("\x11" + kDotBytes + std::string(7, '\x01')));
  CHECK_FALSE(decodes("\x11" + kDotBytes + std::string(8, '\0')));
  CHECK_FALSE(decodes("\x11" + kDotBytes + std::string(8, '\xff')));
}

TEST_CASE("simple headers of collections") {
  std::string bytes;
  encode_simple_header(Type::kSet, kActor, kStamp, 0, 300, &bytes);
  CHECK(bytes == "\x12" + kDotBytes + "\x03\xac\x02");
  Type type;
  ActorId actor;
  Stamp stamp, deadline_stamp;
  int64_t deadline_ms;
  uint64_t count;
  REQUIRE(decode_simple_header(bytes, &type, &actor, &stamp, &deadline_ms, &count));
  CHECK(type == Type::kSet);
  CHECK(actor == kActor);
  CHECK(stamp == kStamp);
  CHECK(deadline_ms == 0);
  CHECK(count == 300);
  CHECK_FALSE(decode_simple_header(bytes + "x", &type, &actor, &stamp, &deadline_ms, &count));
  for (size_t size = 0; size < bytes.size(); ++size) {
    CHECK_FALSE(decode_simple_header(bytes.substr(0, size), &type, &actor, &stamp, &deadline_ms, &count));
  }

  bytes.clear();
  encode_simple_header(Type::kHash, kActor, kStamp, 99, 1, &bytes);
  REQUIRE(decode_simple_header(bytes, &type, &actor, &stamp, &deadline_ms, &count, &deadline_stamp));
  CHECK(type == Type::kHash);
  CHECK(deadline_ms == 99);
  CHECK(deadline_stamp == kStamp);

  bytes.clear();
  encode_simple_header(Type::kHash, kActor, kStamp, 99, 1, &bytes, kStamp - 5);
  REQUIRE(decode_simple_header(bytes, &type, &actor, &stamp, &deadline_ms, &count, &deadline_stamp));
  CHECK(deadline_stamp == kStamp - 5);

  // A deadline set by an event the context does not know, a collection of nothing, a string.
  bytes.clear();
  encode_simple_header(Type::kHash, kActor, kStamp, 99, 1, &bytes, kStamp + 1);
  CHECK_FALSE(decode_simple_header(bytes, &type, &actor, &stamp, &deadline_ms, &count));
  CHECK_FALSE(
      decode_simple_header("\x12" + kDotBytes + "\x03\0"s, &type, &actor, &stamp, &deadline_ms, &count));
  CHECK_FALSE(
      decode_simple_header("\x12" + kDotBytes + "\x01\x01", &type, &actor, &stamp, &deadline_ms, &count));
  CHECK_FALSE(
      decode_simple_header("\x12" + kDotBytes + "\x03\x81\0"s, &type, &actor, &stamp, &deadline_ms, &count));
}

TEST_CASE("simple elements") {
  std::string bytes;
  encode_simple_element(kActor, kStamp, "v", &bytes);
  CHECK(bytes == "\x18" + kDotBytes + "v");
  ActorId actor;
  Stamp stamp;
  std::string_view value;
  REQUIRE(decode_simple_element(bytes, &actor, &stamp, &value));
  CHECK(actor == kActor);
  CHECK(stamp == kStamp);
  CHECK(value == "v");
  CHECK(decode_simple_element("\x18" + kDotBytes, &actor, &stamp, &value));
  CHECK_FALSE(decode_simple_element(bytes.substr(0, 16), &actor, &stamp, &value));
  CHECK_FALSE(decode_simple_element("\x10" + kDotBytes, &actor, &stamp, &value));
}

}  // namespace
}  // namespace starling::engine
