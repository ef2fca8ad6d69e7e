#include "server/execute/command_description.h"

#include <doctest/doctest.h>

#include <array>
#include <set>
#include <string>

#include "server/commands/families.h"

namespace starling::server {
namespace {

std::string written(void (*write)(const Command&, resp::ReplyWriter&), const Command& command, int protocol) {
  resp::OutputBuffer output;
  resp::ReplyWriter reply(output, protocol);
  write(command, reply);
  std::string text;
  while (!output.empty()) {
    iovec pieces[16];
    const size_t count = output.gather(pieces, 16);
    size_t bytes = 0;
    for (size_t i = 0; i < count; ++i) {
      text.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
      bytes += pieces[i].iov_len;
    }
    output.consume(bytes);
  }
  return text;
}

TEST_CASE("a command's entry has Redis's form in RESP2 and RESP3") {
  const CommandTable table(all_families());
  const Command* get = table.find("get");
  REQUIRE(get != nullptr);
  CHECK(
      written(write_command_information, *get, 2) ==
      "*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n*3\r\n+@read\r\n+@string\r\n"
      "+@fast\r\n*0\r\n*1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+RO\r\n+access\r\n$12\r\nbegin_search\r\n*4\r\n"
      "$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n*4\r\n$4\r\n"
      "type\r\n$5\r\nrange\r\n$4\r\nspec\r\n*6\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\n"
      "limit\r\n:0\r\n*0\r\n");
  const std::string three = written(write_command_information, *get, 3);
  CHECK(three.starts_with("*10\r\n$3\r\nget\r\n:2\r\n~2\r\n+readonly\r\n+fast\r\n"));
  CHECK(three.ends_with("%3\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n~0\r\n"));
}

TEST_CASE("the documentation of a container holds its subcommands'") {
  const CommandTable table(all_families());
  const Command* config = table.find("config");
  REQUIRE(config != nullptr);
  const std::string text = written(write_command_documentation, *config, 3);
  CHECK(text.starts_with("%4\r\n$7\r\nsummary\r\n"));
  CHECK(text.find("$11\r\nsubcommands\r\n%5\r\n") != std::string::npos);
  CHECK(text.find("$10\r\nconfig|get\r\n%6\r\n$7\r\nsummary\r\n") != std::string::npos);
}

TEST_CASE("arguments have Redis's form in RESP2 and RESP3") {
  static const std::array specs = {CommandSpec{.name = "rename",
                                               .syntax = "key newkey:key [REPLACE]@7.0.0 [EX a:integer] ...",
                                               .arity = -3,
                                               .keys = {key_at(1, kKeyRW), key_at(2, kKeyOW)}}};
  const std::array families = {std::span<const CommandSpec>(specs)};
  const CommandTable table(families);
  const std::string two = written(write_command_documentation, *table.find("rename"), 2);
  CHECK(two.find("$9\r\narguments\r\n*4\r\n*6\r\n$4\r\nname\r\n$3\r\nkey\r\n$4\r\ntype\r\n$3\r\nkey\r\n"
                 "$14\r\nkey_spec_index\r\n:0\r\n*6\r\n$4\r\nname\r\n$6\r\nnewkey\r\n$4\r\ntype\r\n"
                 "$3\r\nkey\r\n$14\r\nkey_spec_index\r\n:1\r\n*10\r\n$4\r\nname\r\n$7\r\nreplace\r\n"
                 "$4\r\ntype\r\n$10\r\npure-token\r\n$5\r\ntoken\r\n$7\r\nREPLACE\r\n$5\r\nsince\r\n"
                 "$5\r\n7.0.0\r\n$5\r\nflags\r\n*1\r\n+optional\r\n") != std::string::npos);
  CHECK(two.ends_with("$2\r\nEX\r\n$5\r\nflags\r\n*3\r\n+optional\r\n+multiple\r\n+multiple_token\r\n"));
  const std::string three = written(write_command_documentation, *table.find("rename"), 3);
  CHECK(three.find("$9\r\narguments\r\n*4\r\n%3\r\n") != std::string::npos);
  CHECK(three.find("$5\r\nflags\r\n~1\r\n+optional\r\n") != std::string::npos);
}

TEST_CASE("what changed in a command has Redis's form in RESP2 and RESP3") {
  const CommandTable table(all_families());
  const std::string entries = "*2\r\n$6\r\n2.6.12\r\n$18\r\nEX, PX, NX and XX.\r\n*2\r\n$5\r\n6.0.0\r\n";
  const std::string two = written(write_command_documentation, *table.find("set"), 2);
  CHECK(two.find("$7\r\nhistory\r\n*4\r\n" + entries) != std::string::npos);
  const std::string three = written(write_command_documentation, *table.find("set"), 3);
  CHECK(three.find("$7\r\nhistory\r\n~4\r\n" + entries) != std::string::npos);
  CHECK(written(write_command_documentation, *table.find("get"), 2).find("history") == std::string::npos);
}

}  // namespace
}  // namespace starling::server
