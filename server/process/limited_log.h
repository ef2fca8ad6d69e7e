// Warnings that anybody who can connect may cause: some in a period, and then how many more there were. Any
// thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <string_view>

namespace starling::server {

class LimitedLog {
 public:
  // `now_ms` by the wall clock.
  void warn(int64_t now_ms, std::string_view text);

 private:
  static constexpr int64_t kPeriodMs = 10'000;
  static constexpr int kLinesPerPeriod = 10;

  std::mutex mutex_;
  int64_t period_ = 0;
  int lines_ = 0;  // Within the period, told or not.
};

}  // namespace starling::server
