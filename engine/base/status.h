// The result of an operation that can fail for reasons outside the program (disk full, corrupt file, bad
// input). What cannot happen is asserted instead (STARLING_ASSERT in engine/base/assert.h, kept in release
// builds).
#pragma once

#include <string>
#include <utility>

namespace starling::engine {

enum class StatusCode { kOk, kNoSpace, kIoError, kCorrupt, kLocked, kNewerFormat, kInvalid };

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  // Says what failed, on which file, with the system's reason. Empty when ok().
  const std::string& message() const { return message_; }

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

}  // namespace starling::engine
