// The commit log on files. The format is in log_format.h.
//
// Locks, in the order in which they are taken: sync_mutex_, drop_mutex_, flush_mutex_, the frame buffer's.
// append() takes the last only, and no file is touched under it. fdatasync and unlink run under neither of
// the last two, so that a loop's append() and flush() do not wait for them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "engine/log/commit_log.h"
#include "engine/log/frame_buffer.h"
#include "engine/log/log_file.h"
#include "engine/log/log_format.h"

namespace starling::engine {

class FileLog final : public CommitLog {
 public:
  FileLog(const Options& options, std::unique_ptr<LogDirectory> directory);

  Status recover(uint64_t first_segment, const FrameVisitor& visit, const ProgressVisitor& progress) override;
  LogPosition append(std::string_view payload) override { return buffer_.append(payload); }
  Status flush() override;
  Status sync() override;

  LogPosition appended() const override { return buffer_.appended(); }
  LogPosition written() const override { return written_.load(std::memory_order_acquire); }
  LogPosition durable() const override { return durable_.load(std::memory_order_acquire); }
  bool dead() const override { return dead_.load(std::memory_order_acquire); }
  bool healthy() const override { return healthy_.load(std::memory_order_acquire) && !dead(); }
  bool over_limit() const override { return appended() - written() > options_.pending_limit_bytes; }

  Status rotate(uint64_t* new_segment) override;
  // As many of the files are kept as there were to drop; all go where there was none.
  Status drop_before(uint64_t segment) override;
  uint64_t current_segment() const override { return current_number_.load(std::memory_order_acquire); }
  uint64_t live_bytes() const override;

 private:
  // The segment being written. Without a file after a recovery on a full disk; then number and offset are
  // those of the last recovered one, and there is no room.
  struct Current {
    uint64_t number = 0;
    std::shared_ptr<LogFile> file;
    uint64_t offset = 0;
    uint64_t capacity = 0;
  };
  struct Closed {
    uint64_t number;
    uint64_t end;
    bool recyclable;
    std::shared_ptr<LogFile> unsynced;  // Null once durable.
  };
  // What one sync() makes durable.
  struct SyncTarget {
    std::vector<std::shared_ptr<LogFile>> files;
    LogPlace place;
    LogPosition position = 0;
    bool names_changed = false;
  };

  Status dead_status() const;

  // All with flush_mutex_ held.
  Status flush_locked(LogPosition target);
  Status write_batch();
  Status write_chunk(FrameChunk& chunk);
  Status write_placed(FrameChunk& chunk);
  Status open_segment(uint64_t frame_bytes);
  Status create_file(const std::string& name, uint64_t capacity, std::unique_ptr<LogFile>* file);
  SyncTarget sync_target();
  void mark_synced(const SyncTarget& target);

  Status sync_files(const SyncTarget& target);
  Status drop_file(const Closed& segment);
  // With drop_mutex_ held.
  Status keep_spares(size_t count);

  const Options options_;
  const std::unique_ptr<LogDirectory> directory_;
  FrameBuffer buffer_;

  std::mutex sync_mutex_;
  std::mutex drop_mutex_;

  std::mutex flush_mutex_;
  std::vector<FrameChunk> batch_;  // Taken from the buffer, not wholly written.
  size_t batch_index_ = 0;         // The chunk being written.
  size_t chunk_placed_ = 0;        // Up to here its frames are placed in the current segment,
  size_t chunk_written_ = 0;       // and up to here they are in the file.
  Current current_;
  std::vector<Closed> closed_;  // Ascending.
  std::vector<std::string> spares_;
  uint64_t next_number_ = 1;
  bool names_changed_ = false;  // Since the directory was last synced.

  std::atomic<uint64_t> current_number_{0};
  std::atomic<uint64_t> closed_bytes_{0};
  std::atomic<uint64_t> current_bytes_{0};
  std::atomic<LogPosition> written_{0};
  std::atomic<LogPosition> durable_{0};
  std::atomic<bool> healthy_{true};
  std::atomic<bool> dead_{false};
};

}  // namespace starling::engine
