// The last commands that took longer than slowlog-log-slower-than. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "server/execute/shown_arguments.h"

namespace starling::server {

class SlowLog {
 public:
  struct Entry {
    uint64_t id;
    int64_t time_s;  // Wall clock, seconds since the Unix epoch.
    uint64_t duration_us;
    std::vector<std::string> arguments;  // Cut to 32, each to 128 bytes, as Redis cuts them.
    std::string client_address, client_name;
  };

  void add(int64_t time_s, uint64_t duration_us, const ShownArguments& arguments,
           const std::string& client_address, const std::string& client_name, size_t max_entries);
  // Newest first; at most `count`.
  std::vector<Entry> newest(size_t count) const;
  size_t size() const;
  void clear();

 private:
  mutable std::mutex mutex_;
  std::deque<Entry> entries_;  // Newest first.
  uint64_t next_id_ = 0;
};

}  // namespace starling::server
