// Whether the real commands' declarations say what users' rules need.
#include "server/execute/rights.h"

#include <doctest/doctest.h>

#include <string>

#include "server/commands/families.h"

namespace starling::server {
namespace {

struct World {
  CommandTable table{all_families()};
  acl::Users users{catalogue_of(table)};
  CommandUse use;

  std::string ask(std::string_view rules, std::vector<std::string_view> words) {
    CHECK(users.set("u", acl::split_at_blanks("reset"), 1) == "");
    CHECK(users.set("u", acl::split_at_blanks(rules), 1) == "");
    const Command* command = table.find(words[0]);
    REQUIRE(command != nullptr);
    if (!command->subcommands.empty()) command = CommandTable::find_subcommand(*command, words[1]);
    REQUIRE(command != nullptr);
    const acl::User& user = *users.find("u");
    const acl::Verdict verdict = acl::check(user, use.of(*command, words));
    return verdict.allowed() ? "" : std::string(words[verdict.argument]);
  }
};

TEST_CASE("acl: keys of commands are found, with what is done to them") {
  World world;
  CHECK(world.ask("+@all %R~r %W~w", {"copy", "r", "w"}) == "");
  CHECK(world.ask("+@all ~r", {"quorum", "explain", "r"}) == "");
  CHECK(world.ask("+@all ~r", {"quorum", "explain", "x"}) == "x");
  CHECK(world.ask("+@all %R~r %W~w", {"copy", "w", "r"}) == "w");
  CHECK(world.ask("+@all %R~r %W~w", {"set", "w", "1"}) == "");
  CHECK(world.ask("+@all %R~r %W~w", {"set", "w", "1", "get"}) == "w");
  CHECK(world.ask("+@all %R~r %W~w", {"set", "r", "1"}) == "r");
  CHECK(world.ask("+@all %R~r %W~w", {"bitfield", "r", "get", "u8", "0"}) == "");
  CHECK(world.ask("+@all %R~r %W~w", {"bitfield", "r", "set", "u8", "0", "1"}) == "r");
  CHECK(world.ask("+@all %R~r %W~w", {"sort", "r", "store", "w"}) == "");
  CHECK(world.ask("+@all %R~r %W~w", {"sort", "r", "store", "r"}) == "r");
  CHECK(world.ask("+@all %R~r %W~w", {"sort", "r", "by", "r*", "store", "w"}) == "");
  CHECK(world.ask("+@all %R~r %W~w", {"georadius", "r", "1", "1", "1", "m", "store", "w"}) == "");
  CHECK(world.ask("+@all %R~r %W~w", {"georadius", "r", "1", "1", "1", "m", "store", "r"}) == "r");
  CHECK(world.ask("+@all ~a ~b", {"mset", "a", "1", "b", "2"}) == "");
  CHECK(world.ask("+@all ~a ~b", {"mset", "a", "1", "c", "2"}) == "c");
  CHECK(world.ask("+@all ~a", {"eval", "return 1", "2", "a", "c", "x"}) == "c");
  CHECK(world.ask("+@all %R~a", {"eval_ro", "return 1", "1", "a"}) == "");
  CHECK(world.ask("+@all %R~a", {"eval", "return 1", "1", "a"}) == "a");
  CHECK(world.ask("+@all %R~a", {"vclock", "get", "a"}) == "");
  CHECK(world.ask("+@all %R~a", {"vclock", "set", "a", "", "x"}) == "a");
  CHECK(world.ask("+@all %R~a %W~b", {"xreadgroup", "group", "g", "c", "streams", "b", ">"}) == "b");
  CHECK(world.ask("+@all %W~a", {"exists", "a"}) == "");
}

TEST_CASE("acl: channels of commands are found") {
  World world;
  for (const char* name : {"subscribe", "ssubscribe"}) {
    CHECK(world.ask("+@all &a*", {name, "a", "ab"}) == "");
    CHECK(world.ask("+@all &a*", {name, "a", "b"}) == "b");
  }
  CHECK(world.ask("+@all &a*", {"psubscribe", "a*"}) == "");
  CHECK(world.ask("+@all &a*", {"psubscribe", "ab*"}) == "ab*");
  CHECK(world.ask("+@all &a*", {"publish", "a", "b"}) == "");
  CHECK(world.ask("+@all &a*", {"publish", "b", "a"}) == "b");
  CHECK(world.ask("+@all &a*", {"spublish", "b", "a"}) == "b");
  CHECK(world.ask("+@all", {"unsubscribe", "b"}) == "");
  CHECK(world.ask("+@all", {"punsubscribe", "b"}) == "");
}

TEST_CASE("acl: what has to be possible before anybody is known needs no rule") {
  World world;
  for (const char* name : {"auth", "hello", "quit", "reset"}) CHECK(world.ask("-@all", {name, "x"}) == "");
  CHECK(world.ask("-@all", {"ping"}) == "ping");
}

TEST_CASE("acl: every command is in a category, fast or slow") {
  World world;
  for (const auto& command : world.table.all()) {
    CAPTURE(command->full_name);
    const uint32_t speed = command->spec->categories & (kCatFast | kCatSlow);
    CHECK(speed != 0);
    CHECK(speed != (kCatFast | kCatSlow));
    if ((command->spec->flags & kAdmin) == 0) continue;
    CHECK((command->spec->categories & kCatAdmin) != 0);
    CHECK((command->spec->categories & kCatDangerous) != 0);
  }
}

TEST_CASE("acl: every key that is declared says what is done with it") {
  World world;
  for (const auto& command : world.table.all()) {
    CAPTURE(command->full_name);
    for (const KeySpecification& keys : command->spec->keys) {
      if (!keys.is_key()) continue;
      CHECK((keys.use & (kKeyRO | kKeyRW | kKeyOW | kKeyRM)) != 0);
    }
  }
}

}  // namespace
}  // namespace starling::server
