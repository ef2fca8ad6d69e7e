#include "server/snapshot_keeper.h"

#include <doctest/doctest.h>

#include "server/rate_meter.h"
#include "server/system_clock.h"

namespace starling::server {
namespace {

TEST_CASE("snapshots are named so that names sort by time") {
  CHECK(snapshot_name(0) == "19700101T000000.000Z");
  CHECK(snapshot_name(1'700'000'000'123) == "20231114T221320.123Z");
  CHECK(snapshot_name(1'700'000'000'999) < snapshot_name(1'700'000'001'000));
}

TEST_CASE("one snapshot at a time") {
  const SystemClock clock;
  SnapshotKeeper keeper(clock);
  CHECK_FALSE(keeper.status().running);
  CHECK(keeper.begin());
  CHECK_FALSE(keeper.begin());
  CHECK(keeper.status().running);
  CHECK(keeper.status().running_seconds >= 0);
}

TEST_CASE("a rate is the growth of the last interval") {
  RateMeter meter;
  meter.sample(1000, 1'000'000);
  CHECK(meter.per_second() == 0);
  meter.sample(1500, 2'000'000);
  CHECK(meter.per_second() == 500);
  meter.sample(1600, 4'000'000);
  CHECK(meter.per_second() == 50);
  meter.sample(0, 5'000'000);
  CHECK(meter.per_second() == 0);
}

}  // namespace
}  // namespace starling::server
