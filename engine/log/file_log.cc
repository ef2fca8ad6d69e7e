#include "engine/log/file_log.h"

#include <algorithm>
#include <utility>

#include "engine/base/assert.h"
#include "engine/log/log_recovery.h"

namespace starling::engine {
namespace {

// Overwriting blocks that are allocated and written needs no change of the file's metadata, so an fdatasync
// of a recycled segment is one disk write instead of two. There are as many spare files as the last
// checkpoint's worth of log took, and no more than these.
constexpr size_t kSpareSegments = 32;

}  // namespace

FileLog::FileLog(const Options& options, std::unique_ptr<LogDirectory> directory)
    : options_(options), directory_(std::move(directory)) {}

Status FileLog::recover(uint64_t first_segment, const FrameVisitor& visit, const ProgressVisitor& progress) {
  RecoveredLog recovered;
  if (Status status = recover_log(*directory_, first_segment, visit, progress, &recovered); !status.ok())
    return status;
  const std::lock_guard lock(flush_mutex_);
  next_number_ = recovered.next_number;
  for (const RecoveredSegment& segment : recovered.segments) {
    closed_.push_back({segment.number, segment.end, false, nullptr});
    closed_bytes_ += segment.end;
    current_.number = segment.number;
    current_.offset = segment.end;
  }
  current_number_ = next_number_;
  Status status = open_segment(0);
  // A full disk must not keep the data from being read: the first flush tries again.
  if (status.code() == StatusCode::kNoSpace) {
    healthy_ = false;
    return {};
  }
  return status;
}

Status FileLog::dead_status() const {
  return Status(StatusCode::kIoError, "commit log " + options_.directory +
                                          " is dead after a failed sync: what the disk holds is unknown");
}

Status FileLog::flush() {
  const LogPosition target = appended();
  if (dead()) return dead_status();
  if (written() >= target && healthy()) return {};
  const std::lock_guard lock(flush_mutex_);
  return flush_locked(target);
}

Status FileLog::flush_locked(LogPosition target) {
  if (dead()) return dead_status();
  if (current_.file == nullptr) {
    if (Status status = open_segment(0); !status.ok()) return status;
  }
  while (written() < target) {
    if (batch_.empty()) {
      buffer_.take(&batch_);
      batch_index_ = chunk_placed_ = chunk_written_ = 0;
    }
    if (Status status = write_batch(); !status.ok()) {
      healthy_ = false;
      return status;
    }
    buffer_.recycle(&batch_);
  }
  healthy_ = true;
  return {};
}

Status FileLog::write_batch() {
  for (; batch_index_ < batch_.size(); ++batch_index_) {
    if (Status status = write_chunk(batch_[batch_index_]); !status.ok()) return status;
    chunk_placed_ = chunk_written_ = 0;
  }
  return {};
}

Status FileLog::write_chunk(FrameChunk& chunk) {
  for (;;) {
    uint64_t end = current_.offset + (chunk_placed_ - chunk_written_);
    size_t next_bytes = 0;
    while (chunk_placed_ < chunk.used) {
      char* frame = chunk.data.get() + chunk_placed_;
      next_bytes = whole_frame_bytes(frame);
      if (end + next_bytes > current_.capacity) break;
      place_frame(frame, {current_.number, end});
      chunk_placed_ += next_bytes;
      end += next_bytes;
    }
    if (Status status = write_placed(chunk); !status.ok()) return status;
    if (chunk_placed_ == chunk.used) return {};
    if (Status status = open_segment(next_bytes); !status.ok()) return status;
  }
}

Status FileLog::write_placed(FrameChunk& chunk) {
  if (chunk_written_ == chunk_placed_) return {};
  uint64_t count = 0;
  Status status = current_.file->write_at(
      current_.offset, {chunk.data.get() + chunk_written_, chunk_placed_ - chunk_written_}, &count);
  chunk_written_ += count;
  current_.offset += count;
  current_bytes_ = current_.offset;
  written_.store(written() + count, std::memory_order_release);
  return status;
}

Status FileLog::create_file(const std::string& name, uint64_t capacity, std::unique_ptr<LogFile>* file) {
  if (capacity == options_.segment_bytes && !spares_.empty()) {
    const std::string spare = spares_.back();
    spares_.pop_back();
    if (directory_->rename(spare, name).ok()) return directory_->open(name, file);
  }
  return directory_->create(name, capacity, file);
}

Status FileLog::open_segment(uint64_t frame_bytes) {
  const uint64_t capacity = std::max(options_.segment_bytes, kSegmentHeaderBytes + frame_bytes);
  const std::string name = segment_name(next_number_);
  std::unique_ptr<LogFile> file;
  if (Status status = create_file(name, capacity, &file); !status.ok()) {
    // A file of that name may be left. The number is skipped, and recovery knows that no segment followed on
    // it.
    if (status.code() != StatusCode::kNoSpace) ++next_number_;
    return status;
  }
  const auto header = encode_segment_header({next_number_, current_.number, current_.offset});
  uint64_t count = 0;
  if (Status status = file->write_at(0, {header.data(), header.size()}, &count); !status.ok()) {
    if (!directory_->remove(name).ok()) ++next_number_;
    return status;
  }
  if (current_.file != nullptr) {
    const bool recyclable = current_.capacity == options_.segment_bytes;
    closed_.push_back({current_.number, current_.offset, recyclable, std::move(current_.file)});
    closed_bytes_ += current_.offset;
  }
  current_ = {next_number_, std::move(file), kSegmentHeaderBytes, capacity};
  current_bytes_ = current_.offset;
  current_number_.store(next_number_, std::memory_order_release);
  ++next_number_;
  names_changed_ = true;
  return {};
}

Status FileLog::sync() {
  const std::lock_guard sync_lock(sync_mutex_);
  const Status flushed = flush();
  if (dead()) return dead_status();
  SyncTarget target;
  {
    const std::lock_guard lock(flush_mutex_);
    target = sync_target();
  }
  // What did get written is made durable also when something else could not be.
  if (target.position == durable() && !target.names_changed) return flushed;
  if (Status status = sync_files(target); !status.ok()) {
    dead_.store(true, std::memory_order_release);
    return Status(status.code(), status.message() + "; the commit log is dead, restart is needed");
  }
  durable_.store(target.position, std::memory_order_release);
  const std::lock_guard lock(flush_mutex_);
  mark_synced(target);
  return flushed;
}

FileLog::SyncTarget FileLog::sync_target() {
  SyncTarget target;
  for (const Closed& segment : closed_)
    if (segment.unsynced != nullptr) target.files.push_back(segment.unsynced);
  if (current_.file != nullptr) target.files.push_back(current_.file);
  target.place = {current_.number, current_.offset};
  target.position = written();
  target.names_changed = std::exchange(names_changed_, false);
  return target;
}

Status FileLog::sync_files(const SyncTarget& target) {
  for (const auto& file : target.files)
    if (Status status = file->sync(); !status.ok()) return status;
  return target.names_changed ? directory_->sync() : Status();
}

void FileLog::mark_synced(const SyncTarget& target) {
  for (Closed& segment : closed_)
    if (segment.number < target.place.segment) segment.unsynced = nullptr;
  if (!batch_.empty() || current_.file == nullptr) return;
  const std::string mark = encode_mark(target.place, {current_.number, current_.offset});
  if (current_.offset + mark.size() > current_.capacity) return;
  uint64_t count = 0;
  // A mark that could not be written is overwritten by the next frame.
  if (!current_.file->write_at(current_.offset, mark, &count).ok()) return;
  current_.offset += mark.size();
  current_bytes_ = current_.offset;
}

Status FileLog::rotate(uint64_t* new_segment) {
  const std::lock_guard lock(flush_mutex_);
  if (Status status = flush_locked(appended()); !status.ok()) return status;
  if (Status status = open_segment(0); !status.ok()) return status;
  *new_segment = current_.number;
  return {};
}

Status FileLog::drop_before(uint64_t segment) {
  const std::lock_guard drop_lock(drop_mutex_);
  std::vector<Closed> dropped;
  {
    const std::lock_guard lock(flush_mutex_);
    for (const Closed& closed : closed_)
      if (closed.number < segment) dropped.push_back(closed);
  }
  if (dropped.empty()) return keep_spares(0);
  // The oldest first: a crash meanwhile leaves a chain without gaps.
  for (const Closed& closed : dropped) {
    if (Status status = drop_file(closed); !status.ok()) return status;
    closed_bytes_ -= closed.end;
    const std::lock_guard lock(flush_mutex_);
    STARLING_ASSERT(closed_.front().number == closed.number);
    closed_.erase(closed_.begin());
  }
  if (Status status = keep_spares(dropped.size()); !status.ok()) return status;
  return directory_->sync();
}

Status FileLog::keep_spares(size_t count) {
  for (;;) {
    std::string surplus;
    {
      const std::lock_guard lock(flush_mutex_);
      if (spares_.size() <= count) return {};
      surplus = std::move(spares_.front());
      spares_.erase(spares_.begin());
    }
    if (Status status = directory_->remove(surplus); !status.ok()) return status;
  }
}

Status FileLog::drop_file(const Closed& segment) {
  const std::string name = segment_name(segment.number);
  {
    const std::lock_guard lock(flush_mutex_);
    if (segment.recyclable && spares_.size() < kSpareSegments) {
      const std::string spare = spare_name(segment.number);
      if (Status status = directory_->rename(name, spare); !status.ok()) return status;
      spares_.push_back(spare);
      return {};
    }
  }
  return directory_->remove(name);
}

uint64_t FileLog::live_bytes() const {
  const uint64_t pending = appended() - written();
  return closed_bytes_.load() + current_bytes_.load() + pending;
}

Status open_file_log(const CommitLog::Options& options, std::unique_ptr<CommitLog>* log) {
  std::unique_ptr<LogDirectory> directory;
  if (Status status = open_log_directory(options.directory, &directory); !status.ok()) return status;
  *log = std::make_unique<FileLog>(options, std::move(directory));
  return {};
}

}  // namespace starling::engine
