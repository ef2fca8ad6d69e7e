#include "server/acl/password.h"
#include "tests/unit/server/acl/acl_samples.h"

namespace starling::server::acl {
namespace {

TEST_CASE("acl: rules are written as Redis writes them") {
  CHECK(describe_rules(user_of("")) == "off resetchannels -@all");
  CHECK(describe_rules(user_of("on nopass ~* &* +@all")) == "on nopass ~* &* +@all");
  CHECK(describe_rules(user_of("allkeys allchannels allcommands -GET")) == "off ~* &* +@all -get");
  CHECK(describe_rules(user_of("+@read +config -config|set")) ==
        "off resetchannels -@all +@read +config -config|set");
  CHECK(describe_rules(user_of("%R~a* %w~b* ~c* %RW~d &ch* +select|0")) ==
        "off %R~a* %W~b* ~c* ~d resetchannels &ch* -@all +select|0");
  CHECK(describe_rules(user_of("(+set ~x* %R~y) (&* +get)")) ==
        "off resetchannels -@all (~x* %R~y resetchannels -@all +set) (&* -@all +get)");
  CHECK(describe_rules(user_of("skip-sanitize-payload")) == "off skip-sanitize-payload resetchannels -@all");
}

TEST_CASE("acl: what is written makes the same user") {
  for (const char* rules : {"on nopass ~* &* +@all", "on >a >b %R~x %W~y &c +@read -get +config|get",
                            "off +@all -config (~x +get) (%W~y* &z +@all -set)", "+select|0 +select|1",
                            "%RW~*", "%R~* %W~* +get", "%R~x %W~* %R~*"}) {
    CAPTURE(rules);
    const std::string written = describe_rules(user_of(rules));
    CHECK(describe_rules(user_of(written)) == written);
  }
}

TEST_CASE("acl: all keys are all keys, however that was said, and a selector ends where it says") {
  for (const char* rules : {"%RW~*", "%R~* %W~*", "~a %R~* %W~*"}) {
    CAPTURE(rules);
    CHECK(describe_keys(user_of(rules).selectors[0]) == "~*");
  }
  User user = new_user("u", sample_context());
  CHECK(apply_rule("(~a) +get)", sample_context(), &user) == RuleError::kSyntax);
}

TEST_CASE("acl: a later rule takes the place of what it covers") {
  CHECK(describe_commands(user_of("+config|get +config|set +get -config").selectors[0]) ==
        "-@all +get -config");
  CHECK(describe_commands(user_of("+get -get +get").selectors[0]) == "-@all +get");
  CHECK(describe_commands(user_of("+get +@all").selectors[0]) == "+@all");
  CHECK(describe_commands(user_of("+@all -get -@all").selectors[0]) == "-@all");
  CHECK(describe_keys(user_of("%R~a %W~a").selectors[0]) == "~a");
  CHECK(describe_keys(user_of("~a resetkeys ~b").selectors[0]) == "~b");
  CHECK(describe_rules(user_of("on >x ~* +get (+set) reset")) == "off sanitize-payload resetchannels -@all");
  CHECK(user_of("(+set) clearselectors").selectors.size() == 1);
}

TEST_CASE("acl: what is no rule is told as Redis tells it") {
  CHECK(error_of("foo") == "Error in 'foo': Syntax error");
  CHECK(error_of("+gett") == "Error in '+gett': Unknown command or category name in ACL");
  CHECK(error_of("+@foo") == "Error in '+@foo': Unknown command or category name in ACL");
  CHECK(error_of("-config|nn") == "Error in '-config|nn': Unknown command or category name in ACL");
  CHECK(error_of("+config|nn") == "Error in '+config|nn': Unknown command or category name in ACL");
  CHECK(error_of("+config|get|x") ==
        "Error in '+config|get|x': Allowing first-arg of a subcommand is not supported");
  for (const char* rule : {"+get|", "%Z~a", "%~a", "%RR~a", "%R", "(+get", ">", "+", "-", "%"}) {
    CAPTURE(rule);
    CHECK((error_of(rule) != "" || std::string(rule) == ">"));
  }
  CHECK(error_of("allkeys ~x")
            .starts_with("Error in '~x': Adding a pattern after the * pattern (or the 'allkeys'"));
  CHECK(error_of("&* &x").starts_with(
      "Error in '&x': Adding a pattern after the * pattern (or the 'allchannels'"));
  CHECK(error_of("<nn") ==
        "Error in '<nn': The password you are trying to remove from the user does not exist");
  CHECK(error_of("#nn").starts_with("Error in '#nn': The password hash must be exactly 64 characters"));
  CHECK(error_of("(+get +set") == "Unmatched parenthesis in acl selector starting at '(+get'.");
  CHECK(error_of("(+get +nn)") == "Error in '(+get +nn)': Unknown command or category name in ACL");
  CHECK(error_of("~*" + std::string(5000, '?') + "*") ==
        "Error in '~*" + std::string(5000, '?') + "*': Syntax error");
}

TEST_CASE("acl: users log in with one of their passwords, and only when they are on") {
  CHECK(password_hash("pw") == "30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4");
  CHECK(accepts(user_of("on >pw >other"), "pw"));
  CHECK(accepts(user_of("on >pw >other"), "other"));
  CHECK_FALSE(accepts(user_of("on >pw"), "Pw"));
  CHECK_FALSE(accepts(user_of("on >pw"), ""));
  CHECK_FALSE(accepts(user_of("off >pw"), "pw"));
  CHECK_FALSE(accepts(user_of("on"), ""));
  CHECK(accepts(user_of("on nopass"), "anything"));
  CHECK_FALSE(accepts(user_of("off nopass"), "anything"));
  CHECK_FALSE(accepts(user_of("on nopass >pw"), "anything"));
  CHECK_FALSE(accepts(user_of("on >pw <pw"), "pw"));
  CHECK(accepts(user_of("on #30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4"), "pw"));
  CHECK(user_of("on >pw >pw").passwords.size() == 1);
  CHECK(user_of("on >pw nopass").passwords.empty());
  const User one = user_of("on >pw");
  CHECK(describe_rules(one).find("pw") == std::string::npos);
}

TEST_CASE("acl: passwords made by chance have as many digits as are wanted, and differ") {
  CHECK(random_digits(1).size() == 1);
  CHECK(random_digits(64).size() == 64);
  CHECK(random_digits(64) != random_digits(64));
}

}  // namespace
}  // namespace starling::server::acl
