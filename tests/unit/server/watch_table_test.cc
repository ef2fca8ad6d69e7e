#include "server/session/watch_table.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace starling::server {
namespace {

TEST_CASE("a change of a watched key makes its watchers dirty, and no others") {
  WatchTable table;
  const auto first = std::make_shared<WatchState>();
  const auto second = std::make_shared<WatchState>();
  table.watch(0, "a", true, first);
  table.watch(0, "b", true, second);
  table.touched(0, "c");
  table.touched(1, "a");
  CHECK(!first->dirty);
  table.touched(0, "a");
  CHECK(first->dirty);
  CHECK(!second->dirty);
}

TEST_CASE("an ended watch is not told") {
  WatchTable table;
  const auto first = std::make_shared<WatchState>();
  const auto second = std::make_shared<WatchState>();
  table.watch(3, "a", true, first);
  table.watch(3, "a", true, second);
  CHECK(table.size() == 2);
  table.unwatch(3, "a", first.get());
  table.unwatch(3, "a", first.get());
  CHECK(table.size() == 1);
  table.touched(3, "a");
  CHECK(!first->dirty);
  CHECK(second->dirty);
  table.unwatch(3, "a", second.get());
  CHECK(table.size() == 0);
}

TEST_CASE("a flush makes those dirty whose key existed") {
  WatchTable table;
  const auto existing = std::make_shared<WatchState>();
  const auto missing = std::make_shared<WatchState>();
  const auto elsewhere = std::make_shared<WatchState>();
  table.watch(0, "a", true, existing);
  table.watch(0, "b", false, missing);
  table.watch(1, "a", true, elsewhere);
  table.flushed(0);
  CHECK(existing->dirty);
  CHECK(!missing->dirty);
  CHECK(!elsewhere->dirty);
}

TEST_CASE("the watched keys of a database") {
  WatchTable table;
  CHECK(table.keys_of(0).empty());
  const auto state = std::make_shared<WatchState>();
  table.watch(0, "a", true, state);
  table.watch(0, "b", false, state);
  table.watch(1, "c", true, state);
  std::vector<std::string> keys = table.keys_of(0);
  std::sort(keys.begin(), keys.end());
  CHECK(keys == std::vector<std::string>{"a", "b"});
  table.unwatch(0, "a", state.get());
  CHECK(table.keys_of(0) == std::vector<std::string>{"b"});
}

}  // namespace
}  // namespace starling::server
