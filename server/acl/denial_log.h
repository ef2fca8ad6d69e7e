// ACL LOG: what was refused to whom, newest first. What repeats within a minute is one entry. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "server/acl/permission.h"

namespace starling::server::acl {

enum class Where : uint8_t { kTopLevel, kTransaction, kScript };

std::string_view name_of(Refused refused);  // "command", "key", "auth", "channel".
std::string_view name_of(Where where);      // "toplevel", "multi", "lua".

class DenialLog {
 public:
  struct Denial {
    Refused refused;
    Where where;
    std::string object;  // The command, key or channel; AUTH or HELLO for a login.
    std::string user;
    std::string client;  // As CLIENT LIST tells of it.
  };
  struct Entry {
    Denial denial;
    uint64_t id;
    uint64_t count;
    int64_t created_ms, updated_ms;
  };

  // No more than `most` entries are kept.
  void add(Denial denial, int64_t now_ms, size_t most);
  std::vector<Entry> newest(size_t count) const;
  void clear();
  // How many there were of the kind, of whom the log tells or not. clear() leaves it.
  uint64_t total(Refused refused) const;

 private:
  mutable std::mutex mutex_;
  std::deque<Entry> entries_;
  uint64_t next_id_ = 0;
  std::array<uint64_t, 5> totals_{};  // By Refused.
};

}  // namespace starling::server::acl
