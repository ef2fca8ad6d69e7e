// A user: its name, its passwords' hashes, and what it may do. A plain value; the node's users are in users.h.
//
// The rules of a user are those of selectors, which go to its first one, and Redis's others:
//
//   on  off  nopass  resetpass  >password  <password  #hash  !hash  skip-sanitize-payload  sanitize-payload
//   (rule rule …)  clearselectors  reset
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/acl/selector.h"

namespace starling::server::acl {

inline constexpr std::string_view kDefaultUser = "default";

enum class PayloadChecks : uint8_t {
  kAsConfigured,
  kAlways,
  kNever
};  // Kept and shown: RESTORE always checks.

struct User {
  std::string name;
  bool enabled = false;
  bool no_password = false;
  PayloadChecks payloads = PayloadChecks::kAsConfigured;
  std::vector<std::string> passwords;   // Hashes.
  std::vector<Selector> selectors{{}};  // At least one.
  uint64_t born = 0;                    // See Users.

  bool allows_everything() const;
};

// What rules are understood by.
struct RuleContext {
  const Catalogue& catalogue;
  bool all_channels;  // acl-pubsub-default: of what begins anew.
};

// One that may do nothing, and is off.
User new_user(std::string_view name, const RuleContext& context);
// The default one as it comes: it may do everything, without a password.
User open_user(const RuleContext& context);

// On an error the user may have changed.
[[nodiscard]] RuleError apply_rule(std::string_view rule, const RuleContext& context, User* user);

// Rules as they are typed, of which those between parentheses may be several words, as one word each. False: a
// parenthesis is not closed; `words` ends with what it begins with.
[[nodiscard]] bool join_selectors(std::span<const std::string_view> typed, std::vector<std::string>* words);
std::vector<std::string_view> split_at_blanks(std::string_view text);

// All rules in turn. Returns the error; empty: there is none. `prefix` stands before the words of the error, with the
// rule between quotes: "Error in ACL SETUSER modifier".
[[nodiscard]] std::string apply_rules(std::span<const std::string_view> typed, std::string_view prefix,
                                      const RuleContext& context, User* user);

// Whether the user may log in with it. Looks at every password, in constant time.
[[nodiscard]] bool accepts(const User& user, std::string_view password);
[[nodiscard]] bool is_user_name(std::string_view name);

// Its rules, which make it of a new one, in one line: "on #… ~* resetchannels -@all +get (…)".
std::string describe_rules(const User& user);
// As ACL GETUSER lists them.
std::vector<std::string_view> flags_of(const User& user);

}  // namespace starling::server::acl
