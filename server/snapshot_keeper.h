// Snapshots of the data on request: SAVE and BGSAVE. Each is a data directory that a server can be started
// on, <dir>/snapshots/<UTC time>; the oldest go when there are more than kMaxSnapshots.
//
// Any thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "engine/clock.h"
#include "engine/engine.h"

namespace starling::server {

struct SnapshotStatus {
  bool running = false;
  int64_t running_seconds = -1;  // -1: none runs.
  bool last_ok = true;
  int64_t last_duration_seconds = -1;  // -1: there was none yet.
  int64_t last_time_ms = 0;            // Of the last good one; 0: there was none yet.
  uint64_t count = 0;
};

class SnapshotKeeper {
 public:
  static constexpr size_t kMaxSnapshots = 8;

  explicit SnapshotKeeper(const engine::Clock& clock) : clock_(clock) {}

  // False: one is running. Otherwise take() must follow.
  [[nodiscard]] bool begin();
  // Makes the snapshot under `directory`, which takes a while. Not on a loop.
  engine::Status take(engine::Engine& engine, const std::string& directory);

  SnapshotStatus status() const;

 private:
  const engine::Clock& clock_;
  mutable std::mutex mutex_;
  int64_t begin_us_ = 0;
  SnapshotStatus status_;
};

// "20261120T095959.123Z": sorts by time.
std::string snapshot_name(int64_t time_ms);

}  // namespace starling::server
