// A log directory on real files whose writes and syncs fail on demand.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/log/log_file.h"

namespace starling::engine {

struct LogFaults {
  std::atomic<uint64_t> bytes_left{UINT64_MAX};  // Writes beyond this fail with kNoSpace, after a part.
  std::atomic<bool> creation_fails{false};
  std::atomic<bool> sync_fails{false};
  std::atomic<int> syncs{0};
  std::atomic<int> creations{0};
};

class FaultyLogFile final : public LogFile {
 public:
  FaultyLogFile(std::unique_ptr<LogFile> file, std::shared_ptr<LogFaults> faults)
      : file_(std::move(file)), faults_(std::move(faults)) {}

  Status write_at(uint64_t offset, std::string_view bytes, uint64_t* written) override {
    const uint64_t allowed = std::min<uint64_t>(bytes.size(), faults_->bytes_left);
    if (faults_->bytes_left != UINT64_MAX) faults_->bytes_left -= allowed;
    Status status = file_->write_at(offset, bytes.substr(0, allowed), written);
    if (status.ok() && allowed < bytes.size()) return Status(StatusCode::kNoSpace, "injected");
    return status;
  }
  Status sync() override {
    ++faults_->syncs;
    return faults_->sync_fails ? Status(StatusCode::kIoError, "injected") : file_->sync();
  }
  Status truncate(uint64_t bytes) override { return file_->truncate(bytes); }
  Status read_at(uint64_t offset, uint64_t limit, std::string* bytes) override {
    return file_->read_at(offset, limit, bytes);
  }
  void forget_cached() override { file_->forget_cached(); }

 private:
  const std::unique_ptr<LogFile> file_;
  const std::shared_ptr<LogFaults> faults_;
};

class FaultyLogDirectory final : public LogDirectory {
 public:
  FaultyLogDirectory(std::unique_ptr<LogDirectory> directory, std::shared_ptr<LogFaults> faults)
      : directory_(std::move(directory)), faults_(std::move(faults)) {}

  Status list(std::vector<std::string>* names) override { return directory_->list(names); }
  Status open(const std::string& name, std::unique_ptr<LogFile>* file) override {
    return wrap(directory_->open(name, file), file);
  }
  Status create(const std::string& name, uint64_t bytes, std::unique_ptr<LogFile>* file) override {
    if (faults_->creation_fails) return Status(StatusCode::kNoSpace, "injected");
    ++faults_->creations;
    return wrap(directory_->create(name, bytes, file), file);
  }
  Status rename(const std::string& from, const std::string& to) override {
    return directory_->rename(from, to);
  }
  Status remove(const std::string& name) override { return directory_->remove(name); }
  Status sync() override { return directory_->sync(); }

 private:
  Status wrap(Status status, std::unique_ptr<LogFile>* file) {
    if (status.ok()) *file = std::make_unique<FaultyLogFile>(std::move(*file), faults_);
    return status;
  }

  const std::unique_ptr<LogDirectory> directory_;
  const std::shared_ptr<LogFaults> faults_;
};

}  // namespace starling::engine
