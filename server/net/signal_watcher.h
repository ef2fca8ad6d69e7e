// Signals, told on a loop's thread. The first watcher catches its signals for the rest of the process's life: when none
// is left they do nothing, instead of ending the process as the system would have it. One watcher at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "server/net/event_loop.h"

namespace starling::server {

// Owned by the loop's thread.
class SignalWatcher final : private FdHandler {
 public:
  // Calls `on_signal` on the loop's thread. Signals are numbers below 64.
  SignalWatcher(EventLoop& loop, const std::vector<int>& signals, std::function<void(int)> on_signal);
  ~SignalWatcher() override;
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;

  // Tells at once what has come, for a loop's thread that does not get back to its loop. Costs nothing when none has.
  void look();

 private:
  void on_events(int events) override;

  std::function<void(int)> on_signal_;
  std::unique_ptr<FdWatcher> watcher_;
};

}  // namespace starling::server
