#include "server/snapshot_keeper.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "engine/node/data_directory.h"
#include "server/metrics/rate_meter.h"
#include "server/process/system_clock.h"
#include "tests/unit/engine/temporary_directory.h"

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

TEST_CASE("the oldest snapshots go, but none that a server was started on") {
  const engine::TemporaryDirectory place;
  const auto make = [&](int64_t time_ms, const std::string& file, size_t bytes) {
    const std::filesystem::path path = place.path() + "/snapshots/" + snapshot_name(time_ms);
    std::filesystem::create_directories(path / "store");
    std::ofstream(path / "store" / file) << std::string(bytes, 'x');
    if (file == "actor") std::ofstream(path / file) << "x";
    return snapshot_name(time_ms);
  };
  CHECK(list_snapshots(place.path()).empty());
  const std::string first = make(1000, "actor", 10), second = make(2000, "a.sst", 1000),
                    third = make(3000, "b.sst", 5);
  std::filesystem::create_directories(place.path() + "/snapshots/mine");
  std::vector<SnapshotEntry> found = list_snapshots(place.path());
  REQUIRE(found.size() == 3);
  CHECK(found[0].started);
  CHECK(found[1].name == second);
  CHECK(found[1].bytes == 1000);
  CHECK_FALSE(found[1].started);

  drop_oldest_snapshots(place.path(), 2);
  CHECK(list_snapshots(place.path()).size() == 3);
  drop_oldest_snapshots(place.path(), 1);
  found = list_snapshots(place.path());
  REQUIRE(found.size() == 2);
  CHECK(found[0].name == first);
  CHECK(found[1].name == third);

  std::unique_ptr<engine::DirectoryLock> lock;
  REQUIRE(engine::write_format(place.path() + "/snapshots/" + third, 0).ok());
  REQUIRE(engine::DirectoryLock::acquire(place.path() + "/snapshots/" + third, 0, &lock).ok());
  CHECK(drop_snapshot(place.path(), third).code() == engine::StatusCode::kLocked);
  lock.reset();
  CHECK(drop_snapshot(place.path(), third).ok());
  CHECK(drop_snapshot(place.path(), first).ok());
  CHECK(drop_snapshot(place.path(), first).code() == engine::StatusCode::kInvalid);
  CHECK(drop_snapshot(place.path(), "mine").code() == engine::StatusCode::kInvalid);
  CHECK(drop_snapshot(place.path(), "../snapshots/mine").code() == engine::StatusCode::kInvalid);
  CHECK(std::filesystem::exists(place.path() + "/snapshots/mine"));
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
