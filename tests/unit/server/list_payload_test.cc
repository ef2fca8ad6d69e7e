#include "server/rdb/list_payload.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/seeded_random.h"
#include "server/rdb/crc64.h"
#include "server/rdb/little_endian.h"
#include "server/rdb/rdb_payload.h"
#include "tests/unit/engine/random_run.h"

namespace starling::server {
namespace {

using engine::Type;
using namespace std::string_view_literals;

std::string sealed(std::string_view body) {
  std::string payload(body);
  append_little_endian(10, 2, &payload);
  append_little_endian(crc64(payload), 8, &payload);
  return payload;
}

using Texts = std::vector<std::string>;

// What a payload says; {"?"}: no list.
Texts decoded(std::string_view payload) {
  RdbValue value;
  if (!rdb_payload_intact(payload) || !decode_rdb_payload(payload, &value) || value.type != Type::kList)
    return {"?"};
  // Its items get their names where it is restored.
  CHECK(decode_rdb_collection(payload) == nullptr);
  return {value.strings.all.begin(), value.strings.all.end()};
}

constexpr std::string_view kZiplist =
    "\x11\x11\0\0\0\x0d\0\0\0\x02\0\0\x01"
    "a\x03\x01"
    "b\xff"sv;

TEST_CASE("lists in all the forms that servers have written") {
  const Texts both{"a", "b"};
  CHECK(decoded(sealed("\x01\x02\x01"
                       "a\x01"
                       "b"sv)) == both);
  CHECK(decoded(sealed("\x0a" + std::string(kZiplist))) == both);
  CHECK(decoded(sealed("\x0e\x02" + std::string(kZiplist) + std::string(kZiplist))) ==
        Texts{"a", "b", "a", "b"});
  // As redis-server 7.0.15 dumps RPUSH l a 1.
  CHECK(decoded(sealed("\x12\x01\x02\x0c\x0c\0\0\0\x02\0\x81"
                       "a\x02\x01\x01\xff"sv)) == Texts{"a", "1"});
  CHECK(decoded(sealed("\x12\x02\x01\x03hey\x01\x02yo"sv)) == Texts{"hey", "yo"});
}

TEST_CASE("bytes that are no list, and lists of nothing") {
  for (const std::string_view body : {"\x01\0"sv, "\x12\0"sv, "\x0e\0"sv,
                                      "\x01\x02\x01"
                                      "a"sv,
                                      "\x12\x01\x03\x01"
                                      "a"sv,
                                      "\x12\x01\x02\x01"
                                      "a"sv,
                                      "\x0a\x01"
                                      "a"sv,
                                      "\x01\x01\x01"
                                      "ab"sv})
    CHECK(decoded(sealed(body)) == Texts{"?"});
}

TEST_CASE("random lists read back as they were written, and nothing that is cut does") {
  for (uint64_t seed = engine::first_seed(); seed < engine::first_seed() + engine::seed_count(); ++seed) {
    CAPTURE(seed);
    engine::SeededRandom random(seed);
    Texts texts;
    for (uint64_t i = 1 + random.below(random.below(4) == 0 ? 3000 : 20); i > 0; --i) {
      switch (random.below(4)) {
        case 0:
          texts.push_back(std::to_string(static_cast<int64_t>(random.next() >> random.below(64))));
          break;
        case 1:
          texts.emplace_back(random.below(30) == 0 ? 20000 : random.below(200), 'x');
          break;
        default:
          texts.push_back("item" + std::to_string(random.below(100)));
      }
    }
    RdbValue value;
    value.type = Type::kList;
    for (const std::string& text : texts) value.strings.add(text);
    const std::string payload = encode_rdb_payload(value, RdbForm::kPlain);
    REQUIRE(decoded(payload) == texts);
    const std::string_view body = std::string_view(payload).substr(0, payload.size() - 10);
    CHECK(decoded(sealed(body.substr(0, random.below(body.size())))) == Texts{"?"});
  }
}

}  // namespace
}  // namespace starling::server
