#include "resp/argument_arena.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace starling::resp {
namespace {

TEST_CASE("finished spans stay where they are while later requests grow") {
  std::vector<std::string> words;
  for (int i = 0; i < 3000; ++i) words.push_back(std::to_string(i));
  ArgumentArena arena;
  std::vector<std::span<const std::string_view>> requests;
  size_t word = 0;
  for (size_t size = 1; word + size <= words.size(); ++size) {
    for (size_t i = 0; i < size; ++i) arena.add(words[word++]);
    requests.push_back(arena.finish());
  }
  word = 0;
  for (size_t size = 1; size <= requests.size(); ++size) {
    REQUIRE(requests[size - 1].size() == size);
    for (const std::string_view argument : requests[size - 1]) REQUIRE(argument == words[word++]);
  }
}

TEST_CASE("reset() keeps the unfinished request and bounds what it keeps") {
  ArgumentArena arena;
  for (int i = 0; i < 100000; ++i) arena.add("old");
  CHECK(arena.finish().size() == 100000);
  arena.add("a");
  arena.add("b");
  const size_t before_bytes = arena.memory_bytes();
  arena.reset();
  CHECK(arena.memory_bytes() < before_bytes);
  CHECK(arena.memory_bytes() <= 1024 * sizeof(std::string_view));
  REQUIRE(arena.unfinished_count() == 2);
  CHECK(arena.unfinished()[1] == "b");
  arena.shrink();
  const auto request = arena.finish();
  REQUIRE(request.size() == 2);
  CHECK(request[0] == "a");
  CHECK(request[1] == "b");
  arena.shrink();
  CHECK(arena.memory_bytes() == 0);
}

}  // namespace
}  // namespace starling::resp
