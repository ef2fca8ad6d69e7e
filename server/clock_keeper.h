// Keeps the server's clock by what cluster::AgreedClock makes of it, and says in the log what it finds. On a
// node of its own, too: there it is the monotonic clock that a jump is seen against.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "cluster/membership/agreed_clock.h"
#include "cluster/membership/membership.h"
#include "server/process/server_clock.h"

namespace starling::server {

struct ClockReport {
  bool confirmed = true;
  bool within_bound = true;
  bool stamps_ahead = false;
  int64_t skew_us = 0;  // Of the system's clock, ahead of the time that this node goes by.
  uint64_t jumps = 0;
  std::vector<cluster::ClockView> peers;

  // "ok", or what is wrong, in one word.
  const char* state() const;
};

class ClockKeeper {
 public:
  // `self`: not valid, on a node of its own. `last_stamp`: the greatest that this node has issued or seen
  // (engine::last_stamp()).
  ClockKeeper(ServerClock& clock, const cluster::NodeId& self, std::function<engine::Stamp()> last_stamp);

  // --- Any thread.
  // A member of a cluster whose time is agreed on. Else it does nothing that depends on the time.
  bool ready() const { return ready_.load(std::memory_order_relaxed); }
  bool confirmed() const { return confirmed_.load(std::memory_order_relaxed); }
  // It does not know the time yet; or its clock, or what it has stamped by a clock that was wrong, is beyond
  // the bound: others should coordinate.
  bool stands_back() const { return stands_back_.load(std::memory_order_relaxed); }
  ClockReport report() const;

  // --- The first loop.
  // Several times a second; once does on a node of its own.
  void tick();
  void set_members(std::span<const cluster::NodeId> members);
  void measured(std::span<const cluster::ClockMeasurement> clocks);
  const cluster::ClockReading& own() const { return agreed_.own(); }

 private:
  void tell(const cluster::ClockEvent& event);
  void publish();

  ServerClock& clock_;
  const cluster::NodeId self_;
  const bool in_cluster_;
  const std::function<engine::Stamp()> last_stamp_;
  cluster::AgreedClock agreed_;
  std::vector<cluster::ClockEvent> events_;
  bool stamps_ahead_ = false;
  int64_t lines_since_us_ = 0;
  int lines_ = 0;

  std::atomic<bool> ready_{false}, confirmed_{false}, stands_back_{false};
  mutable std::mutex mutex_;
  ClockReport report_;  // Guarded by mutex_.
};

}  // namespace starling::server
