// How a selector is written down.
#include "server/acl/selector.h"

namespace starling::server::acl {
namespace {

void append_word(std::string_view word, std::string* words) {
  if (!words->empty()) *words += ' ';
  *words += word;
}

std::string_view access_prefix(uint8_t access) {
  if (access == kReads) return "%R~";
  return access == kWrites ? "%W~" : "~";
}

}  // namespace

std::string_view text_of_error(RuleError error) {
  switch (error) {
    case RuleError::kNone:
      return {};
    case RuleError::kSyntax:
      return "Syntax error";
    case RuleError::kUnknownCommand:
      return "Unknown command or category name in ACL";
    case RuleError::kAfterAllKeys:
      return "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have "
             "any effect. "
             "Try 'resetkeys' to start with an empty list of patterns";
    case RuleError::kAfterAllChannels:
      return "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not "
             "have any "
             "effect. Try 'resetchannels' to start with an empty list of channels";
    case RuleError::kNoSuchPassword:
      return "The password you are trying to remove from the user does not exist";
    case RuleError::kNoHash:
      return "The password hash must be exactly 64 characters and contain only lowercase hexadecimal "
             "characters";
    case RuleError::kWordOfSubcommand:
      return "Allowing first-arg of a subcommand is not supported";
  }
  return {};
}

std::string describe_keys(const Selector& selector) {
  if (selector.all_keys) return "~*";
  std::string words;
  for (const KeyPattern& pattern : selector.keys)
    append_word(std::string(access_prefix(pattern.access)) + pattern.text, &words);
  return words;
}

std::string describe_channels(const Selector& selector) {
  if (selector.all_channels) return "&*";
  std::string words;
  for (const std::string& pattern : selector.channels) append_word("&" + pattern, &words);
  return words;
}

std::string describe_commands(const Selector& selector) {
  std::string words(selector.future_commands ? "+@all" : "-@all");
  for (const std::string& rule : selector.command_rules) append_word(rule, &words);
  return words;
}

std::string describe(const Selector& selector) {
  std::string words = describe_keys(selector);
  if (!selector.all_channels) append_word("resetchannels", &words);
  if (const std::string channels = describe_channels(selector); !channels.empty())
    append_word(channels, &words);
  append_word(describe_commands(selector), &words);
  return words;
}

}  // namespace starling::server::acl
