#include "server/session/client_pause.h"

#include <doctest/doctest.h>

namespace starling::server {
namespace {

using Scope = ClientPause::Scope;

TEST_CASE("a pause holds until its time is over") {
  ClientPause pause;
  CHECK(pause.active(0) == Scope::kNothing);
  pause.start(Scope::kWrites, 1000, 1500);
  CHECK(pause.active(1000) == Scope::kWrites);
  CHECK(pause.active(1499) == Scope::kWrites);
  CHECK(pause.active(1500) == Scope::kNothing);
}

TEST_CASE("a pause is neither shortened nor narrowed while it lasts") {
  ClientPause pause;
  pause.start(Scope::kEverything, 1000, 2000);
  pause.start(Scope::kWrites, 1100, 1200);
  CHECK(pause.active(1999) == Scope::kEverything);
  pause.start(Scope::kWrites, 1100, 3000);
  CHECK(pause.active(2999) == Scope::kEverything);
}

TEST_CASE("a pause that is over leaves nothing to the next one") {
  ClientPause pause;
  pause.start(Scope::kEverything, 1000, 2000);
  pause.start(Scope::kWrites, 2000, 2100);
  CHECK(pause.active(2050) == Scope::kWrites);
  CHECK(pause.active(2100) == Scope::kNothing);
}

TEST_CASE("stop ends it at once, and the longest time fits") {
  ClientPause pause;
  pause.start(Scope::kEverything, 1000, ClientPause::kLatestEndMs);
  CHECK(pause.active(ClientPause::kLatestEndMs - 1) == Scope::kEverything);
  pause.stop();
  CHECK(pause.active(1000) == Scope::kNothing);
}

}  // namespace
}  // namespace starling::server
