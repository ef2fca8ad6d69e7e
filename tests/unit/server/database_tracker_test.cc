#include "server/execute/database_tracker.h"

#include <doctest/doctest.h>

#include <initializer_list>
#include <string_view>
#include <vector>

#include "server/commands/families.h"

namespace starling::server {
namespace {

void follow(DatabaseTracker& tracker, std::initializer_list<std::string_view> words) {
  static const CommandTable table(all_families());
  tracker.follow(*table.find(*words.begin()), std::vector<std::string_view>(words));
}

TEST_CASE("SELECT and SWAPDB within a transaction") {
  DatabaseTracker tracker(3, 16);
  CHECK(tracker.selected() == 3);
  CHECK(tracker.before(3) == 3);
  follow(tracker, {"swapdb", "3", "5"});
  CHECK(tracker.selected() == 3);
  CHECK(tracker.before(3) == 5);
  CHECK(tracker.before(5) == 3);
  follow(tracker, {"swapdb", "5", "0"});
  CHECK(tracker.before(0) == 3);
  CHECK(tracker.before(5) == 0);
  follow(tracker, {"select", "0"});
  CHECK(tracker.selected() == 0);
}

TEST_CASE("what will fail changes nothing") {
  DatabaseTracker tracker(1, 16);
  follow(tracker, {"select", "16"});
  follow(tracker, {"select", "-1"});
  follow(tracker, {"select", "x"});
  CHECK(tracker.selected() == 1);
  follow(tracker, {"swapdb", "1", "16"});
  follow(tracker, {"swapdb", "", "2"});
  follow(tracker, {"get", "2", "1"});
  for (int database = 0; database < engine::kDatabaseCount; ++database)
    CHECK(tracker.before(database) == database);
}

TEST_CASE("databases that there are not are not selected") {
  DatabaseTracker tracker(1, 4);
  follow(tracker, {"select", "4"});
  CHECK(tracker.selected() == 1);
  follow(tracker, {"swapdb", "1", "9"});
  CHECK(tracker.before(1) == 1);
  follow(tracker, {"select", "3"});
  CHECK(tracker.selected() == 3);
}

}  // namespace
}  // namespace starling::server
