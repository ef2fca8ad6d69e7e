// All users of this node.
//
// A change makes a new User and a new generation(). What is changed while the server runs has a version: of two that
// nodes know of one user the later counts, and of equal versions the one with the greater rules; what is deleted
// leaves an entry without. So whoever has seen the same changes, in whatever order, has the same users, and nodes
// that differ need only give each other what they have (merge()). What a node's configuration says has no version: it
// is the node's own until it is changed.
//
// A user goes on being the same one through all changes of it; one that is deleted and made anew is another one, which
// is told by the version that it came with (`born`; 0: with the configuration).
//
//   state := count varint, that many users by ascending name
//   user  := name string  version u64  present u8  [born u64  rules string]   the latter if it is present
//
// Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/acl/user.h"

namespace starling::server::acl {

// A line of a file: "user <name> <rule> <rule> …".
struct UserLine {
  std::string where;  // "path:number", for messages.
  std::string name;
  std::vector<std::string> rules;
};

class Users {
 public:
  using Ref = std::shared_ptr<const User>;

  // There is the default one, who may do everything.
  explicit Users(Catalogue catalogue);

  const Catalogue& catalogue() const { return catalogue_; }
  // Changes with every change of a user; never 0.
  uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  // Whoever connects is the default user without having to say a password.
  bool open() const { return open_.load(std::memory_order_relaxed); }

  // Null: there is none.
  Ref find(std::string_view name) const;
  // The same user as it is now; null: it is gone.
  Ref now(const User& known) const;
  // By name.
  std::vector<Ref> all() const;

  // acl-pubsub-default, for what begins anew from now on.
  void allow_all_channels(bool allowed);

  // The rules that the default user has as long as nothing but such a password was said of it.
  std::string rules_by_password(std::string_view password) const;

  // --- Changes. They return the error, as it is replied behind "ERR "; empty: done. With an error nothing has
  // changed. As ACL SETUSER.
  [[nodiscard]] std::string set(std::string_view name, std::span<const std::string_view> rules,
                                int64_t now_ms);
  // How many there were. Precondition: the default one is not among them.
  size_t remove(std::span<const std::string_view> names, int64_t now_ms);
  // What the configuration says, without a version: these come, and others stay.
  [[nodiscard]] std::string configure(std::span<const UserLine> lines);
  // As ACL LOAD: these are there, and the default one, and nobody else.
  [[nodiscard]] std::string replace(std::span<const UserLine> lines, int64_t now_ms);
  // Of the default user, as requirepass; empty: it needs none. Has a version if the default user has one.
  void set_default_password(std::string_view password, int64_t now_ms);

  // --- What has a version, deleted ones included.
  // Nothing has.
  bool blank() const;
  std::string state() const;
  // Equal for equal states.
  uint64_t digest() const;
  // What it has that is later. False: it is no state that makes sense here, and nothing changed.
  [[nodiscard]] bool merge(std::string_view state);

 private:
  struct Entry {
    Ref user;  // Null: it was deleted.
    uint64_t version = 0;
    std::string rules;
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  RuleContext context() const { return {catalogue_, all_channels_}; }
  std::string build(std::span<const UserLine> lines, std::map<std::string, User, std::less<>>* users) const;
  void put(User user, uint64_t version);
  void put(User user, uint64_t version, uint64_t born);
  uint64_t next_version(int64_t now_ms) const;
  void changed();
  void drop_oldest_deleted();

  const Catalogue catalogue_;
  mutable std::mutex mutex_;
  bool all_channels_ = false;
  Entries entries_;
  std::string state_{'\0'};
  std::atomic<uint64_t> generation_{1};
  std::atomic<bool> open_{true};
};

}  // namespace starling::server::acl
