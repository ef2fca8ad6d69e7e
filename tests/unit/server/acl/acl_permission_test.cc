#include "server/acl/permission.h"

#include "tests/unit/server/acl/acl_samples.h"

namespace starling::server::acl {
namespace {

struct Attempt {
  uint32_t command;
  std::vector<std::string_view> arguments;
  std::vector<Use::Key> keys = {};
  std::vector<Use::Channel> channels = {};
  bool always_allowed = false;
};

Verdict verdict(std::string_view rules, const Attempt& attempt) {
  return check(user_of(rules),
               {attempt.command, attempt.always_allowed, attempt.arguments, attempt.keys, attempt.channels});
}

const Attempt kGetsX{kGet, {"get", "x"}, {{1, kReads}}};
const Attempt kSetsX{kSet, {"set", "x", "1"}, {{1, kWrites}}};
const Attempt kSetsXAndGetsIt{kSet, {"set", "x", "1", "get"}, {{1, kReads | kWrites}}};

TEST_CASE("acl: commands are allowed by name, category and subcommand") {
  CHECK(verdict("~* +get", kGetsX).allowed());
  CHECK(verdict("~* +@read", kGetsX).allowed());
  CHECK(verdict("~* +@all", kGetsX).allowed());
  CHECK(verdict("~*", kGetsX) == Verdict{Refused::kCommand, 0});
  CHECK(verdict("~* +@all -@read", kGetsX) == Verdict{Refused::kCommand, 0});
  CHECK(verdict("~* +@all -get", kGetsX) == Verdict{Refused::kCommand, 0});
  const Attempt gets{kConfigGet, {"config", "get", "x"}}, sets{kConfigSet, {"config", "set", "x", "y"}};
  CHECK(verdict("+config", gets).allowed());
  CHECK(verdict("+config|get", gets).allowed());
  CHECK_FALSE(verdict("+config|get", sets).allowed());
  CHECK_FALSE(verdict("+config -config|set", sets).allowed());
  CHECK_FALSE(verdict("+@all -config", gets).allowed());
  CHECK(verdict("-@all", {.command = kAuth, .arguments = {"auth", "p"}, .always_allowed = true}).allowed());
}

TEST_CASE("acl: first arguments are compared whatever their case, until the command is allowed or taken") {
  const Attempt zero{kSelect, {"select", "0"}}, one{kSelect, {"select", "1"}};
  CHECK(verdict("+select|0", zero).allowed());
  CHECK_FALSE(verdict("+select|0", one).allowed());
  CHECK(verdict("+select|0 +select|1", one).allowed());
  CHECK(verdict("+select|AB", {.command = kSelect, .arguments = {"select", "aB"}}).allowed());
  CHECK_FALSE(verdict("+select|0 -select", zero).allowed());
  CHECK_FALSE(verdict("+select|0", {.command = kSelect, .arguments = {"select"}}).allowed());
}

TEST_CASE("acl: keys are allowed by patterns and by what is done with them") {
  CHECK(verdict("+@all ~x", kSetsXAndGetsIt).allowed());
  CHECK(verdict("+@all %RW~x", kSetsXAndGetsIt).allowed());
  CHECK(verdict("+@all %R~x", kGetsX).allowed());
  CHECK(verdict("+@all %W~x", kSetsX).allowed());
  CHECK(verdict("+@all %R~x", kSetsX) == Verdict{Refused::kKey, 1});
  CHECK(verdict("+@all %W~x", kGetsX) == Verdict{Refused::kKey, 1});
  // Each half by another pattern is not both by one.
  CHECK_FALSE(verdict("+@all %R~x %W~?", kSetsXAndGetsIt).allowed());
  CHECK_FALSE(verdict("+@all ~y*", kGetsX).allowed());
  const Attempt exists{kGet, {"exists", "y", "x"}, {{1, 0}, {2, 0}}};
  CHECK(verdict("+@all %W~?", exists).allowed());
  CHECK(verdict("+@all %W~y", exists) == Verdict{Refused::kKey, 2});
}

TEST_CASE("acl: channels are matched, patterns have to be the allowed ones") {
  const auto channel = [](std::string_view name, bool pattern) {
    return Attempt{kPublish, {"publish", name}, {}, {{1, pattern}}};
  };
  CHECK(verdict("+@all &news:*", channel("news:1", false)).allowed());
  CHECK(verdict("+@all &news:*", channel("olds", false)) == Verdict{Refused::kChannel, 1});
  CHECK(verdict("+@all &news:*", channel("news:*", true)).allowed());
  CHECK_FALSE(verdict("+@all &news:*", channel("news:1*", true)).allowed());
  CHECK_FALSE(verdict("+@all", channel("*", true)).allowed());
  CHECK(verdict("+@all &*", channel("*", true)).allowed());
  CHECK(may_listen(user_of("(&a*)"), "ab", false));
  CHECK_FALSE(may_listen(user_of("(&a*)"), "ab", true));
}

TEST_CASE("acl: one selector has to allow all of it, and the refusal that got furthest is told") {
  CHECK(verdict("+get ~y (+set ~x) (+get ~x)", kGetsX).allowed());
  CHECK_FALSE(verdict("+get ~y (+set ~x)", kGetsX).allowed());
  CHECK(verdict("(+get ~y)", kGetsX) == Verdict{Refused::kKey, 1});
  CHECK(verdict("+get (+set)", kGetsX) == Verdict{Refused::kKey, 1});
  const Attempt two{kGet, {"get", "a", "b"}, {{1, kReads}, {2, kReads}}};
  CHECK(verdict("+get ~a (+get ~c)", two) == Verdict{Refused::kKey, 2});
}

TEST_CASE("acl: keys that no argument names need all to be readable") {
  const auto may = [](std::string_view rules) {
    return may_read_every_key(user_of(rules), {kGet, false, kGetsX.arguments, kGetsX.keys, {}});
  };
  CHECK(may("+get ~*"));
  CHECK(may("+get %R~*"));
  CHECK_FALSE(may("+get %W~* ~x"));
  CHECK_FALSE(may("+get ~x"));
  CHECK_FALSE(may("~*"));
  CHECK(may("+get ~x (+get ~*)"));
  // Not by one selector.
  CHECK_FALSE(may("+get ~x (+set ~*)"));
}

TEST_CASE("acl: refusals in words") {
  const auto text = [](Refused refused, bool detailed) {
    return text_of_refusal({refused, 1}, "alice", "config|get", "x", detailed);
  };
  CHECK(text(Refused::kCommand, false) == "User alice has no permissions to run the 'config|get' command");
  CHECK(text(Refused::kKey, false) == "No permissions to access a key");
  CHECK(text(Refused::kKey, true) == "User alice has no permissions to access the 'x' key");
  CHECK(text(Refused::kChannel, false) == "No permissions to access a channel");
  CHECK(text(Refused::kChannel, true) == "User alice has no permissions to access the 'x' channel");
}

}  // namespace
}  // namespace starling::server::acl
