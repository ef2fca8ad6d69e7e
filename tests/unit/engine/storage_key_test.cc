#include "engine/record/storage_key.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace starling::engine {
namespace {

using namespace std::string_literals;

std::string record_key(SpaceId space, uint16_t partition, uint64_t hash, std::string_view name) {
  std::string out;
  append_record_key(space, partition, hash, name, &out);
  return out;
}

std::string element_key(SpaceId space, uint16_t partition, uint64_t hash, std::string_view name,
                        ElementKind kind, std::string_view element) {
  std::string out;
  append_element_prefix(space, partition, hash, name, &out);
  append_element_name(kind, element, &out);
  return out;
}

// Names made to collide with one another's encodings.
const std::vector<std::string> kNames = {
    "",     "\0"s,    "\0\0"s,      "\0\x01"s,   "\0\x01\0"s, "\0\x10"s,    "\x01"s,  "a",
    "a\0"s, "a\0\0"s, "a\0\0\x10"s, "a\0\x01"s,  "a\0b"s,     "a\x01"s,     "a\xff"s, "aa",
    "ab",   "b",      "\xff"s,      "\xff\xff"s, "\xff\0"s,   "a\0\0\x10x"s};

TEST_CASE("a record key is its position and its name") {
  CHECK(record_key(1, 0x0203, 0x040506070809, "name") == "\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08\x09name"s);
  const Key key("name");
  std::string bytes;
  append_record_key(7, key, &bytes);
  RecordKey decoded;
  REQUIRE(decode_record_key(bytes, &decoded));
  CHECK(decoded.space == 7);
  CHECK(decoded.partition == key.partition);
  CHECK(decoded.hash == key.hash);
  CHECK(decoded.name == "name");
}

TEST_CASE("keys sort by space, partition, hash, name") {
  std::vector<std::string> ascending;
  std::vector<std::string> names = kNames;
  std::sort(names.begin(), names.end());
  for (SpaceId space : {0u, 1u, 256u, kMaxSpaceId}) {
    for (uint16_t partition : {0, 1, 255, 256, 16383}) {
      for (uint64_t hash : {0ull, 1ull, 255ull, 65536ull, 0xffffffffffffull}) {
        for (const auto& name : names) ascending.push_back(record_key(space, partition, hash, name));
      }
    }
  }
  CHECK(std::is_sorted(ascending.begin(), ascending.end()));
}

TEST_CASE("the elements of records lie apart, in the order of the records") {
  std::vector<std::string> names = kNames;
  std::sort(names.begin(), names.end());
  std::vector<std::string> ascending;
  for (const auto& name : names) {
    std::vector<std::string> of_record;
    for (const auto& element : kNames) {
      of_record.push_back(element_key(3, 5, 77, name, ElementKind::kField, element));
      of_record.push_back(element_key(3, 5, 77, name, ElementKind::kMember, element));
    }
    std::sort(of_record.begin(), of_record.end());
    ascending.insert(ascending.end(), of_record.begin(), of_record.end());
  }
  CHECK(std::is_sorted(ascending.begin(), ascending.end()));
  CHECK(std::adjacent_find(ascending.begin(), ascending.end()) == ascending.end());
}

TEST_CASE("an element range holds all of the record's elements and no other's") {
  for (const auto& name : kNames) {
    const Key key(name);
    const KeyRange range = element_range(9, key);
    const KeyRange fields = element_range(9, key, ElementKind::kField);
    for (const auto& other : kNames) {
      for (const auto& element : kNames) {
        // The other record at the very same place, as after a collision of hashes.
        const auto bytes = element_key(9, key.partition, key.hash, other, ElementKind::kField, element);
        CHECK((range.lower <= bytes && bytes < range.upper) == (other == name));
        CHECK((fields.lower <= bytes && bytes < fields.upper) == (other == name));
        const auto member = element_key(9, key.partition, key.hash, other, ElementKind::kMember, element);
        CHECK((range.lower <= member && member < range.upper) == (other == name));
        CHECK_FALSE((fields.lower <= member && member < fields.upper));
      }
    }
  }
}

TEST_CASE("element keys decode to what they were made of") {
  for (const auto& name : kNames) {
    for (const auto& element : kNames) {
      const auto bytes = element_key(1, 2, 3, name, ElementKind::kScoredMember, element);
      ElementName decoded;
      std::string prefix;
      append_element_prefix(1, 2, 3, name, &prefix);
      REQUIRE(decode_element_name(bytes, prefix.size(), &decoded));
      CHECK(decoded.kind == ElementKind::kScoredMember);
      CHECK(decoded.name == element);
      CHECK(decoded.name == element);
    }
  }
}

TEST_CASE("malformed keys are refused") {
  RecordKey record;
  DeadlineKey deadline;
  ElementName element;
  CHECK_FALSE(decode_record_key("", &record));
  CHECK_FALSE(decode_record_key(std::string(11, '\0'), &record));
  CHECK_FALSE(decode_record_key(record_key(1, 16384, 1, "x"), &record));
  CHECK_FALSE(decode_record_key(std::string(12, '\xff'), &record));
  CHECK_FALSE(decode_deadline_key("1234567", &deadline));
  CHECK_FALSE(decode_deadline_key("\xff\0\0\0\0\0\0\0"s + record_key(1, 1, 1, "x"), &deadline));
  CHECK_FALSE(decode_deadline_key("\0\0\0\0\0\0\0\x01short"s, &deadline));
  std::string prefix;
  append_element_prefix(1, 1, 1, "name", &prefix);
  CHECK_FALSE(decode_element_name(prefix, prefix.size(), &element));            // No kind.
  CHECK_FALSE(decode_element_name(prefix + "\x09x", prefix.size(), &element));  // No such kind.
  CHECK_FALSE(decode_element_name(prefix + "\0x"s, prefix.size(), &element));   // Lies in the header.
}

TEST_CASE("ranges of spaces, partitions and places") {
  const auto inside = record_key(5, 300, 42, "name");
  auto holds = [&](const KeyRange& range) { return range.lower <= inside && inside < range.upper; };
  CHECK(holds(space_range(5)));
  CHECK_FALSE(holds(space_range(4)));
  CHECK_FALSE(holds(space_range(6)));
  CHECK(holds(partition_range(5, 300)));
  CHECK_FALSE(holds(partition_range(5, 299)));
  CHECK_FALSE(holds(partition_range(5, 301)));
  CHECK_FALSE(holds(partition_range(4, 300)));
  CHECK(position_bound(5, 300, 42) <= inside);
  CHECK(position_bound(5, 300, 43) > inside);
  const auto last = record_key(kMaxSpaceId, 16383, 0xffffffffffff, "\xff\xff\xff\xff\xff\xff\xff");
  CHECK(last < space_range(kMaxSpaceId).upper);
  CHECK(last < partition_range(kMaxSpaceId, 16383).upper);
}

TEST_CASE("deadlines sort by time and carry their record's key") {
  auto deadline_key = [](int64_t deadline_ms) {
    std::string out;
    append_deadline_key(deadline_ms, record_key(1, 2, 3, "name"), &out);
    return out;
  };
  CHECK(deadline_key(0) < deadline_key(1));
  CHECK(deadline_key(255) < deadline_key(256));
  CHECK(deadline_key(1700000000000) < deadline_key(INT64_MAX));
  const KeyRange range = deadline_range(1000);
  CHECK(range.lower <= deadline_key(0));
  CHECK(deadline_key(1000) < range.upper);
  CHECK_FALSE((deadline_key(1001) < range.upper));

  DeadlineKey decoded;
  const auto bytes = deadline_key(1234567);
  REQUIRE(decode_deadline_key(bytes, &decoded));
  CHECK(decoded.deadline_ms == 1234567);
  CHECK(decoded.record_key == record_key(1, 2, 3, "name"));
  CHECK(decoded.record.hash == 3);
  CHECK(decoded.record.name == "name");
}

}  // namespace
}  // namespace starling::engine
