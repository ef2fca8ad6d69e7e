#include "server/acl/permission.h"

#include <algorithm>

#include "resp/glob.h"

namespace starling::server::acl {
namespace {

bool allows_command(const Selector& selector, const Use& use) {
  if (selector.all_commands || use.always_allowed || selector.allows(use.command)) return true;
  const auto words = selector.first_arguments.find(use.command);
  if (words == selector.first_arguments.end() || use.arguments.size() < 2) return false;
  return std::any_of(words->second.begin(), words->second.end(),
                     [&](const std::string& word) { return same_word(word, use.arguments[1]); });
}

bool allows_key(const Selector& selector, std::string_view key, uint8_t access) {
  if (selector.all_keys) return true;
  return std::any_of(selector.keys.begin(), selector.keys.end(), [&](const KeyPattern& pattern) {
    return (pattern.access & access) == access && resp::glob_match(pattern.text, key);
  });
}

// A pattern may cover more than is allowed, so only what is allowed itself will do.
bool allows_channel(const Selector& selector, std::string_view channel, bool pattern) {
  if (selector.all_channels) return true;
  return std::any_of(selector.channels.begin(), selector.channels.end(), [&](const std::string& allowed) {
    return pattern ? allowed == channel : resp::glob_match(allowed, channel);
  });
}

Verdict check_selector(const Selector& selector, const Use& use) {
  if (!allows_command(selector, use)) return {Refused::kCommand, 0};
  for (const Use::Key& key : use.keys) {
    if (!allows_key(selector, use.arguments[key.argument], key.access)) return {Refused::kKey, key.argument};
  }
  for (const Use::Channel& channel : use.channels) {
    if (!allows_channel(selector, use.arguments[channel.argument], channel.pattern))
      return {Refused::kChannel, channel.argument};
  }
  return {};
}

bool reads_every_key(const Selector& selector) {
  return selector.all_keys ||
         std::any_of(selector.keys.begin(), selector.keys.end(), [](const KeyPattern& pattern) {
           return pattern.text == "*" && (pattern.access & kReads) != 0;
         });
}

}  // namespace

Verdict check(const User& user, const Use& use) {
  Verdict furthest{Refused::kCommand, 0};
  for (const Selector& selector : user.selectors) {
    const Verdict verdict = check_selector(selector, use);
    if (verdict.allowed()) return verdict;
    if (verdict.refused > furthest.refused ||
        (verdict.refused == furthest.refused && verdict.argument > furthest.argument))
      furthest = verdict;
  }
  return furthest;
}

bool may_read_every_key(const User& user, const Use& use) {
  return std::any_of(user.selectors.begin(), user.selectors.end(), [&](const Selector& selector) {
    return reads_every_key(selector) && check_selector(selector, use).allowed();
  });
}

bool may_listen(const User& user, std::string_view channel, bool pattern) {
  return std::any_of(user.selectors.begin(), user.selectors.end(),
                     [&](const Selector& selector) { return allows_channel(selector, channel, pattern); });
}

std::string text_of_refusal(const Verdict& verdict, std::string_view user, std::string_view name,
                            std::string_view argument, bool detailed) {
  const std::string who = "User " + std::string(user) + " has no permissions to ";
  switch (verdict.refused) {
    case Refused::kCommand:
      return who + "run the '" + std::string(name) + "' command";
    case Refused::kKey:
      return detailed ? who + "access the '" + std::string(argument) + "' key"
                      : "No permissions to access a key";
    case Refused::kChannel:
      return detailed ? who + "access the '" + std::string(argument) + "' channel"
                      : "No permissions to access a channel";
    case Refused::kNothing:
    case Refused::kLogin:
      break;
  }
  return {};
}

std::string_view reason_in_transaction(Refused refused) {
  switch (refused) {
    case Refused::kCommand:
      return "no permission to execute the command or subcommand";
    case Refused::kKey:
      return "no permission to touch the specified keys";
    case Refused::kChannel:
      return "no permission to access one of the channels used as arguments";
    case Refused::kNothing:
    case Refused::kLogin:
      break;
  }
  return "no permission";
}

}  // namespace starling::server::acl
