// Streams in payloads: what Redis makes is read, what is written is read again, and damage is refused.
#include "server/rdb/stream_payload.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/types/stream/stream_group.h"
#include "server/rdb/crc64.h"
#include "server/rdb/little_endian.h"
#include "server/rdb/rdb_payload.h"
#include "tests/unit/engine/random_run.h"

namespace starling::server {
namespace {

using namespace std::string_view_literals;
using engine::StreamId;
using engine::StreamView;

// What redis-server 7.0.15 answered to DUMP: entries 1-2, 1-3, 2-1, 2-2, of which 1-1 was removed; a group "empty" at
// 0-0, and "g", which has given them to c0, c1 and c2.
constexpr std::string_view kSample =
    "\x13\x01\x10\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\xc3\x34\x40\x44\x07\x44\x00"
    "\x00\x00\x1e\x00\x04\x01\x40\x00\x07\x81\x66\x02\x00\x01\x03\x01\x00\x60\x01\x02\x04\x01\x02\x20\x07\x40"
    "\x00\x80\x09\x00\x02\x20\x01\x40\x09\x00\x01\x20\x15\x00\x03\xa0\x09\x40\x1b\x02\x04\x01\xff\x04\x02\x02"
    "\x01\x02\x01\x01\x05\x02\x05\x65\x6d\x70\x74\x79\x00\x00\x81\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x01"
    "\x67\x02\x02\x05\x04\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\xbf\xbc\x70\x2f\xa2"
    "\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x03\xc3\xbc\x70\x2f\xa2\x01"
    "\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01\xc3\xbc\x70\x2f\xa2\x01\x00"
    "\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x02\xcb\xbc\x70\x2f\xa2\x01\x00\x00"
    "\x01\x03\x02\x63\x30\xbf\xbc\x70\x2f\xa2\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00"
    "\x00\x00\x00\x02\x02\x63\x31\xc3\xbc\x70\x2f\xa2\x01\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00"
    "\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01\x02\x63\x32\xcb"
    "\xbc\x70\x2f\xa2\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x02\x0a\x00"
    "\xeb\xe5\xee\x35\xe5\x22\x18\xc3"sv;

std::unique_ptr<engine::Collection> decoded(std::string_view payload) {
  if (!rdb_payload_intact(payload)) return nullptr;
  auto stream = decode_rdb_collection(payload);
  if (stream != nullptr) stream->put_in_order();
  return stream;
}

std::string sealed(std::string_view body) {
  std::string payload(body);
  append_little_endian(10, 2, &payload);
  append_little_endian(crc64(payload), 8, &payload);
  return payload;
}

void check_sample(const engine::Collection& parts) {
  REQUIRE(parts.type() == engine::Type::kStream);
  const StreamView stream(parts);
  std::vector<StreamId> ids;
  stream.walk(0, stream.size(), [&](const engine::StreamEntry& entry) {
    ids.push_back(entry.id);
    engine::StreamFields fields = entry.fields();
    CHECK(fields.next() == "f");
    CHECK(fields.next() == std::to_string(ids.size()));
    CHECK(fields.empty());
    return true;
  });
  CHECK(ids == std::vector<StreamId>{{1, 2}, {1, 3}, {2, 1}, {2, 2}});
  CHECK(stream.last_id() == StreamId{2, 2});
  CHECK(stream.totals().max_deleted == StreamId{1, 1});
  CHECK(stream.entries_added() == 5);
  std::vector<std::string> groups;
  engine::walk_groups(stream, [&](std::string_view name) {
    groups.emplace_back(name);
    return true;
  });
  CHECK(groups == std::vector<std::string>{"empty", "g"});
  const engine::StreamGroupView group(stream, "g");
  CHECK(group.state()->last() == StreamId{2, 2});
  CHECK(group.state()->entries_read == 5);
  CHECK(group.consumers() == 3);
  CHECK(group.all_pending() == 4);
  CHECK(group.pending({1, 3})->consumer == "c1");
  CHECK(group.pending({1, 3})->deliveries == 1);
}

TEST_CASE("what Redis dumped is read, and what is written says the same") {
  const auto stream = decoded(kSample);
  REQUIRE(stream != nullptr);
  check_sample(*stream);
  const auto again = decoded(encode_rdb_payload(*stream, RdbForm::kPlain));
  REQUIRE(again != nullptr);
  check_sample(*again);
}

TEST_CASE("a payload cut short, or with a byte changed, is refused or is another stream") {
  const std::string_view body = kSample.substr(0, kSample.size() - 10);
  for (size_t size = 0; size < body.size(); ++size) CHECK(decoded(sealed(body.substr(0, size))) == nullptr);
  engine::SeededRandom random(engine::first_seed());
  for (int i = 0; i < 3000; ++i) {
    std::string changed(body);
    changed[1 + random.below(changed.size() - 1)] = static_cast<char>(random.below(256));
    const auto stream = decoded(sealed(changed));
    // Whatever it is, it can be written.
    if (stream != nullptr && stream->type() == engine::Type::kStream)
      CHECK(decoded(encode_rdb_payload(*stream, RdbForm::kPlain)) != nullptr);
  }
}

}  // namespace
}  // namespace starling::server
