#include "server/session/forwarded_writes.h"

#include <doctest/doctest.h>

namespace starling::server {

TEST_CASE("forwarded writes: only those behind the question, and to that partition, count") {
  ForwardedWrites writes;
  CHECK_FALSE(writes.since(0, 7));
  writes.add(7);
  const uint64_t asked = writes.count();
  CHECK(writes.since(0, 7));
  CHECK_FALSE(writes.since(0, 8));
  CHECK_FALSE(writes.since(asked, 7));
  writes.add(8);
  CHECK_FALSE(writes.since(asked, 7));
  CHECK(writes.since(asked, 8));
  writes.add(std::nullopt);
  CHECK_MESSAGE(writes.since(asked, 7), "to several partitions");
}

TEST_CASE("forwarded writes: what is too long ago to be known counts") {
  ForwardedWrites writes;
  for (int i = 0; i < 128; ++i) writes.add(1);
  CHECK_FALSE(writes.since(0, 7));
  writes.add(1);
  CHECK(writes.since(0, 7));
  CHECK_FALSE(writes.since(1, 7));
}

}  // namespace starling::server
