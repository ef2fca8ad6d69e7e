// Whether a user may do something. Pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/acl/user.h"

namespace starling::server::acl {

// What is refused; of the refusals of several selectors the greatest counts, as it got furthest.
enum class Refused : uint8_t { kNothing, kCommand, kKey, kLogin, kChannel };

struct Verdict {
  Refused refused = Refused::kNothing;
  size_t argument = 0;  // Which key or channel it is.

  bool allowed() const { return refused == Refused::kNothing; }
  bool operator==(const Verdict&) const = default;
};

// A command as it is sent.
struct Use {
  struct Key {
    size_t argument;
    uint8_t access;  // KeyAccess bits; none: that it is there is all that is asked.
  };
  struct Channel {
    size_t argument;
    bool pattern;
  };

  uint32_t command = 0;
  bool always_allowed = false;  // AUTH and its like; its keys, if it has any, are looked at all the same.
  std::span<const std::string_view> arguments;
  std::span<const Key> keys;
  std::span<const Channel> channels;
};

[[nodiscard]] Verdict check(const User& user, const Use& use);
// Whether a selector allows it that allows to read every key there is: for what reads keys that no argument names.
[[nodiscard]] bool may_read_every_key(const User& user, const Use& use);

// `pattern`: it is one, not a channel.
[[nodiscard]] bool may_listen(const User& user, std::string_view channel, bool pattern);

// As a client is told. `name`: of the command; `argument`: the key or channel, of which only those hear who ask on
// behalf of the user (`detailed`).
std::string text_of_refusal(const Verdict& verdict, std::string_view user, std::string_view name,
                            std::string_view argument, bool detailed);
// Why a command of a transaction is not allowed any more.
std::string_view reason_in_transaction(Refused refused);

}  // namespace starling::server::acl
