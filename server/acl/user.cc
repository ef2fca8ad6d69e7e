#include "server/acl/user.h"

#include <algorithm>

#include "server/acl/password.h"

namespace starling::server::acl {
namespace {

Selector empty_selector(const RuleContext& context) {
  Selector selector;
  selector.all_channels = context.all_channels;
  selector.commands.assign(context.catalogue.size(), false);
  return selector;
}

void forget_passwords(bool none_needed, User* user) {
  user->passwords.clear();
  user->no_password = none_needed;
}

// Those without anything behind them. False: it is none of them.
bool apply_word(std::string_view rule, const RuleContext& context, User* user) {
  if (same_word(rule, "on") || same_word(rule, "off")) {
    user->enabled = same_word(rule, "on");
  } else if (same_word(rule, "nopass") || same_word(rule, "resetpass")) {
    forget_passwords(same_word(rule, "nopass"), user);
  } else if (same_word(rule, "skip-sanitize-payload")) {
    user->payloads = PayloadChecks::kNever;
  } else if (same_word(rule, "sanitize-payload")) {
    user->payloads = PayloadChecks::kAlways;
  } else if (same_word(rule, "clearselectors")) {
    user->selectors.resize(1);
  } else if (same_word(rule, "reset")) {
    const uint64_t born = user->born;
    *user = new_user(user->name, context);
    user->born = born;
    user->payloads = PayloadChecks::kAlways;
  } else {
    return false;
  }
  return true;
}

void add_password(std::string hash, User* user) {
  user->no_password = false;
  if (std::find(user->passwords.begin(), user->passwords.end(), hash) == user->passwords.end())
    user->passwords.push_back(std::move(hash));
}

RuleError password_rule(std::string_view rule, User* user) {
  const bool hashed = rule[0] == '#' || rule[0] == '!';
  const std::string_view given = rule.substr(1);
  if (hashed && !is_password_hash(given)) return RuleError::kNoHash;
  std::string hash = hashed ? std::string(given) : password_hash(given);
  if (rule[0] == '>' || rule[0] == '#') {
    add_password(std::move(hash), user);
    return RuleError::kNone;
  }
  return std::erase(user->passwords, hash) != 0 ? RuleError::kNone : RuleError::kNoSuchPassword;
}

RuleError add_selector(std::string_view rule, const RuleContext& context, User* user) {
  if (!rule.ends_with(')')) return RuleError::kSyntax;
  Selector selector = empty_selector(context);
  for (const std::string_view word : split_at_blanks(rule.substr(1, rule.size() - 2))) {
    if (word.ends_with(')')) return RuleError::kSyntax;  // Written down, the selector would end there.
    const RuleError error = apply_rule(word, context.catalogue, &selector);
    if (error != RuleError::kNone) return error;
  }
  user->selectors.push_back(std::move(selector));
  return RuleError::kNone;
}

}  // namespace

bool User::allows_everything() const {
  return std::any_of(selectors.begin(), selectors.end(),
                     [](const Selector& selector) { return selector.allows_everything(); });
}

User new_user(std::string_view name, const RuleContext& context) {
  User user;
  user.name = name;
  user.selectors.assign(1, empty_selector(context));
  return user;
}

User open_user(const RuleContext& context) {
  User user = new_user(kDefaultUser, context);
  user.enabled = user.no_password = true;
  Selector& selector = user.selectors.front();
  selector.all_commands = selector.future_commands = selector.all_keys = selector.all_channels = true;
  selector.commands.assign(context.catalogue.size(), true);
  return user;
}

RuleError apply_rule(std::string_view rule, const RuleContext& context, User* user) {
  if (rule.empty()) return RuleError::kSyntax;
  if (apply_word(rule, context, user)) return RuleError::kNone;
  switch (rule[0]) {
    case '>':
    case '<':
    case '#':
    case '!':
      return password_rule(rule, user);
    case '(':
      return add_selector(rule, context, user);
    default:
      return apply_rule(rule, context.catalogue, &user->selectors.front());
  }
}

bool join_selectors(std::span<const std::string_view> typed, std::vector<std::string>* words) {
  std::string_view opened;
  for (const std::string_view word : typed) {
    if (!opened.empty()) {
      words->back().append(" ").append(word);
    } else {
      words->emplace_back(word);
    }
    if (opened.empty() && word.starts_with('(')) opened = word;
    if (word.ends_with(')')) opened = {};
  }
  if (!opened.empty()) words->back() = opened;
  return opened.empty();
}

std::vector<std::string_view> split_at_blanks(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  std::vector<std::string_view> words;
  for (;;) {
    const size_t begin = text.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return words;
    text.remove_prefix(begin);
    const size_t end = std::min(text.find_first_of(kBlanks), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

std::string apply_rules(std::span<const std::string_view> typed, std::string_view prefix,
                        const RuleContext& context, User* user) {
  std::vector<std::string> words;
  if (!join_selectors(typed, &words))
    return "Unmatched parenthesis in acl selector starting at '" + words.back() + "'.";
  for (const std::string& word : words) {
    const RuleError error = apply_rule(word, context, user);
    if (error == RuleError::kNone) continue;
    return std::string(prefix) + " '" + word + "': " + std::string(text_of_error(error));
  }
  return {};
}

bool accepts(const User& user, std::string_view password) {
  const std::string given = password_hash(password);
  bool found = false;
  for (const std::string& hash : user.passwords) found = same_hash(given, hash) | found;
  return user.enabled && (user.no_password || found);
}

bool is_user_name(std::string_view name) {
  return !name.empty() && std::none_of(name.begin(), name.end(), [](char c) {
    return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0';
  });
}

std::vector<std::string_view> flags_of(const User& user) {
  std::vector<std::string_view> flags{user.enabled ? "on" : "off"};
  if (user.no_password) flags.emplace_back("nopass");
  if (user.payloads == PayloadChecks::kNever) flags.emplace_back("skip-sanitize-payload");
  if (user.payloads == PayloadChecks::kAlways) flags.emplace_back("sanitize-payload");
  return flags;
}

std::string describe_rules(const User& user) {
  std::string line;
  for (const std::string_view flag : flags_of(user)) line.append(flag).append(" ");
  for (const std::string& hash : user.passwords) line.append("#").append(hash).append(" ");
  line += describe(user.selectors.front());
  for (size_t i = 1; i < user.selectors.size(); ++i)
    line.append(" (").append(describe(user.selectors[i])).append(")");
  return line;
}

}  // namespace starling::server::acl
