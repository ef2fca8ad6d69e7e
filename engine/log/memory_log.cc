#include "engine/log/memory_log.h"

#include <algorithm>

namespace starling::engine {

Status MemoryLog::recover(uint64_t first_segment, const FrameVisitor& visit,
                          const ProgressVisitor& progress) {
  const std::lock_guard lock(mutex_);
  auto& segments = disk_->segments;
  const uint64_t last = segments.empty() ? 0 : segments.rbegin()->first;
  segments.erase(segments.begin(), segments.lower_bound(first_segment));
  size_t done = 0;
  for (const auto& [number, frames] : segments) {
    for (const std::string& frame : frames)
      if (Status status = visit(number, frame); !status.ok()) return status;
    if (progress && segments.size() <= 20) progress(++done, segments.size());
  }
  current_ = std::max<uint64_t>({last + 1, first_segment, 1});
  segments[current_];
  return {};
}

LogPosition MemoryLog::append(std::string_view payload) {
  const std::lock_guard lock(mutex_);
  pending_.emplace_back(payload);
  return appended_ += payload.size();
}

Status MemoryLog::dead_status() const {
  return Status(StatusCode::kIoError, "commit log is dead");
}

Status MemoryLog::flush() {
  const std::lock_guard lock(mutex_);
  return flush_locked();
}

Status MemoryLog::flush_locked() {
  if (dead_) return dead_status();
  healthy_ = !full_;
  if (full_) return Status(StatusCode::kNoSpace, "commit log: no space");
  for (std::string& frame : pending_) {
    written_ += frame.size();
    disk_->segments[current_].push_back(std::move(frame));
    ++unsynced_frames_;
  }
  pending_.clear();
  return {};
}

Status MemoryLog::sync() {
  const std::lock_guard lock(mutex_);
  const Status flushed = flush_locked();
  if (sync_fails_) dead_ = true;
  if (dead_) return dead_status();
  unsynced_frames_ = 0;
  durable_ = written_;
  return flushed;
}

LogPosition MemoryLog::appended() const {
  const std::lock_guard lock(mutex_);
  return appended_;
}

LogPosition MemoryLog::written() const {
  const std::lock_guard lock(mutex_);
  return written_;
}

LogPosition MemoryLog::durable() const {
  const std::lock_guard lock(mutex_);
  return durable_;
}

bool MemoryLog::dead() const {
  std::lock_guard lock(mutex_);
  return dead_;
}

bool MemoryLog::healthy() const {
  const std::lock_guard lock(mutex_);
  return healthy_ && !dead_;
}

bool MemoryLog::over_limit() const {
  const std::lock_guard lock(mutex_);
  return appended_ - written_ > options_.pending_limit_bytes;
}

Status MemoryLog::rotate(uint64_t* new_segment) {
  const std::lock_guard lock(mutex_);
  if (Status status = flush_locked(); !status.ok()) return status;
  *new_segment = ++current_;
  disk_->segments[current_];
  return {};
}

Status MemoryLog::drop_before(uint64_t segment) {
  const std::lock_guard lock(mutex_);
  auto& segments = disk_->segments;
  segments.erase(segments.begin(), segments.lower_bound(std::min(segment, current_)));
  size_t frames = 0;
  for (const auto& [number, left] : segments) frames += left.size();
  unsynced_frames_ = std::min(unsynced_frames_, frames);
  return {};
}

uint64_t MemoryLog::current_segment() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

uint64_t MemoryLog::live_bytes() const {
  const std::lock_guard lock(mutex_);
  uint64_t bytes = appended_ - written_;
  for (const auto& [number, frames] : disk_->segments)
    for (const std::string& frame : frames) bytes += frame.size();
  return bytes;
}

void MemoryLog::crash(size_t surviving_frames) {
  const std::lock_guard lock(mutex_);
  dead_ = true;
  size_t lost = unsynced_frames_ - std::min(unsynced_frames_, surviving_frames);
  for (auto segment = disk_->segments.rbegin(); segment != disk_->segments.rend() && lost > 0; ++segment) {
    auto& frames = segment->second;
    const size_t count = std::min(lost, frames.size());
    frames.resize(frames.size() - count);
    lost -= count;
  }
}

void MemoryLog::set_full(bool full) {
  const std::lock_guard lock(mutex_);
  full_ = full;
}

void MemoryLog::fail_next_sync() {
  const std::lock_guard lock(mutex_);
  sync_fails_ = true;
}

}  // namespace starling::engine
