#include "server/acl/users.h"

#include <algorithm>
#include <utility>

namespace starling::server::acl {

Users::Users(Catalogue catalogue) : catalogue_(std::move(catalogue)) {
  put(open_user(context()), 0);
}

Users::Ref Users::find(std::string_view name) const {
  std::lock_guard lock(mutex_);
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : found->second.user;
}

Users::Ref Users::now(const User& known) const {
  Ref user = find(known.name);
  return user != nullptr && user->born == known.born ? user : nullptr;
}

std::vector<Users::Ref> Users::all() const {
  std::lock_guard lock(mutex_);
  std::vector<Ref> users;
  for (const auto& [name, entry] : entries_) {
    if (entry.user != nullptr) users.push_back(entry.user);
  }
  return users;
}

void Users::allow_all_channels(bool allowed) {
  std::lock_guard lock(mutex_);
  all_channels_ = allowed;
}

std::string Users::set(std::string_view name, std::span<const std::string_view> rules, int64_t now_ms) {
  if (!is_user_name(name)) return "Usernames can't contain spaces or null characters";
  std::lock_guard lock(mutex_);
  const auto found = entries_.find(name);
  const bool known = found != entries_.end() && found->second.user != nullptr;
  User user = known ? *found->second.user : new_user(name, context());
  if (std::string error = apply_rules(rules, "Error in ACL SETUSER modifier", context(), &user);
      !error.empty())
    return error;
  put(std::move(user), next_version(now_ms));
  changed();
  return {};
}

size_t Users::remove(std::span<const std::string_view> names, int64_t now_ms) {
  std::lock_guard lock(mutex_);
  const uint64_t version = next_version(now_ms);
  size_t count = 0;
  for (const std::string_view name : names) {
    const auto found = entries_.find(name);
    if (found == entries_.end() || found->second.user == nullptr) continue;
    found->second = {nullptr, version, {}};
    ++count;
  }
  if (count != 0) changed();
  return count;
}

std::string Users::build(std::span<const UserLine> lines,
                         std::map<std::string, User, std::less<>>* users) const {
  for (const UserLine& line : lines) {
    if (!is_user_name(line.name)) return line.where + ": a user's name has no spaces";
    if (users->contains(line.name)) return line.where + ": Duplicate user '" + line.name + "' found";
    User user = new_user(line.name, context());
    const std::vector<std::string_view> rules(line.rules.begin(), line.rules.end());
    if (std::string error = apply_rules(rules, "Error in applying operation", context(), &user);
        !error.empty())
      return line.where + ": " + error;
    users->emplace(line.name, std::move(user));
  }
  return {};
}

std::string Users::configure(std::span<const UserLine> lines) {
  std::lock_guard lock(mutex_);
  std::map<std::string, User, std::less<>> users;
  if (std::string error = build(lines, &users); !error.empty()) return error;
  for (auto& [name, user] : users) put(std::move(user), 0);
  changed();
  return {};
}

std::string Users::replace(std::span<const UserLine> lines, int64_t now_ms) {
  std::lock_guard lock(mutex_);
  std::map<std::string, User, std::less<>> users;
  if (std::string error = build(lines, &users); !error.empty()) return error;
  users.try_emplace(std::string(kDefaultUser), open_user(context()));
  const uint64_t version = next_version(now_ms);
  for (auto& [name, entry] : entries_) {
    if (entry.user != nullptr && !users.contains(name)) entry = {nullptr, version, {}};
  }
  for (auto& [name, user] : users) {
    const auto known = entries_.find(name);
    const bool same = known != entries_.end() && known->second.user != nullptr &&
                      known->second.rules == describe_rules(user);
    if (!same) put(std::move(user), version);
  }
  changed();
  return {};
}

std::string Users::rules_by_password(std::string_view password) const {
  std::lock_guard lock(mutex_);
  User user = open_user(context());
  if (!password.empty()) (void)apply_rule(">" + std::string(password), context(), &user);
  return describe_rules(user);
}

void Users::set_default_password(std::string_view password, int64_t now_ms) {
  std::lock_guard lock(mutex_);
  const Entry& entry = entries_.find(kDefaultUser)->second;
  User user = *entry.user;
  const std::string rule = password.empty() ? "nopass" : ">" + std::string(password);
  (void)apply_rule("resetpass", context(), &user);
  (void)apply_rule(rule, context(), &user);
  put(std::move(user), entry.version == 0 ? 0 : next_version(now_ms));
  changed();
}

// Keeps who it is: a user that is there already goes on being the same one.
void Users::put(User user, uint64_t version) {
  const auto known = entries_.find(user.name);
  const bool goes_on = known != entries_.end() && known->second.user != nullptr;
  put(std::move(user), version, goes_on ? known->second.user->born : version);
}

void Users::put(User user, uint64_t version, uint64_t born) {
  user.born = born;
  Entry& entry = entries_[user.name];
  std::string rules = describe_rules(user);
  entry = {std::make_shared<const User>(std::move(user)), version, std::move(rules)};
}

uint64_t Users::next_version(int64_t now_ms) const {
  uint64_t last = 0;
  for (const auto& [name, entry] : entries_) last = std::max(last, entry.version);
  return std::max(static_cast<uint64_t>(std::max<int64_t>(now_ms, 0)) << 16, last + 1);
}

}  // namespace starling::server::acl
