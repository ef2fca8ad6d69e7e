#include "server/process/limited_log.h"

#include <string>

#include "server/process/log.h"

namespace starling::server {

void LimitedLog::warn(int64_t now_ms, std::string_view text) {
  int untold = 0;
  {
    std::lock_guard lock(mutex_);
    if (const int64_t period = now_ms / kPeriodMs; period != period_) {
      untold = lines_ - kLinesPerPeriod;
      period_ = period;
      lines_ = 0;
    }
    if (++lines_ > kLinesPerPeriod) return;
  }
  if (untold > 0)
    log_text(LogLevel::kWarning, std::to_string(untold) + " more lines like the next were left out");
  log_text(LogLevel::kWarning, text);
}

}  // namespace starling::server
