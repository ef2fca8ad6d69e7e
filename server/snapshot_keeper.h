// Snapshots of the data on request: SAVE and BGSAVE. Each is a data directory that a server can be started
// on, <dir>/snapshots/<UTC time>; the oldest go when there are more than are to be kept. One that a server was
// started on is that server's data from then on: it is not counted, and never goes by itself.
//
// Any thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "engine/base/clock.h"
#include "engine/core/engine.h"

namespace starling::server {

struct SnapshotStatus {
  bool running = false;
  int64_t running_seconds = -1;  // -1: none runs.
  bool last_ok = true;
  int64_t last_duration_seconds = -1;  // -1: there was none yet.
  int64_t last_time_ms = 0;            // Of the last good one; 0: there was none yet.
  uint64_t count = 0;
  uint64_t bytes = 0;  // Of all that there are.
};

class SnapshotKeeper {
 public:
  explicit SnapshotKeeper(const engine::Clock& clock) : clock_(clock) {}

  // False: one is running. Otherwise take() must follow.
  [[nodiscard]] bool begin();
  // Makes the snapshot under `directory`, of which the newest `keep` stay. Takes a while: not on a loop.
  engine::Status take(engine::Engine& engine, const std::string& directory, size_t keep);

  // False: one is running. Otherwise end_drop() must follow; none is made until then.
  [[nodiscard]] bool begin_drop() { return begin(); }
  void end_drop(const std::string& directory);

  // Looks at what is there. take() and end_drop() do so too. Reads the disk.
  void count_bytes(const std::string& directory);

  SnapshotStatus status() const;

 private:
  const engine::Clock& clock_;
  mutable std::mutex mutex_;
  int64_t begin_us_ = 0;
  SnapshotStatus status_;
};

struct SnapshotEntry {
  std::string name;
  uint64_t bytes = 0;    // Of its files. Some may be the live store's too, or another snapshot's.
  bool started = false;  // A server was started on it.
};

// Those under `directory`, by time. Reads the disk.
std::vector<SnapshotEntry> list_snapshots(const std::string& directory);
// kInvalid when there is none of that name, kLocked while a server runs on it. Works on the disk.
engine::Status drop_snapshot(const std::string& directory, const std::string& name);
// Drops the oldest that no server was started on, but for `keep` of them.
void drop_oldest_snapshots(const std::string& directory, size_t keep);

// "20261120T095959.123Z": sorts by time.
std::string snapshot_name(int64_t time_ms);

}  // namespace starling::server
