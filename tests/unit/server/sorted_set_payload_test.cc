#include "server/rdb/sorted_set_payload.h"

#include <doctest/doctest.h>

#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "engine/types/sorted_set/sorted_set.h"
#include "server/rdb/crc64.h"
#include "server/rdb/little_endian.h"
#include "server/rdb/rdb_payload.h"
#include "tests/unit/engine/random_run.h"

namespace starling::server {
namespace {

using namespace std::string_view_literals;
using Scores = std::map<std::string, double>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// What redis-server 7.0.15 answered to DUMP of kSample.
constexpr std::string_view kListpack =
    "\x11\xc3\x3e\x40\x47\x10\x47\x00\x00\x00\x0e\x00\x81\x64\x02\x84\x2d\x69\x6e\x66\x05\x81\x62\x20\x08\x10"
    "\x32\x2e"
    "\x35\x05\x81\x66\x02\x00\x01\x81\x65\x02\x93\x30\x2e\x31\x30\xe0\x05\x00\x0e\x31\x14\x81\x61\x02\x01\x01"
    "\x05\x01"
    "\x11\x01\x81\x63\x02\x83\x20\x36\x01\x04\xff\x0a\x00\x09\x17\x9d\x65\xc0\x29\x68\xb2"sv;
constexpr std::string_view kDoubles =
    "\x05\x07\x01\x63\x00\x00\x00\x00\x00\x00\xf0\x7f\xc0\x05\x00\x00\x00\x00\x00\x00\x31\x40\x01\x61\x00\x00"
    "\x00\x00"
    "\x00\x00\xf0\x3f\x01\x65\x9a\x99\x99\x99\x99\x99\xb9\x3f\x01\x66\x00\x00\x00\x00\x00\x00\x00\x80\x01\x62"
    "\x00\x00"
    "\x00\x00\x00\x00\x04\xc0\x01\x64\x00\x00\x00\x00\x00\x00\xf0\xff\x0a\x00\xba\x0e\x1c\x39\x49\x41\x63\x89"sv;
const Scores kSample = {{"a", 1},          {"b", -2.5}, {"c", kInfinity}, {"5", 17},
                        {"d", -kInfinity}, {"e", 0.1},  {"f", 0}};

std::string sealed(std::string_view body) {
  std::string payload(body);
  append_little_endian(10, 2, &payload);
  append_little_endian(crc64(payload), 8, &payload);
  return payload;
}

std::unique_ptr<engine::Collection> made_of(const Scores& scores) {
  engine::SortedSetMaker maker(scores.size());
  for (const auto& [member, score] : scores) maker.put(member, score);
  auto made = maker.take();
  made->put_in_order();
  return made;
}

// Empty: it was refused.
Scores decoded(std::string_view payload) {
  Scores scores;
  if (!rdb_payload_intact(payload)) return scores;
  const auto collection = decode_rdb_collection(payload);
  if (collection == nullptr) return scores;
  REQUIRE(collection->type() == engine::Type::kSortedSet);
  collection->put_in_order();
  engine::SortedSetView(*collection).walk(0, collection->size(), [&](const engine::ScoredMember& member) {
    scores.emplace(member.member, member.score);
    return true;
  });
  return scores;
}

Scores decoded_body(std::string_view body) {
  return decoded(sealed(body));
}

TEST_CASE("what Redis dumped is read, and written as Redis does") {
  CHECK(decoded(kListpack) == kSample);
  CHECK(decoded(kDoubles) == kSample);
  const auto sample = made_of(kSample);
  // But for the sign of 0.
  std::string doubles(kDoubles.substr(0, kDoubles.size() - 10));
  doubles[doubles.find("\x80"sv)] = '\0';
  CHECK(encode_rdb_payload(*sample, RdbForm::kPlain) == sealed(doubles));
  // Redis compresses it.
  CHECK(decoded(encode_rdb_payload(*sample, RdbForm::kCompact)) == kSample);
}

TEST_CASE("scores in listpacks") {
  CHECK(listpack_score(1e17) == "100000000000000000");
  CHECK(listpack_score(-0x1p62) == "-4611686018427387904");
  CHECK(listpack_score(4.7e18) == "4.7e+18");
  CHECK(listpack_score(-0.0) == "0");
  CHECK(listpack_score(0.1) == "0.10000000000000001");
  CHECK(listpack_score(-kInfinity) == "-inf");
}

TEST_CASE("scores as texts") {
  CHECK(decoded_body("\x03\x03\x01"
                     "a\x03"
                     "1.5\x01"
                     "b\xfe\x01"
                     "c\xff"sv) == Scores{{"a", 1.5}, {"b", kInfinity}, {"c", -kInfinity}});
}

TEST_CASE("sorted sets as ziplists of older servers") {
  // a=2, b=1.5.
  CHECK(decoded_body("\x0c\x18\x18\x00\x00\x00\x12\x00\x00\x00\x04\x00\x00\x01"
                     "a\x03\xf3\x02\x01"
                     "b\x03\x03"
                     "1.5\xff"sv) == Scores{{"a", 2}, {"b", 1.5}});
}

TEST_CASE("what is no sorted set is refused") {
  for (const std::string_view body : {
           "\x03\x00"sv,  // Empty.
           "\x05\x00"sv,
           "\x03\x01\x01"
           "a\xfd"sv,  // Not a number.
           "\x03\x01\x01"
           "a\x03nan"sv,
           "\x05\x01\x01"
           "a\x00\x00\x00\x00\x00\x00\xf8\x7f"sv,
           "\x03\x01\x01"
           "a\x00"sv,  // No score,
           "\x03\x01\x01"
           "a"sv,
           "\x03\x01\x01"
           "a\x05"
           "1"sv,  // one cut short,
           "\x03\x01\x01"
           "a\x02"
           "1x"sv,  // no text of one.
           "\x05\x01\x01"
           "a\x00\x00\x00"sv,
           "\x05\x02\x01"  // A member twice.
           "a\x00\x00\x00\x00\x00\x00\xf0\x3f\x01"
           "a\x00\x00\x00\x00\x00\x00\xf0\x3f"sv,
           "\x05\x01\x01"  // More than it says.
           "a\x00\x00\x00\x00\x00\x00\xf0\x3f\x01"sv,
           "\x05\x81\xff\xff\xff\xff\xff\xff\xff\xff"sv,                 // More than can be.
           "\x11\x07\x07\x00\x00\x00\x00\x00\xff"sv,                     // An empty listpack,
           "\x11\x09\x09\x00\x00\x00\x01\x00\x01\x01\xff"sv,             // without a score,
           "\x11\x0c\x0c\x00\x00\x00\x02\x00\x01\x01\x81x\x02\xff"sv,    // with one that is no number.
           "\x11\x0e\x0e\x00\x00\x00\x02\x00\x01\x01\x83nan\x04\xff"sv,  // NaN.
           "\x11\x0f\x0f\x00\x00\x00\x04\x00\x01\x01\x02\x01\x01\x01\x03\x01\xff"sv,
       }) {
    CAPTURE(crc64(body));
    CHECK(decoded_body(body).empty());
  }
}

TEST_CASE("random sorted sets come back from both forms; damaged ones do no harm") {
  for (uint64_t seed = engine::first_seed(); seed < engine::first_seed() + engine::seed_count(300); ++seed) {
    CAPTURE(seed);
    engine::SeededRandom random(seed);
    Scores scores;
    for (uint64_t i = 1 + random.below(200); i > 0; --i) {
      std::string member(random.below(5), static_cast<char>('a' + random.below(26)));
      if (random.below(3) == 0) member = std::to_string(random.below(100'000));
      const double magnitude = static_cast<double>(random.below(1'000'000'007)) / 97;
      scores[member] = random.below(2) == 0 ? -magnitude : magnitude * 1e30;
    }
    const auto made = made_of(scores);
    for (const RdbForm form : {RdbForm::kPlain, RdbForm::kCompact}) {
      const std::string payload = encode_rdb_payload(*made, form);
      CHECK(decoded(payload) == scores);
      std::string body = payload.substr(0, payload.size() - 10);
      for (int i = 0; i < 20; ++i) {
        std::string damaged = body;
        damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
        if (random.below(3) == 0) damaged.resize(1 + random.below(damaged.size()));
        if (is_sorted_set_type(static_cast<uint8_t>(damaged[0]))) (void)decoded_body(damaged);
      }
    }
  }
}

}  // namespace
}  // namespace starling::server
