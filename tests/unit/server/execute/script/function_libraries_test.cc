#include "server/execute/script/function_libraries.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/base/seeded_random.h"
#include "server/execute/script/script_text.h"

namespace starling::server {
namespace {

using Existing = FunctionLibraries::Existing;

FunctionLibrary library(const std::string& name, std::vector<std::string> functions,
                        const std::string& code = "x") {
  FunctionLibrary made{name, 0, code, {}};
  for (const std::string& function : functions) made.functions.push_back({function, {}, 0});
  return made;
}

std::string add(FunctionLibraries& libraries, FunctionLibrary one, Existing existing = Existing::kRefused,
                int64_t now_ms = 1000) {
  std::vector<FunctionLibrary> added;
  added.push_back(std::move(one));
  return libraries.add(std::move(added), existing, now_ms);
}

std::vector<std::string> names(const FunctionLibraries& libraries) {
  std::vector<std::string> found;
  for (const auto& one : libraries.all()) found.push_back(one->name);
  return found;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a library is found by its name, and by its functions' in any case") {
  FunctionLibraries libraries;
  CHECK(libraries.blank());
  CHECK(add(libraries, library("a", {"First", "second"})).empty());
  CHECK(libraries.has("a"));
  CHECK_FALSE(libraries.has("A"));
  REQUIRE(libraries.of_function("FIRST") != nullptr);
  CHECK(libraries.of_function("FIRST")->name == "a");
  CHECK(libraries.of_function("third") == nullptr);
  CHECK(libraries.function_count() == 2);
  CHECK(libraries.remove("a", 1000));
  CHECK_FALSE(libraries.remove("a", 1000));
  CHECK(libraries.of_function("first") == nullptr);
  CHECK(names(libraries).empty());
  CHECK_FALSE(libraries.blank());
}

TEST_CASE("what is there already is refused or replaced, and an error changes nothing") {
  FunctionLibraries libraries;
  CHECK(add(libraries, library("a", {"f"})).empty());
  const std::string before = libraries.state();
  CHECK(add(libraries, library("a", {"g"})) == "ERR Library a already exists");
  CHECK(add(libraries, library("b", {"F"})) == "ERR Function F already exists");
  CHECK(add(libraries, library("b", {"F"}), Existing::kReplaced) == "ERR Function F already exists");
  CHECK(libraries.state() == before);
  CHECK(add(libraries, library("a", {"f", "g"}), Existing::kReplaced).empty());
  CHECK(libraries.function_count() == 2);
  CHECK(add(libraries, library("b", {"f"}), Existing::kFlushed).empty());
  CHECK(names(libraries) == Names{"b"});
  libraries.flush(1000);
  CHECK(names(libraries).empty());
  // Its name is free again.
  CHECK(add(libraries, library("b", {"f"})).empty());
}

TEST_CASE("who has seen the same libraries has the same ones, in whatever order they came") {
  engine::SeededRandom random(7);
  for (int run = 0; run < 50; ++run) {
    FunctionLibraries nodes[3];
    for (int step = 0; step < 30; ++step) {
      FunctionLibraries& node = nodes[random.below(3)];
      const std::string name(1, static_cast<char>('a' + random.below(3)));
      const auto now_ms = static_cast<int64_t>(1000 + random.below(3));
      switch (random.below(5)) {
        case 0:
          (void)node.remove(name, now_ms);
          break;
        case 1:
          if (random.below(4) == 0) node.flush(now_ms);
          break;
        case 2:
          REQUIRE(node.merge(nodes[random.below(3)].state()));
          break;
        default:
          (void)add(node, library(name, {name + "_f"}, "code " + std::to_string(step)), Existing::kReplaced,
                    now_ms);
      }
    }
    for (const auto& [to, from] : {std::pair(0, 1), {0, 2}, {2, 0}, {1, 2}})
      REQUIRE(nodes[to].merge(nodes[from].state()));
    for (const FunctionLibraries& node : nodes) {
      REQUIRE(node.state() == nodes[0].state());
      REQUIRE(node.digest() == nodes[0].digest());
    }
    const uint64_t generation = nodes[0].generation();
    REQUIRE(nodes[0].merge(nodes[1].state()));
    REQUIRE(nodes[0].generation() == generation);
  }
}

TEST_CASE("a function that two libraries have after a merge is that of the later one") {
  FunctionLibraries one, other;
  CHECK(add(one, library("a", {"f"}), Existing::kRefused, 2000).empty());
  CHECK(add(other, library("b", {"f"}), Existing::kRefused, 1000).empty());
  REQUIRE(one.merge(other.state()));
  REQUIRE(other.merge(one.state()));
  CHECK(one.of_function("f")->name == "a");
  CHECK(other.of_function("f")->name == "a");
  CHECK(names(other) == Names{"a", "b"});
}

TEST_CASE("what is no state is refused as a whole") {
  FunctionLibraries libraries;
  FunctionLibrary full = library("a", {"f"});
  full.functions[0].description = "what it does";
  full.functions[0].flags = kScriptNoWrites | kScriptAllowCrossSlot;
  CHECK(add(libraries, full).empty());
  CHECK(libraries.remove("a", 1000));
  CHECK(add(libraries, full).empty());
  const std::string state = libraries.state();
  std::vector<FunctionLibrary> decoded;
  REQUIRE(decode_libraries(state, &decoded));
  CHECK(decoded[0].functions == full.functions);
  FunctionLibraries other;
  for (size_t size = 0; size < state.size(); ++size) CHECK_FALSE(other.merge(state.substr(0, size)));
  CHECK_FALSE(other.merge(state + '\0'));
  CHECK(other.blank());
}

}  // namespace starling::server
