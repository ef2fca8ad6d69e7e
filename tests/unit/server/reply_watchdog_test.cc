#include "server/execute/reply_watchdog.h"

#include <doctest/doctest.h>

namespace starling::server {

TEST_CASE("the watchdog speaks once, of a wait that lasts, and never of clients that are answered") {
  ReplyWatchdog watchdog;
  for (int second = 0; second < 100; ++second) CHECK_FALSE(watchdog.tick(0, 3));
  for (uint64_t wait = 1; wait < 100; ++wait) CHECK_FALSE(watchdog.tick(wait, 3));
  CHECK_FALSE(watchdog.tick(7, 3));
  CHECK_FALSE(watchdog.tick(7, 3));
  CHECK_FALSE(watchdog.tick(7, 3));
  CHECK(watchdog.tick(7, 3));
  CHECK_FALSE(watchdog.tick(7, 3));
}

}  // namespace starling::server
