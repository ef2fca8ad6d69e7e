#include "server/rdb/rdb_payload.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "server/rdb/crc64.h"
#include "server/rdb/little_endian.h"
#include "server/rdb/rdb_compact.h"

namespace starling::server {
namespace {

using engine::Type;
using namespace std::string_view_literals;

std::string sealed(std::string_view body, uint64_t version = 10) {
  std::string payload(body);
  append_little_endian(version, 2, &payload);
  append_little_endian(crc64(payload), 8, &payload);
  return payload;
}

struct Decoded {
  bool ok = false;
  Type type = Type::kNone;
  std::vector<std::string> strings;
  bool operator==(const Decoded&) const = default;
};

void check_same(const engine::Collection& collection, const RdbValue& value) {
  const std::vector<std::string_view>& strings = value.strings.all;
  const size_t step = value.type == Type::kHash ? 2 : 1;
  REQUIRE(collection.type() == value.type);
  REQUIRE(collection.size() * step == strings.size());
  for (size_t i = 0; i < strings.size(); i += step)
    REQUIRE(collection.find(strings[i]) == (step == 2 ? strings[i + 1] : ""));
}

Decoded decoded(std::string_view payload) {
  RdbValue value;
  if (!rdb_payload_intact(payload) || !decode_rdb_payload(payload, &value)) return {};
  const auto collection = decode_rdb_collection(payload);
  CHECK_FALSE((value.type == Type::kString && collection != nullptr));
  if (value.type == Type::kString)
    return {true, value.type, {value.strings.all.begin(), value.strings.all.end()}};
  if (collection == nullptr) return {};
  check_same(*collection, value);
  return {true, value.type, {value.strings.all.begin(), value.strings.all.end()}};
}

RdbValue value_of(Type type, std::vector<std::string_view> strings) {
  RdbValue value;
  value.type = type;
  value.strings.all = std::move(strings);
  return value;
}

// What redis-server 7.0.15 answered to DUMP.
struct Sample {
  std::string_view payload;
  Type type;
  RdbForm form;
  std::vector<std::string_view> strings;
};

const std::vector<Sample>& samples() {
  static const std::string letters(100, 'a'), long_value(70, 'v'), medium_value = "q0" + std::string(62, 'v');
  static const std::vector<Sample> all = {
      {"\x00\x05\x68\x65\x6c\x6c\x6f\x0a\x00\x63\x72\xdf\x76\x65\x34\x20\x0a"sv,
       Type::kString,
       RdbForm::kPlain,
       {"hello"}},
      {"\x00\x00\x0a\x00\x5d\x9b\x5c\x40\x0f\x7f\xa2\xda"sv, Type::kString, RdbForm::kPlain, {""}},
      {"\x00\xc0\xfb\x0a\x00\x49\xc4\xc6\xf4\xd7\x26\x3f\x68"sv, Type::kString, RdbForm::kPlain, {"-5"}},
      {"\x00\xc1\x39\x30\x0a\x00\x9d\x94\xea\x27\x93\xfc\x08\xb9"sv,
       Type::kString,
       RdbForm::kPlain,
       {"12345"}},
      {"\x00\xc2\x00\x00\x00\x80\x0a\x00\xc7\x4f\x87\x3e\x33\x55\x81\x87"sv,
       Type::kString,
       RdbForm::kPlain,
       {"-2147483648"}},
      {"\x00\x13\x39\x32\x32\x33\x33\x37\x32\x30\x33\x36\x38\x35\x34\x37\x37\x35\x38\x30\x37\x0a\x00\x3a\x65"
       "\x7e\x94"
       "\x81\xe8\x5f\x22"sv,
       Type::kString,
       RdbForm::kPlain,
       {"9223372036854775807"}},
      {"\x00\xc3\x09\x40\x64\x01\x61\x61\xe0\x57\x00\x01\x61\x61\x0a\x00\xe8\xa3\xb5\x07\xb0\x6d\xf2\x71"sv,
       Type::kString,
       RdbForm::kPlain,
       {letters}},
      {"\x0b\x14\x04\x00\x00\x00\x03\x00\x00\x00\xfd\xff\xff\xff\x01\x00\x00\x00\x70\x11\x01\x00\x0a\x00\x7b"
       "\x8d\x4d"
       "\xdd\xaf\x22\x86\xd7"sv,
       Type::kSet,
       RdbForm::kCompact,
       {"-3", "1", "70000"}},
      {"\x02\x02\x01\x61\xc0\x11\x0a\x00\x0c\x43\xb0\xf1\x71\x14\x04\x92"sv,
       Type::kSet,
       RdbForm::kPlain,
       {"a", "17"}},
      {"\x10\x33\x33\x00\x00\x00\x0c\x00\x81\x66\x02\x81\x76\x02\x81\x6e\x02\xc3\xe8\x02\x81\x6d\x02\xdf\xff"
       "\x02\x81"
       "\x78\x02\xf4\x00\xf2\x05\x2a\x01\x00\x00\x00\x09\x81\x79\x02\x46\x01\x81\x7a\x02\xf2\xff\xff\x7f\x04"
       "\xff\x0a"
       "\x00\xff\xdb\x7e\x6c\x87\x9b\xb3\x8d"sv,
       Type::kHash,
       RdbForm::kCompact,
       {"f", "v", "n", "1000", "m", "-1", "x", "5000000000", "y", "70", "z", "8388607"}},
      {"\x10\x17\x17\x00\x00\x00\x02\x00\xf4\xff\xff\xff\x7f\xff\xff\xff\xff\x09\xf3\xff\xff\xff\x7f\x05\xff"
       "\x0a\x00"
       "\x56\xb8\xdb\x04\x26\xd9\x4d\x84"sv,
       Type::kHash,
       RdbForm::kCompact,
       {"-2147483649", "2147483647"}},
      {"\x10\xc3\x1c\x40\x54\x0d\x54\x00\x00\x00\x04\x00\x81\x66\x02\xe0\x40\x71\x30\x76\xe0\x34\x00\x08\x42"
       "\x80\x01"
       "\xf2\x00\x80\x00\x04\xff\x0a\x00\xd0\xf2\x2e\x59\x73\x18\x57\x8f"sv,
       Type::kHash,
       RdbForm::kCompact,
       {"f", medium_value, "", "32768"}},
      {"\x04\x01\x01\x66\xc3\x09\x40\x46\x01\x76\x76\xe0\x39\x00\x01\x76\x76\x0a\x00\xf2\x1b\xfa\x0a\x02\xf2"
       "\x74"
       "\x9c"sv,
       Type::kHash,
       RdbForm::kPlain,
       {"f", long_value}},
  };
  return all;
}

std::vector<std::string> owned(const std::vector<std::string_view>& views) {
  return {views.begin(), views.end()};
}

bool compressed(std::string_view payload) {
  return payload.find('\xc3') != std::string_view::npos && payload.find("\xc3\xe8") == std::string_view::npos;
}

TEST_CASE("CRC-64 by its published check value, in all alignments") {
  CHECK(crc64("123456789") == 0xe9c6d914c4b8d9caull);
  CHECK(crc64("") == 0);
  const std::string bytes = "The quick brown fox jumps over it";
  for (size_t size = 0; size <= bytes.size(); ++size) {
    uint64_t bitwise = 0;
    for (size_t i = 0; i < size; ++i) {
      bitwise ^= static_cast<unsigned char>(bytes[i]);
      for (int bit = 0; bit < 8; ++bit)
        bitwise = (bitwise & 1) != 0 ? bitwise >> 1 ^ 0x95ac9329ac4bc9b5ull : bitwise >> 1;
    }
    CHECK(crc64(std::string_view(bytes).substr(0, size)) == bitwise);
  }
}

TEST_CASE("payloads of a Redis 7.0 are read") {
  for (const Sample& sample : samples()) {
    const Decoded expected{true, sample.type, owned(sample.strings)};
    CHECK(decoded(sample.payload) == expected);
  }
}

TEST_CASE("what is written is what Redis 7.0 writes, byte for byte, where it does not compress") {
  int compared = 0;
  for (const Sample& sample : samples()) {
    if (compressed(sample.payload)) continue;
    CHECK(encode_rdb_payload(value_of(sample.type, sample.strings), sample.form) == sample.payload);
    ++compared;
  }
  CHECK(compared == 10);
}

TEST_CASE("every form reads back as it was written") {
  for (const size_t size : {0u, 1u, 63u, 64u, 127u, 128u, 4095u, 4096u, 16383u, 16384u, 2097151u, 3000000u}) {
    const std::string text(size, 'x');
    const Decoded as_string{true, Type::kString, {text}};
    CHECK(decoded(encode_rdb_payload(value_of(Type::kString, {text}), RdbForm::kPlain)) == as_string);
    const Decoded as_hash{true, Type::kHash, {"f", text, text + "y", "-7"}};
    for (const RdbForm form : {RdbForm::kPlain, RdbForm::kCompact})
      CHECK(decoded(encode_rdb_payload(value_of(Type::kHash, {"f", text, text + "y", "-7"}), form)) ==
            as_hash);
  }
}

TEST_CASE("integers at the edges of every width keep their text") {
  std::vector<std::string> texts;
  for (int bits = 0; bits < 64; ++bits) {
    for (int64_t nearby = -1; nearby <= 1; ++nearby) {
      const auto value = static_cast<int64_t>((uint64_t{1} << bits) + static_cast<uint64_t>(nearby));
      texts.push_back(std::to_string(value));
      if (value != INT64_MIN) texts.push_back(std::to_string(-value));
    }
  }
  for (const std::string& text : texts) {
    INFO(text);
    const Decoded as_string{true, Type::kString, {text}};
    CHECK(decoded(encode_rdb_payload(value_of(Type::kString, {text}), RdbForm::kPlain)) == as_string);
    const Decoded as_hash{true, Type::kHash, {text, text}};
    CHECK(decoded(encode_rdb_payload(value_of(Type::kHash, {text, text}), RdbForm::kCompact)) == as_hash);
    const Decoded as_set{true, Type::kSet, {text}};
    CHECK(decoded(encode_rdb_payload(value_of(Type::kSet, {text}), RdbForm::kCompact)) == as_set);
  }
}

TEST_CASE("a listpack of more entries than its count can say") {
  std::vector<std::string> names;
  for (int i = 0; i < 40000; ++i) names.push_back("n" + std::to_string(i));
  std::vector<std::string_view> strings;
  for (const std::string& name : names) {
    strings.push_back(name);
    strings.push_back("v");
  }
  const Decoded expected{true, Type::kHash, owned(strings)};
  CHECK(decoded(encode_rdb_payload(value_of(Type::kHash, strings), RdbForm::kCompact)) == expected);
}

TEST_CASE("hashes as ziplists of older servers") {
  // f=v, n=1000 (16 bits), z=-1 (8 bits), i=12 (immediate).
  const std::string_view entries =
      "\x00\x01"
      "f"
      "\x03\x01"
      "v"
      "\x03\x01"
      "n"
      "\x03\xc0\xe8\x03"
      "\x04\x01"
      "z"
      "\x03\xfe\xff"
      "\x03\x01"
      "i"
      "\x03\xfd"sv;
  std::string ziplist;
  append_little_endian(10 + entries.size() + 1, 4, &ziplist);
  append_little_endian(10 + entries.size() - 2, 4, &ziplist);
  append_little_endian(8, 2, &ziplist);
  ziplist += entries;
  ziplist += '\xff';
  std::string body = "\x0d";
  append_rdb_string(ziplist, &body);
  const Decoded expected{true, Type::kHash, {"f", "v", "n", "1000", "z", "-1", "i", "12"}};
  CHECK(decoded(sealed(body, 6)) == expected);
}

TEST_CASE("footers: short, damaged, of a later version") {
  const std::string_view good = samples()[0].payload;
  CHECK(rdb_payload_intact(good));
  CHECK_FALSE(rdb_payload_intact(""));
  CHECK_FALSE(rdb_payload_intact(good.substr(0, 9)));
  CHECK_FALSE(rdb_payload_intact(good.substr(0, good.size() - 1)));
  for (size_t i = 0; i < good.size(); ++i) {
    std::string damaged(good);
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    CHECK_FALSE(rdb_payload_intact(damaged));
  }
  CHECK(rdb_payload_intact(sealed("\x00\x01x"sv, 9)));
  CHECK_FALSE(rdb_payload_intact(sealed("\x00\x01x"sv, 11)));
  CHECK(rdb_payload_intact(sealed("")));
  CHECK_FALSE(decoded(sealed("")).ok);
}

TEST_CASE("intact payloads that are not values") {
  const std::string_view bodies[] = {
      "\x00"sv,                                      // No string.
      "\x00\x05xx"sv,                                // Shorter than it says.
      "\x00\x01xy"sv,                                // Longer.
      "\x00\x81\xff\xff\xff\xff\xff\xff\xff\xff"sv,  // A length beyond all bounds.
      "\x00\x82\x00"sv,                              // No length.
      "\x00\xc4\x00"sv,                              // No encoding.
      "\x00\xc2\x01\x02"sv,                          // An integer cut short.
      "\x00\xc3\x02\x80\xff\xff\xff\xff\x00x"sv,     // Would grow beyond what compression can.
      "\x00\xc3\x02\x02\x00x"sv,                     // Less than it says.
      "\x00\xc3\x02\x03\x20\x00"sv,                  // Repeats what is not there.
      "\x00\xc3\x02\x03\x05x"sv,                     // A literal cut short.
      "\x00\xc3\x01\x03\x20"sv,                      // A match cut short.
      "\x02\x00"sv,
      "\x04\x00"sv,   // Empty.
      "\x02\x02\x01"  // A member twice.
      "a\x01"
      "a"sv,
      "\x02\x02\xc0\x11\x02"  // The same, written in two ways.
      "17"sv,
      "\x04\x01\x01"  // A field without a value.
      "a"sv,
      "\x0b\x08\x02\x00\x00\x00\x00\x00\x00\x00"sv,                  // An empty intset,
      "\x0b\x0c\x02\x00\x00\x00\x02\x00\x00\x00\x05\x00\x05\x00"sv,  // not ascending,
      "\x0b\x0b\x03\x00\x00\x00\x01\x00\x00\x00\x05\x00\x05"sv,      // of odd width,
      "\x0b\x0c\x02\x00\x00\x00\x03\x00\x00\x00\x05\x00\x06\x00"sv,  // with another count.
      "\x10\x07\x07\x00\x00\x00\x00\x00\xff"sv,                      // An empty listpack,
      "\x10\x09\x09\x00\x00\x00\x01\x00\x01\x01\xff"sv,              // with a name only,
      "\x10\x0b\x0b\x00\x00\x00\x03\x00\x01\x01\x02\x01\xff"sv,      // with another count,
      "\x10\x0b\x0b\x00\x00\x00\x02\x00\x01\x01\x02\x02\xff"sv,      // with a wrong backlen,
      "\x10\x0b\x0b\x00\x00\x00\x02\x00\x01\x01\x02\x01\x00"sv,      // without its end,
      "\x10\x0b\x0b\x00\x00\x00\x02\x00\x01\x01\xbf\x01\xff"sv,      // with a string beyond its end,
      "\x10\x0b\x0b\x00\x00\x00\x02\x00\x01\x01\xf5\x01\xff"sv,      // with an unknown encoding.
      "\x01\x00"sv,
      "\x0e\x00"sv,
      "\x15\x01x"sv,
      "\xff"sv,  // Types that are not there.
  };
  for (const std::string_view body : bodies) {
    CAPTURE(body.size());
    CAPTURE(crc64(body));
    CHECK(rdb_payload_intact(sealed(body)));
    CHECK_FALSE(decoded(sealed(body)).ok);
  }
}

TEST_CASE(
    "mutated bodies under a right checksum do no harm, and what is read can be written and read again") {
  const char* given = std::getenv("STARLING_SEED");
  const auto seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  MESSAGE("STARLING_SEED=" << seed);
  std::mt19937_64 random(seed);
  int accepted = 0, refused = 0;
  for (int round = 0; round < 30000; ++round) {
    const std::string_view payload = samples()[random() % samples().size()].payload;
    std::string body(payload.substr(0, payload.size() - 10));
    for (uint64_t changes = random() % 4 + 1; changes > 0 && !body.empty(); --changes) {
      const size_t at = random() % body.size();
      switch (random() % 3) {
        case 0:
          body[at] = static_cast<char>(random());
          break;
        case 1:
          body.erase(at, random() % 4 + 1);
          break;
        default:
          body.insert(at, 1, static_cast<char>(random()));
      }
    }
    const Decoded first = decoded(sealed(body));
    ++(first.ok ? accepted : refused);
    if (!first.ok) continue;
    const RdbValue value = value_of(first.type, {first.strings.begin(), first.strings.end()});
    CHECK(decoded(encode_rdb_payload(value, RdbForm::kPlain)) == first);
  }
  CHECK(accepted > 100);
  CHECK(refused > 100);
}

}  // namespace
}  // namespace starling::server
