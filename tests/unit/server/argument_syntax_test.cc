#include "server/execute/argument_syntax.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "server/commands/families.h"
#include "server/execute/command_table.h"

namespace starling::server {
namespace {

std::string shown(const std::vector<ArgumentDescription>& arguments);

// With every property spelt out: TOKEN:name:type@since~deprecated, its parts in brackets, then ?, * or +.
std::string shown(const ArgumentDescription& argument) {
  std::string text;
  if (!argument.token.empty()) text += std::string(argument.token) + ":";
  text += argument.name + ":" + std::string(argument_type_name(argument.type));
  if (!argument.since.empty()) text += "@" + std::string(argument.since);
  if (!argument.deprecated_since.empty()) text += "~" + std::string(argument.deprecated_since);
  if (!argument.arguments.empty()) text += "(" + shown(argument.arguments) + ")";
  if (argument.optional) text += "?";
  if (argument.multiple) text += argument.multiple_token ? "+" : "*";
  return text;
}

std::string shown(const std::vector<ArgumentDescription>& arguments) {
  std::string text;
  for (const ArgumentDescription& argument : arguments) {
    if (!text.empty()) text += " ";
    text += shown(argument);
  }
  return text;
}

std::string parsed(std::string_view syntax) {
  std::vector<ArgumentDescription> arguments;
  return parse_argument_syntax(syntax, &arguments) ? shown(arguments) : "refused";
}

size_t least_words(std::string_view syntax) {
  std::vector<ArgumentDescription> arguments;
  REQUIRE(parse_argument_syntax(syntax, &arguments));
  size_t words = 0;
  for (const ArgumentDescription& argument : arguments) words += argument.least_words();
  return words;
}

TEST_CASE("a line of syntax becomes a tree of arguments") {
  CHECK(parsed("") == "");
  CHECK(parsed("key value") == "key:key value:string");
  CHECK(parsed("key:string source:key count:integer by:double at:unix-time pattern") ==
        "key:string source:key count:integer by:double at:unix-time pattern:pattern");
  CHECK(parsed("ip:port yes/no") == "ip:port:string yes/no:string");
  CHECK(parsed("key ... [field ...] {field value} ...") ==
        "key:key* field:string?* field_value:block(field:string value:string)*");
  CHECK(parsed("[GET] [DB index:integer] [MATCH pattern]") ==
        "GET:get:pure-token? DB:index:integer? MATCH:pattern:pattern?");
  CHECK(parsed("[NX | XX] (ON | OFF)") ==
        "nx_xx:oneof(NX:nx:pure-token XX:xx:pure-token)? on_off:oneof(ON:on:pure-token OFF:off:pure-token)");
  CHECK(parsed("[expiration= EX seconds:integer | PERSIST]") ==
        "expiration:oneof(EX:seconds:integer PERSIST:persist:pure-token)?");
  CHECK(parsed("[index= start end [BYTE]]") == "index:block(start:string end:string BYTE:byte:pure-token?)?");
  CHECK(parsed("TYPE (A | B) AUTH {user password} -- command") ==
        "TYPE:a_b:oneof(A:a:pure-token B:b:pure-token) AUTH:user_password:block(user:string password:string) "
        "--:command:string");
  CHECK(parsed("{pattern} ...") == "pattern:block(pattern:pattern)*");
  CHECK(parsed("[is= (equal= '=') | (about= '~')] '|' x") ==
        "is:oneof(=:equal:pure-token ~:about:pure-token)? |:x:string");
}

TEST_CASE("what is repeated after brackets repeats its token") {
  CHECK(parsed("[GET {a b}] ...") == "GET:a_b:block(a:string b:string)?+");
  CHECK(parsed("[GET {a b} ...]") == "GET:a_b:block(a:string b:string)?*");
  CHECK(parsed("[change= CH]@3.0.2 [x= GET]") == "CH:change:pure-token@3.0.2? GET:x:pure-token?");
  CHECK(parsed("[x= a | GET b] ...") == "x:oneof(a:string GET:b:string)?*");
}

TEST_CASE("versions belong to what they follow") {
  CHECK(parsed("[EX seconds@2.6.12 | KEEPTTL@6.0.0]@1.0.0") ==
        "seconds_keepttl:oneof@1.0.0(EX:seconds:string@2.6.12 KEEPTTL:keepttl:pure-token@6.0.0)?");
  CHECK(parsed("a~2.8.12 b@1.0~2.0 [c]@3 d") == "a:string~2.8.12 b:string@1.0~2.0 c:string@3? d:string");
}

TEST_CASE("what is not in the grammar is refused") {
  for (const std::string_view syntax :
       {"[",      "]",       "key]",      "[key", "(key]",          "[]",   "()",        "a | b",
        "[a | ]", "[| a]",   "...",       "a@",   "a@ 1",           "a ~2", "=",         "x= a",
        "[x= a]", "{a | b}", "A [B] | C", "[a",   "key [GET {a b]", "@1",   "A (B x) |", "A (B c)"}) {
    CAPTURE(syntax);
    CHECK(parsed(syntax) == "refused");
  }
  CHECK(parsed(std::string(100, '[') + "a" + std::string(100, ']')) == "refused");
}

TEST_CASE("the least number of words") {
  CHECK(least_words("") == 0);
  CHECK(least_words("key {field value} ... [WITHVALUES]") == 3);
  CHECK(least_words("DB index MODE (ON | OFF)") == 4);
  CHECK(least_words("(a | b c | SET d)") == 1);
}

// Arity and syntax are declared side by side: they must not contradict each other.
void check_arity(const Command& command) {
  CAPTURE(command.full_name);
  const bool any = !command.arguments.empty();
  size_t least = command.parent != nullptr ? 2 : 1;
  bool more = false;
  for (const ArgumentDescription& argument : command.arguments) {
    least += argument.least_words();
    more = more || argument.optional || argument.multiple || argument.type == ArgumentType::kOneOf ||
           argument.type == ArgumentType::kBlock;
  }
  // Of these two Redis documents a member at least, and takes none.
  if (command.full_name == "geohash" || command.full_name == "geopos") --least;
  const int arity = command.spec->arity;
  if (!any) {
    // Containers and commands whose arguments are not for users say nothing of them.
    CHECK((arity == static_cast<int>(least) || arity < 0));
  } else if (more) {
    CHECK(static_cast<int>(least) <= std::abs(arity));
  } else {
    CHECK(arity == static_cast<int>(least));
  }
}

TEST_CASE("every command's syntax agrees with its arity") {
  const CommandTable table(all_families());
  for (const auto& command : table.all()) check_arity(*command);
}

}  // namespace
}  // namespace starling::server
