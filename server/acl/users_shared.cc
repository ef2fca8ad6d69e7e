// What nodes give each other of their users.
#include <algorithm>
#include <tuple>
#include <utility>

#include "engine/base/byte_codec.h"
#include "server/acl/users.h"

namespace starling::server::acl {
namespace {

// Deleted ones that are remembered.
constexpr size_t kDeletedUsersKept = 1000;
// No time of this millennium is a greater version; behind one that is, no later change would count.
constexpr uint64_t kGreatestUserVersion = uint64_t{1} << 62;

struct SharedUser {
  std::string_view name, rules;
  uint64_t version = 0, born = 0;
  bool present = false;
};

bool read_user(engine::ByteReader* reader, SharedUser* user) {
  uint8_t present;
  if (!reader->read_string(&user->name) || !reader->read_u64(&user->version) ||
      !reader->read_byte(&present) || present > 1)
    return false;
  user->present = present == 1;
  if (user->present && (!reader->read_u64(&user->born) || !reader->read_string(&user->rules))) return false;
  // The default one has always been there, and stays.
  const bool possible = user->name != kDefaultUser || (user->present && user->born == 0);
  return possible && user->version != 0 && user->version <= kGreatestUserVersion &&
         user->born <= user->version && is_user_name(user->name);
}

bool read_users(std::string_view state, std::vector<SharedUser>* users) {
  engine::ByteReader reader(state);
  uint64_t count;
  if (!reader.read_varint(&count) || count > reader.left()) return false;
  for (uint64_t i = 0; i < count; ++i) {
    SharedUser user;
    if (!read_user(&reader, &user)) return false;
    if (!users->empty() && users->back().name >= user.name) return false;
    users->push_back(user);
  }
  return reader.left() == 0;
}

// FNV-1a: it tells states apart that nobody made to look alike.
uint64_t digest_of(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return hash;
}

}  // namespace

bool Users::blank() const {
  std::lock_guard lock(mutex_);
  return std::all_of(entries_.begin(), entries_.end(),
                     [](const auto& entry) { return entry.second.version == 0; });
}

std::string Users::state() const {
  std::lock_guard lock(mutex_);
  return state_;
}

uint64_t Users::digest() const {
  std::lock_guard lock(mutex_);
  return digest_of(state_);
}

bool Users::merge(std::string_view state) {
  std::vector<SharedUser> shared;
  if (!read_users(state, &shared)) return false;
  std::lock_guard lock(mutex_);
  const auto later = [this](const SharedUser& user) {
    const auto known = entries_.find(user.name);
    if (known == entries_.end()) return true;
    const Entry& entry = known->second;
    const uint64_t born = entry.user == nullptr ? 0 : entry.user->born;
    return std::tuple(user.version, user.rules, user.born) >
           std::tuple(entry.version, std::string_view(entry.rules), born);
  };
  std::erase_if(shared, [&](const SharedUser& user) { return !later(user); });
  bool news = false;
  for (const SharedUser& shared_user : shared) {
    if (!shared_user.present) {
      entries_[std::string(shared_user.name)] = {nullptr, shared_user.version, {}};
      news = true;
      continue;
    }
    // It says of itself what it may listen to.
    const RuleContext context{catalogue_, false};
    User user = new_user(shared_user.name, context);
    // Of a later release, with commands that are unknown here: it may do nothing, and is told of as it came.
    const bool read = apply_rules(split_at_blanks(shared_user.rules), {}, context, &user).empty();
    if (!read) user = new_user(shared_user.name, context);
    put(std::move(user), shared_user.version, shared_user.born);
    if (!read) entries_.find(shared_user.name)->second.rules = shared_user.rules;
    news = true;
  }
  if (news) changed();
  return true;
}

void Users::changed() {
  drop_oldest_deleted();
  std::string body;
  uint64_t count = 0;
  for (const auto& [name, entry] : entries_) {
    if (entry.version == 0) continue;
    ++count;
    engine::append_string(name, &body);
    engine::append_u64(entry.version, &body);
    body.push_back(entry.user != nullptr ? 1 : 0);
    if (entry.user == nullptr) continue;
    engine::append_u64(entry.user->born, &body);
    engine::append_string(entry.rules, &body);
  }
  state_.clear();
  engine::append_varint(count, &state_);
  state_ += body;
  const User& everybody = *entries_.find(kDefaultUser)->second.user;
  open_.store(everybody.enabled && everybody.no_password, std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
}

void Users::drop_oldest_deleted() {
  std::vector<std::pair<uint64_t, std::string>> deleted;
  for (const auto& [name, entry] : entries_) {
    if (entry.user == nullptr) deleted.emplace_back(entry.version, name);
  }
  if (deleted.size() <= kDeletedUsersKept) return;
  std::sort(deleted.begin(), deleted.end());
  for (size_t i = 0; i + kDeletedUsersKept < deleted.size(); ++i) entries_.erase(deleted[i].second);
}

}  // namespace starling::server::acl
