// How a rule changes a selector.
#include <algorithm>

#include "resp/glob.h"
#include "server/acl/selector.h"

namespace starling::server::acl {
namespace {

// What stands in a line between others.
bool has_blank(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0'; });
}

bool is_pattern(std::string_view text) {
  return !has_blank(text) && resp::glob_bounded(text);
}

void allow_all_commands(bool allowed, const Catalogue& catalogue, Selector* selector) {
  selector->all_commands = selector->future_commands = allowed;
  selector->commands.assign(catalogue.size(), allowed);
  selector->first_arguments.clear();
  selector->command_rules.clear();
}

// A later rule takes the place of those that say something of the same, or of a part of it.
void note_command_rule(std::string_view what, bool allowed, Selector* selector) {
  const std::string name = lower_case(what);
  std::erase_if(selector->command_rules, [&](const std::string& rule) {
    const std::string_view known = std::string_view(rule).substr(1);
    return known == name ||
           (known.size() > name.size() && known.starts_with(name) && known[name.size()] == '|');
  });
  selector->command_rules.push_back((allowed ? '+' : '-') + name);
}

void set_command(uint32_t id, bool allowed, const Catalogue& catalogue, Selector* selector) {
  if (selector->commands.size() < catalogue.size()) selector->commands.resize(catalogue.size());
  selector->commands[id] = allowed;
  if (!allowed) selector->all_commands = false;
  selector->first_arguments.erase(id);
  for (const uint32_t subcommand : catalogue.subcommands(id))
    set_command(subcommand, allowed, catalogue, selector);
}

RuleError set_category(std::string_view name, bool allowed, const Catalogue& catalogue, Selector* selector) {
  const uint32_t category = catalogue.category(name);
  if (category == 0) return RuleError::kUnknownCommand;
  for (uint32_t id = 0; id < catalogue.size(); ++id) {
    if ((catalogue.command(id).categories & category) != 0) set_command(id, allowed, catalogue, selector);
  }
  note_command_rule("@" + std::string(name), allowed, selector);
  return RuleError::kNone;
}

RuleError allow_first_argument(uint32_t id, std::string_view word, Selector* selector) {
  if (has_blank(word)) return RuleError::kSyntax;
  std::vector<std::string>& words = selector->first_arguments[id];
  const bool known = std::any_of(words.begin(), words.end(),
                                 [&](const std::string& other) { return same_word(other, word); });
  if (!known) words.push_back(lower_case(word));
  return RuleError::kNone;
}

RuleError allow_command(std::string_view name, const Catalogue& catalogue, Selector* selector) {
  const size_t bar = name.rfind('|');
  std::optional<uint32_t> id = catalogue.find(name.substr(0, bar));
  if (!id) return RuleError::kUnknownCommand;
  if (bar == std::string_view::npos) {
    set_command(*id, true, catalogue, selector);
  } else {
    if (catalogue.command(*id).container) return RuleError::kWordOfSubcommand;
    const std::string_view word = name.substr(bar + 1);
    if (word.empty()) return RuleError::kSyntax;
    if (catalogue.subcommands(*id).empty()) {
      if (const RuleError error = allow_first_argument(*id, word, selector); error != RuleError::kNone)
        return error;
    } else {
      id = catalogue.find(name);
      if (!id) return RuleError::kUnknownCommand;
      set_command(*id, true, catalogue, selector);
    }
  }
  note_command_rule(name, true, selector);
  return RuleError::kNone;
}

RuleError command_rule(std::string_view rule, const Catalogue& catalogue, Selector* selector) {
  const bool allowed = rule[0] == '+';
  const std::string_view what = rule.substr(1);
  if (what.starts_with('@')) return set_category(what.substr(1), allowed, catalogue, selector);
  if (allowed) return allow_command(what, catalogue, selector);
  const std::optional<uint32_t> id = catalogue.find(what);
  if (!id) return RuleError::kUnknownCommand;
  set_command(*id, false, catalogue, selector);
  note_command_rule(what, false, selector);
  return RuleError::kNone;
}

// Of %R~ and its like: takes what stands before the pattern.
bool read_access(std::string_view* rule, uint8_t* access) {
  *access = 0;
  const size_t tilde = rule->find('~');
  if (tilde == std::string_view::npos) return false;
  for (const char c : rule->substr(1, tilde - 1)) {
    const uint8_t bit = c == 'R' || c == 'r' ? kReads : c == 'W' || c == 'w' ? kWrites : 0;
    if (bit == 0 || (*access & bit) != 0) return false;
    *access = static_cast<uint8_t>(*access | bit);
  }
  rule->remove_prefix(tilde + 1);
  return *access != 0;
}

RuleError key_rule(std::string_view rule, Selector* selector) {
  if (selector->all_keys) return RuleError::kAfterAllKeys;
  uint8_t access = kReads | kWrites;
  if (rule[0] == '~') {
    rule.remove_prefix(1);
  } else if (!read_access(&rule, &access)) {
    return RuleError::kSyntax;
  }
  if (!is_pattern(rule)) return RuleError::kSyntax;
  const auto known = std::find_if(selector->keys.begin(), selector->keys.end(),
                                  [&](const KeyPattern& pattern) { return pattern.text == rule; });
  if (known != selector->keys.end()) {
    access = known->access = static_cast<uint8_t>(known->access | access);
  } else {
    selector->keys.push_back({std::string(rule), access});
  }
  // However it was said: it is written down as that, behind which no pattern may stand.
  if (rule == "*" && access == (kReads | kWrites)) {
    selector->all_keys = true;
    selector->keys.clear();
  }
  return RuleError::kNone;
}

RuleError channel_rule(std::string_view rule, Selector* selector) {
  if (selector->all_channels) return RuleError::kAfterAllChannels;
  rule.remove_prefix(1);
  if (!is_pattern(rule)) return RuleError::kSyntax;
  if (std::find(selector->channels.begin(), selector->channels.end(), rule) == selector->channels.end())
    selector->channels.emplace_back(rule);
  return RuleError::kNone;
}

// The rules that are words. False: it is none of them.
bool word_rule(std::string_view rule, const Catalogue& catalogue, Selector* selector) {
  if (same_word(rule, "allkeys") || rule == "~*" || same_word(rule, "resetkeys")) {
    selector->all_keys = !same_word(rule, "resetkeys");
    selector->keys.clear();
  } else if (same_word(rule, "allchannels") || rule == "&*" || same_word(rule, "resetchannels")) {
    selector->all_channels = !same_word(rule, "resetchannels");
    selector->channels.clear();
  } else if (same_word(rule, "allcommands") || same_word(rule, "+@all")) {
    allow_all_commands(true, catalogue, selector);
  } else if (same_word(rule, "nocommands") || same_word(rule, "-@all")) {
    allow_all_commands(false, catalogue, selector);
  } else {
    return false;
  }
  return true;
}

}  // namespace

RuleError apply_rule(std::string_view rule, const Catalogue& catalogue, Selector* selector) {
  if (rule.empty()) return RuleError::kSyntax;
  if (word_rule(rule, catalogue, selector)) return RuleError::kNone;
  switch (rule[0]) {
    case '~':
    case '%':
      return key_rule(rule, selector);
    case '&':
      return channel_rule(rule, selector);
    case '+':
    case '-':
      return command_rule(rule, catalogue, selector);
    default:
      return RuleError::kSyntax;
  }
}

}  // namespace starling::server::acl
