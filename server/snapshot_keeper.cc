#include "server/snapshot_keeper.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <vector>

#include "server/log.h"

namespace starling::server {
namespace {

namespace fs = std::filesystem;

bool is_snapshot_name(const std::string& name) {
  return name.size() == snapshot_name(0).size() && name[8] == 'T' && name.back() == 'Z';
}

void remove_oldest(const std::string& directory) {
  std::error_code error;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (is_snapshot_name(entry.path().filename())) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  for (size_t i = 0; i + SnapshotKeeper::kMaxSnapshots < found.size(); ++i) fs::remove_all(found[i], error);
}

engine::Status make_snapshot(engine::Engine& engine, const std::string& directory, int64_t now_ms) {
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
  if (status.ok()) {
    remove_oldest(all);
  } else {
    fs::remove_all(path, error);
  }
  return status;
}

}  // namespace

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

engine::Status SnapshotKeeper::take(engine::Engine& engine, const std::string& directory) {
  const int64_t now_ms = clock_.wall_ms();
  engine::Status status = make_snapshot(engine, directory, now_ms);
  log_text(status.ok() ? LogLevel::kNotice : LogLevel::kWarning,
           status.ok() ? "Snapshot " + directory + "/snapshots/" + snapshot_name(now_ms) + " is complete"
                       : "Snapshot failed: " + status.message());
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
