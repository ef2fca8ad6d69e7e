// Users as other nodes and files bring them, rules as clients type them, and what nodes tell each other of tracked
// keys: no input crashes, what is taken is written down so that it means the same, and frames come back as they were.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/assert.h"
#include "server/acl/users.h"
#include "server/tracking/tracking_frames.h"

namespace {

using namespace starling;
using namespace starling::server;

acl::Catalogue small_catalogue() {
  return acl::Catalogue({{"get", 1}, {"set", 2}, {"config", 0}, {"config|get", 4, 2}, {"config|set", 4, 2}},
                        {"read", "write", "admin"});
}

void check_state(std::string_view bytes) {
  acl::Users users(small_catalogue()), others(small_catalogue());
  if (!users.merge(bytes)) return;
  STARLING_ASSERT(others.merge(users.state()));
  STARLING_ASSERT(others.state() == users.state());
}

void check_rules(std::string_view text) {
  acl::Users users(small_catalogue()), others(small_catalogue());
  if (!users.set("u", acl::split_at_blanks(text), 1000).empty()) return;
  const std::string rules = acl::describe_rules(*users.find("u"));
  STARLING_ASSERT(others.set("u", acl::split_at_blanks("reset"), 1000).empty());
  STARLING_ASSERT(others.set("u", acl::split_at_blanks(rules), 1000).empty());
  STARLING_ASSERT(others.merge(users.state()) && users.merge(others.state()));
  STARLING_ASSERT(others.state() == users.state());
}

void check_frames(std::string_view bytes) {
  std::string again;
  const bool whole = decode_tracked(
      bytes, [&](TrackedItem item, std::string_view name) { append_tracked(item, name, &again); });
  STARLING_ASSERT(again.size() <= bytes.size());
  if (whole) STARLING_ASSERT(again.size() == bytes.size());
  uint64_t origin = 0, origin_again = 0;
  Invalidation told, told_again;
  if (!decode_invalidation(bytes, &origin, &told)) return;
  STARLING_ASSERT(decode_invalidation(encode_invalidation(origin, told), &origin_again, &told_again));
  STARLING_ASSERT(origin == origin_again && told.keys == told_again.keys &&
                  told.broadcast == told_again.broadcast);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      check_state(bytes);
      break;
    case 1:
      check_rules(bytes);
      break;
    default:
      check_frames(bytes);
  }
  return 0;
}
