// MONITOR: every executed command, as a line to every monitoring client. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "server/execute/shown_arguments.h"

namespace starling::server {

class IoThread;

class MonitorFeed {
 public:
  // Both on the client's loop.
  void add(Client& client);
  void remove(Client& client);

  bool active() const { return count_.load(std::memory_order_relaxed) != 0; }
  // Tells all monitors that `from` runs a command. Precondition: worth it only while active().
  void feed(const Client& from, int database, const ShownArguments& arguments, int64_t now_us);
  // The same of a command that a script calls.
  void feed_from_script(int database, const ShownArguments& arguments, int64_t now_us);

 private:
  struct Monitor {
    IoThread* io_thread;
    uint64_t client_id;
  };

  void tell(std::string text);

  std::atomic<size_t> count_{0};
  std::mutex mutex_;
  std::vector<Monitor> monitors_;
};

}  // namespace starling::server
