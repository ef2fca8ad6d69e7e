#include "server/acl/users.h"

#include "server/acl/denial_log.h"
#include "tests/unit/server/acl/acl_samples.h"

namespace starling::server::acl {
namespace {

class Node {
 public:
  Node() : users(sample_catalogue()) {}

  std::string set(std::string_view name, std::string_view rules, int64_t now_ms = 1000) {
    return users.set(name, split_at_blanks(rules), now_ms);
  }
  size_t remove(std::string_view name, int64_t now_ms = 1000) { return users.remove({&name, 1}, now_ms); }
  std::string rules_of(std::string_view name) const {
    const Users::Ref user = users.find(name);
    return user == nullptr ? "none" : describe_rules(*user);
  }

  Users users;
};

TEST_CASE("acl: a node begins with a default user who may do everything") {
  const Node node;
  CHECK(node.users.open());
  CHECK(node.rules_of("default") == "on nopass ~* &* +@all");
  CHECK(node.users.find("default")->allows_everything());
  CHECK(node.users.blank());
}

TEST_CASE("acl: a change is all of its rules or none, and is noticed") {
  Node node;
  const uint64_t before = node.users.generation();
  CHECK(node.set("bob", "on +get +nonsense") ==
        "Error in ACL SETUSER modifier '+nonsense': Unknown command or category name in ACL");
  CHECK(node.rules_of("bob") == "none");
  CHECK(node.users.generation() == before);
  CHECK(node.set("bob", "on +get") == "");
  CHECK(node.users.generation() != before);
  CHECK(node.set("bob", "+set +nonsense") != "");
  CHECK(node.rules_of("bob") == "on resetchannels -@all +get");
  CHECK(node.set("b ob", "") == "Usernames can't contain spaces or null characters");
  CHECK(node.set("", "") != "");
}

TEST_CASE("acl: a user that was deleted and made anew is another one") {
  Node node;
  CHECK(node.set("bob", "on") == "");
  const Users::Ref first = node.users.find("bob");
  CHECK(node.set("bob", "+get") == "");
  REQUIRE(node.users.now(*first) != nullptr);
  CHECK(node.users.now(*first) == node.users.find("bob"));
  CHECK(node.remove("bob") == 1);
  CHECK(node.remove("bob") == 0);
  CHECK(node.users.now(*first) == nullptr);
  CHECK(node.set("bob", "on") == "");
  CHECK(node.users.now(*first) == nullptr);
}

TEST_CASE("acl: whoever connects has to say a password as soon as the default user has one, or is off") {
  Node node;
  node.users.set_default_password("pw", 5);
  CHECK_FALSE(node.users.open());
  CHECK(accepts(*node.users.find("default"), "pw"));
  CHECK(node.rules_of("default") == node.users.rules_by_password("pw"));
  node.users.set_default_password("", 5);
  CHECK(node.users.open());
  CHECK(node.users.blank());
  CHECK(node.set("default", "off") == "");
  CHECK_FALSE(node.users.open());
}

TEST_CASE("acl: the lines of a file are all taken, or none") {
  Node node;
  const std::vector<UserLine> wrong = {{"f:1", "a", {"on"}}, {"f:2", "b", {"+nn"}}};
  CHECK(node.users.configure(wrong) ==
        "f:2: Error in applying operation '+nn': Unknown command or category name in ACL");
  CHECK(node.rules_of("a") == "none");
  const std::vector<UserLine> twice = {{"f:1", "a", {"on"}}, {"f:2", "a", {"on"}}};
  CHECK(node.users.configure(twice) == "f:2: Duplicate user 'a' found");
  const std::vector<UserLine> right = {{"f:1", "a", {"on", "(+get", "~x)"}},
                                       {"f:2", "default", {"on", ">p"}}};
  CHECK(node.users.configure(right) == "");
  CHECK(node.rules_of("a") == "on resetchannels -@all (~x resetchannels -@all +get)");
  CHECK_FALSE(node.users.find("default")->allows_everything());
  CHECK(node.users.blank());
}

TEST_CASE("acl: loading a file leaves those of it, and the default user, and keeps who they are") {
  Node node;
  CHECK(node.set("a", "on") == "");
  CHECK(node.set("b", "on") == "");
  const Users::Ref a = node.users.find("a"), b = node.users.find("b");
  const std::vector<UserLine> lines = {{"f:1", "a", {"on", "+get"}}};
  CHECK(node.users.replace(lines, 2000) == "");
  CHECK(node.rules_of("a") == "on resetchannels -@all +get");
  CHECK(node.rules_of("default") == "on nopass ~* &* +@all");
  CHECK(node.users.now(*a) != nullptr);
  CHECK(node.users.now(*b) == nullptr);
}

TEST_CASE("acl: nodes that saw changes in different orders come to have the same users") {
  Node one, other;
  CHECK(one.set("a", "on +get", 1000) == "");
  CHECK(other.set("a", "on +set", 2000) == "");
  CHECK(one.set("b", "on", 3000) == "");
  CHECK(other.users.merge(one.users.state()));
  CHECK(one.users.merge(other.users.state()));
  CHECK(one.users.state() == other.users.state());
  CHECK(one.users.digest() == other.users.digest());
  CHECK(one.rules_of("a") == "on resetchannels -@all +set");
  CHECK(other.rules_of("b") == "on resetchannels -@all");
  const std::string before = one.users.state();
  CHECK(other.remove("b", 4000) == 1);
  CHECK(other.users.merge(before));
  CHECK(other.rules_of("b") == "none");
  CHECK(one.users.merge(other.users.state()));
  CHECK(one.rules_of("b") == "none");
  CHECK(one.users.state() == other.users.state());
}

TEST_CASE("acl: a user made anew is another one on a node that has not seen it deleted") {
  Node one, other;
  CHECK(one.set("a", "on", 1000) == "");
  CHECK(other.users.merge(one.users.state()));
  const Users::Ref known = other.users.find("a");
  CHECK(one.set("a", "+get", 2000) == "");
  CHECK(other.users.merge(one.users.state()));
  CHECK(other.users.now(*known) != nullptr);
  CHECK(one.remove("a", 3000) == 1);
  CHECK(one.set("a", "on", 3000) == "");
  CHECK(other.users.merge(one.users.state()));
  REQUIRE(other.users.find("a") != nullptr);
  CHECK(other.users.now(*known) == nullptr);
}

TEST_CASE("acl: whom the configuration says goes on being who it is as it is changed elsewhere") {
  Node one, other;
  const std::vector<UserLine> lines = {{"f:1", "a", {"on"}}};
  CHECK(one.users.configure(lines) == "");
  CHECK(other.users.configure(lines) == "");
  const Users::Ref known = other.users.find("a");
  CHECK(one.set("a", "+get") == "");
  CHECK(other.users.merge(one.users.state()));
  CHECK(other.users.now(*known) != nullptr);
}

TEST_CASE("acl: a change counts above what was known, whatever the clock says") {
  Node one, other;
  CHECK(one.set("a", "on", 9000) == "");
  CHECK(other.users.merge(one.users.state()));
  CHECK(other.set("a", "+get", 1) == "");
  CHECK(one.users.merge(other.users.state()));
  CHECK(one.rules_of("a") == "on resetchannels -@all +get");
}

TEST_CASE("acl: what a node's configuration says is its own until it is changed") {
  Node one, other;
  const std::vector<UserLine> lines = {{"f:1", "a", {"on"}}};
  CHECK(one.users.configure(lines) == "");
  CHECK(other.users.merge(one.users.state()));
  CHECK(other.rules_of("a") == "none");
  CHECK(one.set("a", "+get") == "");
  CHECK(other.users.merge(one.users.state()));
  CHECK(other.rules_of("a") == "on resetchannels -@all +get");
}

TEST_CASE("acl: a user with rules of a later release may do nothing here, and is told of as it came") {
  Users later(Catalogue({{"get", kRead}, {"invented", kRead}}, {"read"}));
  Node one, other;
  REQUIRE(one.set("u", "on +get", 1000) == "");
  REQUIRE(later.set("u", split_at_blanks("on +get +invented"), 2000) == "");
  CHECK(one.users.merge(later.state()));
  REQUIRE(one.users.find("u") != nullptr);
  CHECK_FALSE_MESSAGE(one.users.find("u")->enabled, "what it was allowed before may be taken from it");
  CHECK(one.users.state() == later.state());
  CHECK(other.users.merge(one.users.state()));
  CHECK(other.users.state() == later.state());
}

TEST_CASE("acl: what is no state changes nothing") {
  Node one, other;
  CHECK(one.set("a", "on +get", 1000) == "");
  const std::string state = one.users.state();
  for (size_t size = 0; size < state.size(); ++size)
    CHECK_FALSE(other.users.merge(std::string_view(state).substr(0, size)));
  CHECK_FALSE(other.users.merge(state + "x"));
  CHECK(other.rules_of("a") == "none");
  CHECK(other.users.merge(state));
}

TEST_CASE("acl: all channels for new users, if that is wanted") {
  Node node;
  node.users.allow_all_channels(true);
  CHECK(node.set("a", "") == "");
  CHECK(node.rules_of("a") == "off &* -@all");
  CHECK(node.set("a", "resetchannels reset (+get)") == "");
  CHECK(node.rules_of("a") == "off sanitize-payload &* -@all (&* -@all +get)");
}

TEST_CASE("acl: what is refused again within a minute is one entry of the log") {
  DenialLog log;
  const auto denial = [](std::string object) {
    return DenialLog::Denial{Refused::kKey, Where::kTopLevel, std::move(object), "bob", "c"};
  };
  log.add(denial("x"), 1000, 3);
  log.add(denial("y"), 2000, 3);
  log.add(denial("x"), 3000, 3);
  REQUIRE(log.newest(10).size() == 2);
  CHECK(log.newest(10)[0].denial.object == "x");
  CHECK(log.newest(10)[0].count == 2);
  CHECK(log.newest(10)[0].id == 0);
  CHECK(log.newest(10)[0].created_ms == 1000);
  CHECK(log.newest(10)[0].updated_ms == 3000);
  log.add(denial("x"), 63'000, 3);
  CHECK_MESSAGE(log.newest(10)[0].count == 3, "a minute since the last one");
  log.add(denial("x"), 123'001, 3);
  CHECK(log.newest(10).size() == 3);
  CHECK(log.newest(1).size() == 1);
  log.add(denial("z"), 124'000, 3);
  CHECK(log.newest(10).size() == 3);
  log.add(denial("z"), 124'000, 0);
  CHECK(log.newest(10).empty());
}

}  // namespace
}  // namespace starling::server::acl
