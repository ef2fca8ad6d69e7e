#include "server/tracking/tracking_frames.h"

#include <doctest/doctest.h>
#include <sys/uio.h>

#include <string>
#include <utility>
#include <vector>

#include "resp/output_buffer.h"

namespace starling::server {
namespace {

using Items = std::vector<std::pair<TrackedItem, std::string>>;

bool decode(std::string_view payload, Items* items) {
  return decode_tracked(payload,
                        [&](TrackedItem item, std::string_view name) { items->emplace_back(item, name); });
}

TEST_CASE("what is tracked arrives as it was put together, and cut short it makes no sense") {
  std::string payload;
  append_tracked(TrackedItem::kKey, std::string_view("a\0b", 3), &payload);
  append_tracked(TrackedItem::kPrefix, "", &payload);
  append_tracked(TrackedItem::kPrefixEnds, "user:", &payload);
  const Items expected = {
      {TrackedItem::kKey, {"a\0b", 3}}, {TrackedItem::kPrefix, ""}, {TrackedItem::kPrefixEnds, "user:"}};
  Items items;
  CHECK(decode(payload, &items));
  CHECK(items == expected);
  items.clear();
  CHECK(!decode(std::string_view(payload).substr(0, payload.size() - 1), &items));
  payload[0] = 3;
  CHECK(!decode(payload, &items));
}

TEST_CASE("an invalidation arrives as it was put together") {
  for (const Invalidation& sent :
       {Invalidation{false, {"a", "", "c"}}, Invalidation{true, {"x"}}, Invalidation{false, {}}}) {
    const std::string payload = encode_invalidation(1234567, sent);
    uint64_t origin = 0;
    Invalidation received;
    CHECK(decode_invalidation(payload, &origin, &received));
    CHECK(origin == 1234567);
    CHECK(received.broadcast == sent.broadcast);
    CHECK(received.keys == sent.keys);
    if (!sent.keys.empty()) {
      Invalidation cut;
      CHECK((!decode_invalidation(std::string_view(payload).substr(0, payload.size() - 1), &origin, &cut) ||
             cut.keys != sent.keys));
    }
  }
  uint64_t origin = 0;
  Invalidation none;
  CHECK(!decode_invalidation("", &origin, &none));
  CHECK(!decode_invalidation(std::string_view("\x01\x02", 2), &origin, &none));
}

std::string written(const Invalidation& invalidation, bool as_message, int protocol) {
  resp::OutputBuffer output;
  resp::ReplyWriter reply(output, protocol);
  write_invalidation(invalidation, as_message, reply);
  iovec piece;
  REQUIRE(output.gather(&piece, 1) == 1);
  return {static_cast<const char*>(piece.iov_base), piece.iov_len};
}

TEST_CASE("what a client is told") {
  CHECK(written({false, {"a", "bc"}}, false, 3) ==
        ">2\r\n$10\r\ninvalidate\r\n*2\r\n$1\r\na\r\n$2\r\nbc\r\n");
  CHECK(written({false, {}}, false, 3) == ">2\r\n$10\r\ninvalidate\r\n_\r\n");
  CHECK(written({false, {"a"}}, true, 2) ==
        "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$1\r\na\r\n");
  CHECK(written({false, {}}, true, 2) == "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n$-1\r\n");
}

}  // namespace
}  // namespace starling::server
