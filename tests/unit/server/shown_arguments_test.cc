#include "server/execute/shown_arguments.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "server/commands/families.h"
#include "server/execute/command_table.h"

namespace starling::server {
namespace {

std::string shown(std::string_view name, const std::vector<std::string_view>& arguments) {
  static const CommandTable table(all_families());
  const Command* command = table.find_full(name);
  REQUIRE(command != nullptr);
  const ShownArguments words(*command->spec, arguments);
  std::string text;
  for (const std::string_view word : words.words()) text += (text.empty() ? "" : " ") + std::string(word);
  return text;
}

TEST_CASE("passwords are shown to nobody") {
  CHECK(shown("auth", {"AUTH", "pw"}) == "AUTH (redacted)");
  CHECK(shown("auth", {"auth", "default", "pw"}) == "auth default (redacted)");
  CHECK(shown("auth", {"auth", "a", "b", "c"}) == "auth (redacted) (redacted) (redacted)");
  CHECK(shown("hello", {"HELLO", "3"}) == "HELLO 3");
  CHECK(shown("hello", {"HELLO", "3", "AUTH", "default", "pw", "SETNAME", "n"}) ==
        "HELLO 3 AUTH (redacted) (redacted) SETNAME n");
  CHECK(shown("hello", {"HELLO", "3", "setname", "n", "auth", "pw"}) == "HELLO 3 setname n auth (redacted)");
  CHECK(shown("hello", {"HELLO", "3", "AUTH", "auth", "auth", "AUTH", "x", "y"}) ==
        "HELLO 3 AUTH (redacted) (redacted) AUTH (redacted) (redacted)");
}

TEST_CASE("so are the values of secret settings, and of names that no setting has") {
  CHECK(shown("config|set", {"CONFIG", "SET", "RequirePass", "pw"}) == "CONFIG SET RequirePass (redacted)");
  CHECK(shown("config|set", {"CONFIG", "SET", "maxmemory", "1", "cluster-secret", "pw", "hz", "10"}) ==
        "CONFIG SET maxmemory 1 cluster-secret (redacted) hz 10");
  for (const std::string_view name : {"masterauth", "requirpass", "tls-key-file-pass", "user"}) {
    CHECK(shown("config|set", {"CONFIG", "SET", name, "pw"}) ==
          "CONFIG SET " + std::string(name) + " (redacted)");
  }
}

TEST_CASE("so is what may be the rest of a password, where the arguments make no sense") {
  CHECK(shown("config|set", {"CONFIG", "SET", "requirepass", "my", "pw"}) ==
        "CONFIG SET requirepass (redacted) (redacted)");
  CHECK(shown("config|set", {"CONFIG", "SET", "hz", "10", "requirepass", "my", "own", "pw"}) ==
        "CONFIG SET hz 10 requirepass (redacted) (redacted) (redacted)");
  CHECK(shown("config|set", {"CONFIG", "SET", "requirepass", "my", "hz", "pw", "x"}) ==
        "CONFIG SET requirepass (redacted) (redacted) (redacted) (redacted)");
  CHECK(shown("config|set", {"CONFIG", "SET", "requirepass=pw", "x"}) == "CONFIG SET (redacted) (redacted)");
  CHECK(shown("config|set", {"CONFIG", "SET", "hz", "10", "maxmemory"}) == "CONFIG SET hz 10 maxmemory");
  CHECK(shown("hello", {"HELLO", "2", "AUTH", "default", "my", "pw"}) ==
        "HELLO 2 AUTH (redacted) (redacted) (redacted)");
  CHECK(shown("hello", {"HELLO", "AUTH", "default", "pw"}) == "HELLO AUTH (redacted) (redacted)");
  CHECK(shown("hello", {"HELLO", "2", "default", "pw"}) == "HELLO 2 (redacted) (redacted)");
  CHECK(shown("quorum|exec", {"QUORUM", "EXEC", "R", "1", "AUTH", "pw"}) ==
        "QUORUM EXEC R 1 AUTH (redacted)");
  CHECK(shown("quorum|exec", {"QUORUM", "EXEC", "CONFIG", "SET", "requirepass", "pw"}) ==
        "QUORUM EXEC CONFIG SET requirepass (redacted)");
}

TEST_CASE("what QUORUM EXEC runs is shown as it would be alone") {
  CHECK(shown("quorum|exec", {"QUORUM", "EXEC", "R", "1", "--", "AUTH", "pw"}) ==
        "QUORUM EXEC R 1 -- AUTH (redacted)");
  CHECK(shown("quorum|exec", {"QUORUM", "EXEC", "--", "CONFIG", "SET", "requirepass", "pw"}) ==
        "QUORUM EXEC -- CONFIG SET requirepass (redacted)");
  CHECK(shown("quorum|exec", {"QUORUM", "EXEC", "--", "SET", "k", "v"}) == "QUORUM EXEC -- SET k v");
  CHECK(shown("quorum|exec", {"QUORUM", "EXEC", "--", "QUORUM", "EXEC", "--", "PING"}) ==
        "QUORUM EXEC -- QUORUM EXEC -- PING");
}

bool names_password(const std::vector<ArgumentDescription>& arguments) {
  for (const ArgumentDescription& argument : arguments) {
    if (argument.name.find("password") != std::string::npos || names_password(argument.arguments))
      return true;
  }
  return false;
}

TEST_CASE("a command whose syntax has a password declares it") {
  const CommandTable table(all_families());
  int found = 0;
  for (const auto& command : table.all()) {
    if (!names_password(command->arguments)) continue;
    CAPTURE(command->full_name);
    CHECK((command->spec->find_secrets != nullptr));
    ++found;
  }
  CHECK(found >= 2);
}

}  // namespace
}  // namespace starling::server
