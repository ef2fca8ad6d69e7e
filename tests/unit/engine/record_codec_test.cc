#include "engine/record/record_codec.h"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/unit/engine/histories.h"

namespace starling::engine {
namespace {

using testing::History;
using testing::SeededRandom;
using namespace std::string_literals;

constexpr ActorId kActor = 0x1122334455667788;
constexpr int64_t kNow = testing::kEpochMs;

std::string encoded(const Record& record) {
  std::string bytes;
  encode_record(record, &bytes);
  return bytes;
}

std::string encoded_header(const Record& record) {
  std::string bytes;
  encode_header(record, &bytes);
  return bytes;
}

Record string_record(Stamp stamp, std::string_view value, int64_t deadline_ms = 0) {
  Record record;
  Change change(&record, {stamp, kActor}, kNow);
  change.put_string({}, value, deadline_ms);
  change.finish();
  return record;
}

void put_field(Record* record, const Dot& dot, std::string_view name, std::string_view value) {
  Change change(record, dot, kNow);
  change.put_element(ElementKind::kField, name, value);
  change.finish();
}

void check_round_trip(const Record& record) {
  const std::string bytes = encoded(record);
  Record decoded;
  const Status status = decode_record(bytes, &decoded);
  INFO(status.message());
  REQUIRE(status.ok());
  REQUIRE(decoded == record);
  REQUIRE(encoded(decoded) == bytes);
}

// Takes a record apart as the disk holds it and puts it together again.
void check_disk_round_trip(const Record& record) {
  Header header;
  REQUIRE(decode_header(encoded_header(record), &header).ok());
  REQUIRE(header.record.context() == record.context());
  RecordAssembly assembly(header.record);
  uint64_t apart = 0;
  for (const auto& [id, siblings] : record.elements()) {
    if (!is_stored_apart(id.kind)) continue;
    std::string bytes;
    encode_element(siblings, &bytes);
    Siblings decoded;
    REQUIRE(decode_element(id.kind, bytes, &decoded).ok());
    REQUIRE(decoded == siblings);
    REQUIRE(assembly.add(id.kind, id.name, std::move(decoded)));
    ++apart;
  }
  REQUIRE(header.stored_apart() == apart);
  REQUIRE(assembly.take() == record);
}

TEST_CASE("the short cuts write what the encoder writes") {
  std::string simple;
  encode_simple_string(kActor, 77, 0, "value", &simple);
  CHECK(encoded(string_record(77, "value")) == simple);
  CHECK(encoded_header(string_record(77, "value")) == simple);
  simple.clear();
  encode_simple_string(kActor, 77, kNow + 5, "", &simple);
  CHECK(encoded(string_record(77, "", kNow + 5)) == simple);

  Record hash;
  put_field(&hash, {10, kActor}, "a", "1");
  put_field(&hash, {11, kActor}, "b", "2");
  simple.clear();
  encode_simple_header(Type::kHash, kActor, 11, 0, 2, &simple);
  CHECK(encoded_header(hash) == simple);
  Change change(&hash, {12, kActor}, kNow);
  change.set_deadline(kNow + 1000);
  change.finish();
  put_field(&hash, {13, kActor}, "c", "3");
  simple.clear();
  encode_simple_header(Type::kHash, kActor, 13, kNow + 1000, 3, &simple, 12);
  CHECK(encoded_header(hash) == simple);
  simple.clear();
  encode_simple_element(kActor, 11, "2", &simple);
  std::string element;
  encode_element(hash.elements().at({ElementKind::kField, "b"}), &element);
  CHECK(element == simple);
  check_round_trip(hash);
  check_disk_round_trip(hash);
}

TEST_CASE("every state of random histories survives encoding, whole and as on disk") {
  const uint64_t seed = testing::test_seed();
  INFO("STARLING_SEED=" << seed);
  for (int i = 0; i < 150; ++i) {
    History history(seed + i, 1 + i % 4);
    history.steps(50);
    history.settle();
    for (const auto& state : history.states()) {
      check_round_trip(state.record);
      check_disk_round_trip(state.record);
    }
    for (const auto& replica : history.replicas()) {
      if (replica.record.context().empty()) continue;
      check_round_trip(replica.record);
      check_disk_round_trip(replica.record);
    }
    for (const auto& shipped : history.shipped()) {
      std::string bytes;
      encode_delta(shipped.delta, &bytes);
      Delta decoded;
      REQUIRE(decode_delta(bytes, &decoded).ok());
      REQUIRE(decoded == shipped.delta);
    }
  }
}

// Whatever decodes must be what the encoder writes: one record, one encoding.
void check_canonical(const std::string& bytes) {
  Record record;
  if (decode_record(bytes, &record).ok()) REQUIRE(encoded(record) == bytes);
  Header header;
  if (decode_header(bytes, &header).ok() && header.collections.empty())
    REQUIRE(encoded_header(header.record) == bytes);
  Delta delta;
  std::string again;
  if (decode_delta(bytes, &delta).ok()) {
    encode_delta(delta, &again);
    REQUIRE(again == bytes);
  }
  for (const ElementKind kind : {ElementKind::kField, ElementKind::kMember, ElementKind::kScoredMember}) {
    Siblings siblings;
    again.clear();
    if (!decode_element(kind, bytes, &siblings).ok()) continue;
    encode_element(siblings, &again);
    REQUIRE(again == bytes);
  }
  VersionVector context;
  again.clear();
  if (decode_context(bytes, 100, &context).ok()) {
    encode_context(context, &again);
    REQUIRE(again == bytes);
  }
}

TEST_CASE("damaged bytes are refused or are another canonical encoding") {
  const uint64_t seed = testing::test_seed();
  INFO("STARLING_SEED=" << seed);
  SeededRandom random(seed);
  uint64_t refused = 0;
  for (int i = 0; i < 40; ++i) {
    History history(seed + i, 3);
    history.steps(40);
    std::vector<std::string> seeds;
    for (const auto& state : history.states()) seeds.push_back(encoded(state.record));
    for (const auto& shipped : history.shipped()) {
      encode_delta(shipped.delta, &seeds.emplace_back());
      encode_context(shipped.delta.after, &seeds.emplace_back());
    }
    for (const std::string& good : seeds) {
      for (int mutation = 0; mutation < 20; ++mutation) {
        std::string bytes = good;
        switch (random.below(4)) {
          case 0:
            bytes[random.below(bytes.size())] ^= static_cast<char>(1 << random.below(8));
            break;
          case 1:
            bytes[random.below(bytes.size())] = static_cast<char>(random.next());
            break;
          case 2:
            bytes.resize(random.below(bytes.size()));
            break;
          default:
            bytes.insert(random.below(bytes.size() + 1), 1 + random.below(9),
                         static_cast<char>(random.next()));
        }
        check_canonical(bytes);
        Record record;
        refused += !decode_record(bytes, &record).ok();
      }
    }
  }
  CHECK(refused > 1000);
}

TEST_CASE("a later format is told from damage") {
  Record record;
  Header header;
  Siblings siblings;
  Delta delta;
  VersionVector context;
  for (const char first : {'\x20', '\x2f', '\xf0'}) {
    const std::string bytes = first + std::string(40, '\x01');
    CHECK(decode_record(bytes, &record).code() == StatusCode::kNewerFormat);
    CHECK(decode_header(bytes, &header).code() == StatusCode::kNewerFormat);
    CHECK(decode_element(ElementKind::kField, bytes, &siblings).code() == StatusCode::kNewerFormat);
    CHECK(decode_delta(bytes, &delta).code() == StatusCode::kNewerFormat);
    CHECK(decode_context(bytes, 10, &context).code() == StatusCode::kNewerFormat);
  }
  for (const std::string& bytes : {""s, "\x0f"s, "\x15"s, "\x1f" + std::string(40, '\x01')}) {
    CHECK(decode_record(bytes, &record).code() == StatusCode::kCorrupt);
    CHECK(decode_header(bytes, &header).code() == StatusCode::kCorrupt);
    CHECK(decode_element(ElementKind::kField, bytes, &siblings).code() == StatusCode::kCorrupt);
    CHECK(decode_delta(bytes, &delta).code() == StatusCode::kCorrupt);
    CHECK(decode_context(bytes, 10, &context).code() == StatusCode::kCorrupt);
  }
}

TEST_CASE("counts beyond the bytes that are there are refused, not allocated") {
  Record record;
  Delta delta;
  VersionVector context;
  const std::string huge = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s;
  CHECK_FALSE(decode_record("\x14" + huge, &record).ok());
  CHECK_FALSE(decode_record("\x14\x01" + std::string(16, '\x01') + huge, &record).ok());
  CHECK_FALSE(decode_record("\x12" + std::string(16, '\x01') + "\x02" + huge, &record).ok());
  CHECK_FALSE(decode_delta("\x1b" + huge, &delta).ok());
  CHECK_FALSE(decode_context("\x1c" + huge, 10, &context).ok());
}

TEST_CASE("a form longer than need be is refused") {
  // A simple string, spelled out: context of one, one value, nothing else.
  const std::string dot = "\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0"s;
  const std::string spelled = "\x14\x01" + dot + "\x01\0"s + dot + "\x01v" + "\0\0\0"s;
  Record record;
  CHECK(decode_record(spelled, &record).code() == StatusCode::kCorrupt);
  // With a second actor in the context it is the only form.
  const std::string other = "\x02\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0"s;
  CHECK(decode_record("\x14\x02" + dot + other + "\x01\0"s + dot + "\x01v" + "\0\0\0"s, &record).ok());
  CHECK(record.string(0) == "v");
  // A sibling the context does not cover; a context out of order; two siblings of one dot.
  CHECK_FALSE(decode_record("\x14\x01" + other + "\x01\0"s + dot + "\x01v" + "\0\0\0"s, &record).ok());
  CHECK_FALSE(decode_record("\x14\x02" + other + dot + "\x01\0"s + dot + "\x01v" + "\0\0\0"s, &record).ok());
  CHECK_FALSE(
      decode_record("\x14\x01" + dot + "\x02\0"s + dot + "\x01v\0"s + dot + "\x01w" + "\0\0\0"s, &record)
          .ok());
}

TEST_CASE("an element that can be simple must be, and siblings come in order") {
  const std::string first = "\0\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x01v"s;
  const std::string second = "\0\x01\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x01w"s;
  Siblings siblings;
  CHECK(decode_element(ElementKind::kField, "\x19\x02" + first + second, &siblings).ok());
  CHECK(siblings.size() == 2);
  CHECK_FALSE(decode_element(ElementKind::kField, "\x19\x02" + second + first, &siblings).ok());
  CHECK_FALSE(decode_element(ElementKind::kField, "\x19\x02" + first + first, &siblings).ok());
  CHECK_FALSE(decode_element(ElementKind::kField, "\x19\x01" + first, &siblings).ok());
  CHECK_FALSE(decode_element(ElementKind::kField, "\x19\0"s, &siblings).ok());
  CHECK_FALSE(decode_element(ElementKind::kField, "\x19\x02" + first + second + "x", &siblings).ok());
}

TEST_CASE("a header's kinds come in order and count what is there") {
  // A hash of one field and, concurrently, a set of two members.
  Record hash, set;
  put_field(&hash, {5, kActor}, "f", "1");
  for (Stamp stamp = 1; stamp <= 2; ++stamp) {
    Change change(&set, {stamp, kActor + 1}, kNow);
    change.put_element(ElementKind::kMember, std::to_string(stamp), "");
    change.finish();
  }
  hash.merge(set);
  const std::string good = encoded(hash);
  check_round_trip(hash);
  check_disk_round_trip(hash);
  Header header;
  REQUIRE(decode_header(encoded_header(hash), &header).ok());
  CHECK(header.collections == std::vector<Header::Collection>{{ElementKind::kField, 1, {5, kActor}},
                                                              {ElementKind::kMember, 2, {2, kActor + 1}}});
  // Each collection is 18 bytes at the header's end.
  const size_t end = encoded_header(hash).size();
  const std::string field = good.substr(end - 36, 18), member = good.substr(end - 18, 18);
  std::string swapped = good;
  swapped.replace(end - 36, 36, member + field);
  CHECK_FALSE(decode_header(swapped.substr(0, end), &header).ok());
  std::string twice = good;
  twice.replace(end - 36, 36, field + field);
  CHECK_FALSE(decode_header(twice.substr(0, end), &header).ok());
  std::string miscounted = good;
  std::swap(miscounted[end - 35], miscounted[end - 17]);
  Record record;
  CHECK(decode_header(miscounted.substr(0, end), &header).ok());
  CHECK_FALSE(decode_record(miscounted, &record).ok());
}

TEST_CASE("a context from a client has a size limit") {
  VersionVector context;
  for (ActorId actor = 1; actor <= 11; ++actor) context.add({1, actor});
  std::string bytes;
  encode_context(context, &bytes);
  VersionVector decoded;
  CHECK(decode_context(bytes, 11, &decoded).ok());
  CHECK(decoded == context);
  CHECK(decode_context(bytes, 10, &decoded).code() == StatusCode::kInvalid);
  CHECK(decode_context(bytes, 1, &decoded).code() == StatusCode::kInvalid);
}

}  // namespace
}  // namespace starling::engine
