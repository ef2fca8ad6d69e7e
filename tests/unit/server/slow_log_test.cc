#include "server/metrics/slow_log.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace starling::server {
namespace {

TEST_CASE("the newest entries are kept, newest first") {
  SlowLog log;
  const std::vector<std::string_view> arguments = {"get", "a"};
  const ShownArguments shown(CommandSpec(), arguments);
  for (int i = 0; i < 5; ++i) log.add(i, 10, shown, "1.2.3.4:5", "me", 3);
  CHECK(log.size() == 3);
  const auto entries = log.newest(10);
  REQUIRE(entries.size() == 3);
  CHECK(entries[0].id == 4);
  CHECK(entries[2].id == 2);
  CHECK(log.newest(1).size() == 1);
  log.clear();
  CHECK(log.size() == 0);
  log.add(9, 10, shown, "", "", 3);
  CHECK(log.newest(1)[0].id == 5);
}

TEST_CASE("long commands are cut") {
  SlowLog log;
  const std::string big(1000, 'x');
  const std::vector<std::string_view> arguments(100, big);
  const ShownArguments shown(CommandSpec(), arguments);
  log.add(0, 10, shown, "", "", 3);
  const auto kept = log.newest(1)[0].arguments;
  REQUIRE(kept.size() == 32);
  CHECK(kept[0] == std::string(128, 'x') + "... (872 more bytes)");
  CHECK(kept[31] == "... (69 more arguments)");
}

}  // namespace
}  // namespace starling::server
