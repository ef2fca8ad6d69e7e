#include "server/snapshot_keeper.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <memory>
#include <system_error>

#include "engine/node/data_directory.h"
#include "server/execute/function_file.h"
#include "server/execute/user_file.h"
#include "server/process/log.h"

namespace starling::server {
namespace {

namespace fs = std::filesystem;

bool is_snapshot_name(const std::string& name) {
  return name.size() == snapshot_name(0).size() && name[8] == 'T' && name.back() == 'Z';
}

uint64_t bytes_of_files(const fs::path& path) {
  uint64_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    std::error_code ignored;
    if (at->is_regular_file(ignored)) bytes += at->file_size(ignored);
  }
  return bytes;
}

engine::Status make_snapshot(engine::Engine& engine, const std::string& directory, int64_t now_ms,
                             size_t keep) {
  // Memory mode is told apart before anything is made.
  if (!engine.options().durable) {
    return {engine::StatusCode::kInvalid, "storage memory keeps nothing on disk"};
  }
  std::error_code error;
  const std::string all = directory + "/snapshots";
  fs::create_directories(all, error);
  if (error) return {engine::StatusCode::kIoError, all + ": " + error.message()};
  const std::string path = all + "/" + snapshot_name(now_ms);
  engine::Status status = engine.snapshot(path);
  if (status.ok()) status = copy_functions(directory, path);
  if (status.ok()) status = copy_users(directory, path);
  if (status.ok()) {
    drop_oldest_snapshots(directory, keep);
  } else {
    fs::remove_all(path, error);
  }
  return status;
}

}  // namespace

std::vector<SnapshotEntry> list_snapshots(const std::string& directory) {
  std::error_code error;
  std::vector<SnapshotEntry> found;
  for (fs::directory_iterator at(directory + "/snapshots", error), end; !error && at != end;
       at.increment(error)) {
    const fs::path& path = at->path();
    if (!is_snapshot_name(path.filename())) continue;
    std::error_code ignored;
    found.push_back({path.filename(), bytes_of_files(path), fs::exists(path / "actor", ignored)});
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return found;
}

engine::Status drop_snapshot(const std::string& directory, const std::string& name) {
  const fs::path path = fs::path(directory) / "snapshots" / name;
  std::error_code error;
  if (!is_snapshot_name(name) || name.find('/') != std::string::npos || !fs::is_directory(path, error))
    return {engine::StatusCode::kInvalid, "no such snapshot"};
  std::unique_ptr<engine::DirectoryLock> lock;
  if (engine::Status status = engine::DirectoryLock::acquire(path, 0, &lock);
      status.code() == engine::StatusCode::kLocked)
    return {status.code(), "a server runs on this snapshot"};
  fs::remove_all(path, error);
  return error ? engine::Status(engine::StatusCode::kIoError, error.message()) : engine::Status();
}

void drop_oldest_snapshots(const std::string& directory, size_t keep) {
  std::vector<SnapshotEntry> found = list_snapshots(directory);
  std::erase_if(found, [](const SnapshotEntry& snapshot) { return snapshot.started; });
  for (size_t i = 0; i + keep < found.size(); ++i) {
    const engine::Status status = drop_snapshot(directory, found[i].name);
    if (!status.ok())
      log_text(LogLevel::kWarning, "Snapshot " + found[i].name + " stays: " + status.message());
  }
}

std::string snapshot_name(int64_t time_ms) {
  const std::time_t seconds = time_ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char date[32], name[48];
  std::strftime(date, sizeof date, "%Y%m%dT%H%M%S", &parts);
  std::snprintf(name, sizeof name, "%s.%03dZ", date, static_cast<int>(time_ms % 1000));
  return name;
}

bool SnapshotKeeper::begin() {
  std::lock_guard lock(mutex_);
  if (status_.running) return false;
  status_.running = true;
  begin_us_ = clock_.monotonic_us();
  return true;
}

void SnapshotKeeper::count_bytes(const std::string& directory) {
  uint64_t bytes = 0;
  for (const SnapshotEntry& snapshot : list_snapshots(directory)) bytes += snapshot.bytes;
  std::lock_guard lock(mutex_);
  status_.bytes = bytes;
}

void SnapshotKeeper::end_drop(const std::string& directory) {
  count_bytes(directory);
  std::lock_guard lock(mutex_);
  status_.running = false;
}

engine::Status SnapshotKeeper::take(engine::Engine& engine, const std::string& directory, size_t keep) {
  const int64_t now_ms = clock_.wall_ms();
  engine::Status status = make_snapshot(engine, directory, now_ms, keep);
  log_text(status.ok() ? LogLevel::kNotice : LogLevel::kWarning,
           status.ok() ? "Snapshot " + directory + "/snapshots/" + snapshot_name(now_ms) + " is complete"
                       : "Snapshot failed: " + status.message());
  count_bytes(directory);
  std::lock_guard lock(mutex_);
  status_.running = false;
  status_.last_ok = status.ok();
  status_.last_duration_seconds = (clock_.monotonic_us() - begin_us_) / 1'000'000;
  if (status.ok()) {
    status_.last_time_ms = now_ms;
    ++status_.count;
  }
  return status;
}

SnapshotStatus SnapshotKeeper::status() const {
  std::lock_guard lock(mutex_);
  SnapshotStatus status = status_;
  if (status.running) status.running_seconds = (clock_.monotonic_us() - begin_us_) / 1'000'000;
  return status;
}

}  // namespace starling::server
