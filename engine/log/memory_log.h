// A commit log in memory, with the crash semantics of one on a disk: what was not synced may vanish. For
// tests and the simulator.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/log/commit_log.h"

namespace starling::engine {

// What outlives a log object: the frames "on the disk". Shared by the logs that are opened on it one after
// another.
struct MemoryLogDisk {
  std::map<uint64_t, std::vector<std::string>> segments;
};

// Any thread.
class MemoryLog final : public CommitLog {
 public:
  MemoryLog(const Options& options, std::shared_ptr<MemoryLogDisk> disk)
      : options_(options), disk_(std::move(disk)) {}

  Status recover(uint64_t first_segment, const FrameVisitor& visit, const ProgressVisitor& progress) override;
  LogPosition append(std::string_view payload) override;
  Status flush() override;
  Status sync() override;
  LogPosition appended() const override;
  LogPosition written() const override;
  LogPosition durable() const override;
  bool healthy() const override;
  bool dead() const override;
  bool over_limit() const override;
  Status rotate(uint64_t* new_segment) override;
  Status drop_before(uint64_t segment) override;
  uint64_t current_segment() const override;
  uint64_t live_bytes() const override;

  // Loses all that was not synced but the first `surviving_frames` frames of it (pending ones never survive),
  // and kills this log. Another one can then be opened on the disk.
  void crash(size_t surviving_frames);
  // While full, flush() writes nothing and answers kNoSpace.
  void set_full(bool full);
  // The next sync() fails, and the log is dead.
  void fail_next_sync();

 private:
  Status flush_locked();
  Status dead_status() const;

  const Options options_;
  const std::shared_ptr<MemoryLogDisk> disk_;
  mutable std::mutex mutex_;
  std::deque<std::string> pending_;
  size_t unsynced_frames_ = 0;  // Written and not synced.
  LogPosition appended_ = 0;
  LogPosition written_ = 0;
  LogPosition durable_ = 0;
  uint64_t current_ = 0;
  bool healthy_ = true;
  bool full_ = false;
  bool sync_fails_ = false;
  bool dead_ = false;
};

}  // namespace starling::engine
