#include "server/clock_keeper.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "server/process/log.h"
#include "server/process/node_names.h"

namespace starling::server {
namespace {

using cluster::ClockEventKind;

// Between reading one clock and the other; more, and the process was put aside in between.
constexpr int64_t kMostBetweenReadsUs = 1000;
constexpr int kReads = 5;
// A clock that jumps all the time must not fill the log.
constexpr int kLinesPerPeriod = 20;
constexpr int64_t kPeriodUs = 60'000'000;

std::string seconds(int64_t us) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", static_cast<double>(std::abs(us)) / 1e6);
  return text;
}

std::string off_by(int64_t us) {
  return seconds(us) + (us < 0 ? " behind" : " ahead of");
}

}  // namespace

const char* ClockReport::state() const {
  if (!confirmed) return "waiting";
  if (!within_bound) return "beyond_bound";
  return stamps_ahead ? "stamps_ahead" : "ok";
}

ClockKeeper::ClockKeeper(ServerClock& clock, const cluster::NodeId& self,
                         std::function<engine::Stamp()> last_stamp)
    : clock_(clock),
      self_(self),
      in_cluster_(self.valid()),
      last_stamp_(std::move(last_stamp)),
      agreed_(self, self.valid(), {}, clock.monotonic_us(), clock.local_us()) {
  clock_.set_base(agreed_.base_us());
  publish();
}

void ClockKeeper::tick() {
  for (int i = 0; i < kReads; ++i) {
    const int64_t before_us = clock_.monotonic_us();
    const int64_t local_us = clock_.local_us();
    if (clock_.monotonic_us() - before_us > kMostBetweenReadsUs) continue;
    agreed_.tick(before_us, local_us, &events_);
    clock_.set_base(agreed_.base_us());
    break;
  }
  for (const cluster::ClockEvent& event : std::exchange(events_, {})) tell(event);
  publish();
}

void ClockKeeper::set_members(std::span<const cluster::NodeId> members) {
  agreed_.set_members(members, clock_.monotonic_us());
  tick();
}

void ClockKeeper::measured(std::span<const cluster::ClockMeasurement> clocks) {
  const int64_t now_us = clock_.monotonic_us();
  for (const cluster::ClockMeasurement& clock : clocks)
    agreed_.measured(clock.node, clock.bases, clock.error_us, now_us);
  // Who waits for them need not wait for the next tick.
  if (!clocks.empty() && !agreed_.confirmed()) tick();
}

void ClockKeeper::publish() {
  const int64_t now_us = clock_.monotonic_us();
  const int64_t ahead_ms = engine::stamp_wall_ms(last_stamp_()) - clock_.wall_ms();
  const bool stamps_ahead = in_cluster_ && agreed_.confirmed() && ahead_ms > engine::kDefaultMaxDriftMs;
  if (stamps_ahead != std::exchange(stamps_ahead_, stamps_ahead)) {
    log_text(
        LogLevel::kWarning,
        stamps_ahead
            ? "This node has stamped records " + seconds(ahead_ms * 1000) +
                  " ahead of the cluster's time, by a clock that was wrong: the others refuse them. Others "
                  "coordinate in its place. Restart it once its clock is right, then see CLUSTER RESTAMP"
            : "What this node stamps is within what the others take again");
  }
  confirmed_.store(agreed_.confirmed(), std::memory_order_relaxed);
  ready_.store(agreed_.ready(now_us), std::memory_order_relaxed);
  stands_back_.store(in_cluster_ && (!agreed_.confirmed() || !agreed_.fit() || stamps_ahead),
                     std::memory_order_relaxed);
  std::lock_guard lock(mutex_);
  report_.confirmed = agreed_.confirmed();
  report_.within_bound = agreed_.fit();
  report_.stamps_ahead = stamps_ahead;
  report_.skew_us = agreed_.skew_us();
  report_.jumps = agreed_.jumps();
  report_.peers = agreed_.peers(now_us);
}

ClockReport ClockKeeper::report() const {
  std::lock_guard lock(mutex_);
  return report_;
}

void ClockKeeper::tell(const cluster::ClockEvent& event) {
  const int64_t now_us = clock_.monotonic_us();
  if (now_us - lines_since_us_ > kPeriodUs) {
    if (lines_ > kLinesPerPeriod)
      log_text(LogLevel::kWarning, std::to_string(lines_ - kLinesPerPeriod) + " more lines about clocks");
    lines_since_us_ = now_us;
    lines_ = 0;
  }
  if (++lines_ > kLinesPerPeriod) return;
  const std::string offset = seconds(event.offset_us), off = off_by(event.offset_us);
  const bool own = !event.node.valid() || event.node == self_;
  const std::string whose = own ? "This node's clock" : "The clock of node " + node_name(event.node);
  const char* const way = event.offset_us < 0 ? " back" : " ahead";
  switch (event.kind) {
    case ClockEventKind::kConfirmed:
      if (std::abs(event.offset_us) < 500'000) return;
      return log_text(LogLevel::kWarning,
                      "Goes by the cluster's time: this node's clock is " + off_by(-event.offset_us) + " it");
    case ClockEventKind::kJumped:
      return log_text(LogLevel::kWarning, whose + " has jumped" + way + " by " + offset +
                                              ". It is not followed unless that lasts");
    case ClockEventKind::kJumpOver:
      return log_text(LogLevel::kNotice, whose + " is back where it was; the jump was not followed");
    case ClockEventKind::kJumpFollowed: {
      const char* const what =
          in_cluster_ ? ": that is this node's opinion of the time now" : ": it is followed now";
      return log_text(LogLevel::kWarning, whose + " has stayed where it jumped to, " + offset + way + what);
    }
    case ClockEventKind::kStepped: {
      const std::string what = "The time that this node goes by was set";
      return log_text(LogLevel::kWarning, what + way + " by " + offset);
    }
    case ClockEventKind::kSkewed:
      return log_text(LogLevel::kWarning, whose + " is " + off + " the cluster's time");
    case ClockEventKind::kSkewOver:
      return log_text(LogLevel::kNotice, whose + " agrees with the cluster's time again");
    case ClockEventKind::kBeyondBound:
      return log_text(LogLevel::kWarning,
                      whose + " is " + off + " the cluster's time, too far: others coordinate in its place");
    case ClockEventKind::kWithinBound:
      return log_text(LogLevel::kNotice, "This node's clock is right again: it coordinates as before");
  }
}

}  // namespace starling::server
