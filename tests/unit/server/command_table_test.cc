#include "server/execute/command_table.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "server/commands/families.h"

namespace starling::server {
namespace {

std::vector<int> positions_of(const CommandSpec& spec, std::vector<std::string_view> arguments) {
  std::vector<int> positions{-1};
  REQUIRE(find_keys(spec, arguments, &positions));
  return positions;
}

TEST_CASE("commands are found whatever the case and length of their names") {
  static constexpr std::array kNames = {"a",
                                        "ab",
                                        "abc",
                                        "get",
                                        "incr",
                                        "append",
                                        "hincrby",
                                        "sismember",
                                        "sintercard",
                                        "zunionstore",
                                        "bitfield_ro",
                                        "incrbyfloat",
                                        "sdiffstore_long16",
                                        "georadiusbymember_ro"};
  std::vector<CommandSpec> specs;
  for (const char* name : kNames) specs.push_back(CommandSpec{.name = name, .arity = 1});
  const std::array families = {std::span<const CommandSpec>(specs)};
  const CommandTable table(families);
  for (const char* name : kNames) {
    std::string text = name;
    REQUIRE(table.find(text) != nullptr);
    CHECK(table.find(text)->spec->name == name);
    for (char& c : text) c = static_cast<char>(toupper(c));
    REQUIRE(table.find(text) != nullptr);
    CHECK(table.find(text)->spec->name == name);
  }
}

TEST_CASE("what stands where keys do and is none is no key to anybody") {
  const CommandTable table(all_families());
  for (const std::string_view name : {"spublish", "ssubscribe", "sunsubscribe", "quorum|explain"}) {
    CAPTURE(name);
    const Command* command = table.find_full(name);
    REQUIRE(command != nullptr);
    CHECK_FALSE(command->has_keys);
  }
  for (const auto& command : table.all()) {
    CAPTURE(command->full_name);
    const CommandSpec& spec = *command->spec;
    CHECK((command->key_position == 0 || command->has_keys));
    // Either keys or what stands in their place.
    for (const KeySpecification& specification : spec.keys)
      CHECK(specification.is_key() == command->has_keys);
    // Who touches no data has no use for a key's record: channels are all there is of that kind.
    if ((spec.flags & kPubSub) != 0) CHECK_FALSE(command->has_keys);
  }
}

TEST_CASE("what only looks like a command's name is not found") {
  const CommandTable table(all_families());
  for (const std::string_view name :
       {"", "ge", "gett", "ge\x94", "g\0t", "GE[", "get ", "@ET", "{et", "getgetgetgetgetgetget"}) {
    CAPTURE(name);
    CHECK(table.find(name) == nullptr);
  }
  CHECK(table.find(std::string_view("get\0", 4)) == nullptr);
  CHECK(table.find(std::string_view("\0get", 4)) == nullptr);
}

TEST_CASE("every command of the server is found by its own name, and has what the documentation needs") {
  const CommandTable table(all_families());
  for (const auto& command : table.all()) {
    CAPTURE(command->full_name);
    CHECK(table.find_full(command->full_name) == command.get());
    CHECK(table.all()[command->id].get() == command.get());
    CHECK(command->spec->arity != 0);
    CHECK((command->spec->handler != nullptr || !command->subcommands.empty()));
    CHECK(!command->spec->summary.empty());
    CHECK(!command->spec->since.empty());
    CHECK(!command->spec->group.empty());
    for (const char c : command->spec->name)
      CHECK((c == '_' || c == '-' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')));
  }
}

TEST_CASE("subcommands are found under their container only") {
  const CommandTable table(all_families());
  const Command* client = table.find("CLIENT");
  REQUIRE(client != nullptr);
  const Command* get_name = CommandTable::find_subcommand(*client, "GetName");
  REQUIRE(get_name != nullptr);
  CHECK(get_name->full_name == "client|getname");
  CHECK(get_name->parent == client);
  CHECK(table.find("getname") == nullptr);
  CHECK(CommandTable::find_subcommand(*client, "get") == nullptr);
  CHECK(table.find_full("client|getname") == get_name);
  CHECK(table.find_full("client|nothing") == nullptr);
}

TEST_CASE("keys at fixed positions") {
  CommandSpec spec{.name = "x", .arity = -2};
  CHECK(positions_of(spec, {"x", "a", "b"}).empty());
  spec.keys = key_at(1, kKeyRO);
  CHECK(positions_of(spec, {"x", "a", "b"}) == std::vector<int>{1});
  spec.keys = keys_from(1, kKeyRO);
  CHECK(positions_of(spec, {"x", "a", "b", "c"}) == std::vector<int>{1, 2, 3});
  spec.keys = keys_from(1, kKeyRO, 2);
  CHECK(positions_of(spec, {"x", "a", "1", "b", "2"}) == std::vector<int>{1, 3});
  spec.keys = {{.use = kKeyRO, .first = 2, .last = -2}};
  CHECK(positions_of(spec, {"x", "and", "a", "b", "end"}) == std::vector<int>{2, 3});
}

TEST_CASE("arguments too few for the key positions are refused") {
  CommandSpec spec{.name = "x", .arity = -1};
  spec.keys = {{.use = kKeyRO, .first = 1, .last = 1}};
  std::vector<int> positions;
  const std::vector<std::string_view> arguments = {"x", "a"};
  CHECK(!find_keys(spec, arguments, &positions));
}

TEST_CASE("a command's own key finder is asked first") {
  CommandSpec spec{.name = "x", .arity = -1};
  spec.keys = key_at(1, kKeyRO);
  spec.find_keys = [](Arguments arguments, std::vector<int>* positions) {
    positions->push_back(static_cast<int>(arguments.size()) - 1);
    return true;
  };
  CHECK(positions_of(spec, {"x", "a", "b"}) == std::vector<int>{2});
}

TEST_CASE("one key alone takes the fast path, wherever there might be more") {
  std::array specs = {CommandSpec{.name = "one", .arity = -2, .keys = key_at(1, kKeyRO)},
                      CommandSpec{.name = "many", .arity = -2, .keys = keys_from(1, kKeyRO)},
                      CommandSpec{.name = "pairs", .arity = -3, .keys = keys_from(1, kKeyRO, 2)},
                      CommandSpec{.name = "counted", .arity = -3, .keys = counted_keys(1, kKeyRO)},
                      CommandSpec{.name = "two", .arity = 3, .keys = {key_at(1, kKeyRO), key_at(2, kKeyRO)}},
                      CommandSpec{.name = "none", .arity = 1},
                      CommandSpec{.name = "found", .arity = 2, .keys = key_at(1, kKeyRO)}};
  specs[6].find_keys = [](Arguments, std::vector<int>*) { return true; };
  const std::array families = {std::span<const CommandSpec>(specs)};
  const CommandTable table(families);
  CHECK(table.find("one")->only_key(2) == 1);
  CHECK(table.find("one")->only_key(5) == 1);
  CHECK(table.find("many")->only_key(1) == 0);
  CHECK(table.find("many")->only_key(2) == 1);
  CHECK(table.find("many")->only_key(3) == 0);
  CHECK(table.find("pairs")->only_key(2) == 0);
  CHECK(table.find("pairs")->only_key(3) == 1);
  CHECK(table.find("pairs")->only_key(4) == 0);
  for (const char* name : {"counted", "two", "none", "found"})
    for (size_t count = 1; count < 5; ++count) CHECK(table.find(name)->only_key(count) == 0);
}

TEST_CASE("only MSET, SETEX, PSETEX and a plain SET overwrite blindly: every other write looks at its keys") {
  const CommandTable table(all_families());
  std::vector<std::string> blind;
  for (const auto& command : table.all()) {
    if (command->spec->reads_before == always_reads) continue;
    blind.push_back(command->full_name);
    CAPTURE(command->full_name);
    CHECK((command->spec->flags & kWrite) != 0);
    for (const KeySpecification& keys : command->spec->keys) CHECK((keys.use & kKeyRM) == 0);
    CHECK((command->spec->extra_keys == nullptr));
  }
  std::sort(blind.begin(), blind.end());
  CHECK(blind == std::vector<std::string>{"mset", "psetex", "set", "setex"});

  const CommandSpec& set = *table.find("set")->spec;
  const auto plain = [&](std::vector<std::string_view> arguments) { return !set.reads_before(arguments); };
  CHECK(plain({"set", "k", "v"}));
  CHECK(plain({"SET", "k", "v", "EX", "9"}));
  CHECK(plain({"set", "k", "v", "px", "9", "pX", "8"}));
  CHECK(plain({"set", "k", "v", "ExAt", "9"}));
  CHECK(plain({"set", "k", "nx"}));
  CHECK(plain({"set", "k", "v", "nonsense"}));
  CHECK(!plain({"set", "k", "v", "NX"}));
  CHECK(!plain({"set", "k", "v", "xx"}));
  CHECK(!plain({"set", "k", "v", "Get"}));
  CHECK(!plain({"set", "k", "v", "keepttl"}));
  CHECK(!plain({"set", "k", "v", "ex", "9", "nx"}));
  CHECK(!plain({"set", "k", "v", "get", "px", "9"}));
}

}  // namespace
}  // namespace starling::server
