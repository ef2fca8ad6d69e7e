// Notices that a client waits for the same thing far longer than anything may take: a defect, never a state. Counts the
// seconds in which its loop runs, so a process that was stopped for a while is no reason.
#pragma once

#include <cstdint>

namespace starling::server {

class ReplyWatchdog {
 public:
  // Once a second. `waits_for`: a name for what the client waits for, of which no other wait has the same; 0: nothing.
  // True once: the wait has reached `limit_s`.
  bool tick(uint64_t waits_for, int64_t limit_s) {
    if (waits_for == 0 || waits_for != waits_for_) {
      waits_for_ = waits_for;
      seconds_ = 0;
      return false;
    }
    return ++seconds_ == limit_s;
  }

 private:
  uint64_t waits_for_ = 0;
  int64_t seconds_ = 0;
};

}  // namespace starling::server
