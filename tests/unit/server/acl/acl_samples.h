// A few commands, for the tests of users' rules.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "server/acl/user.h"

namespace starling::server::acl {

inline constexpr uint32_t kRead = 1, kWrite = 2, kAdmin = 4;
enum SampleCommand : uint32_t { kGet, kSet, kSelect, kConfig, kConfigGet, kConfigSet, kAuth, kPublish };

inline const Catalogue& sample_catalogue() {
  static const Catalogue catalogue({{"get", kRead},
                                    {"set", kWrite},
                                    {"select", 0},
                                    {"config", 0},
                                    {"config|get", kAdmin, kConfig},
                                    {"config|set", kAdmin, kConfig},
                                    {"auth", 0},
                                    {"publish", 0}},
                                   {"read", "write", "admin"});
  return catalogue;
}

inline const RuleContext& sample_context() {
  static const RuleContext context{sample_catalogue(), false};
  return context;
}

inline User user_of(std::string_view rules) {
  User user = new_user("alice", sample_context());
  const std::vector<std::string_view> words = split_at_blanks(rules);
  CHECK(apply_rules(words, "Error in", sample_context(), &user) == "");
  return user;
}

inline std::string error_of(std::string_view rules) {
  User user = new_user("alice", sample_context());
  return apply_rules(split_at_blanks(rules), "Error in", sample_context(), &user);
}

}  // namespace starling::server::acl
