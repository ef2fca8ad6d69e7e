// The server's log, one line a message in the form that readers of Redis's logs know:
//
//   line := pid ":M " day month year time mark message
//   mark := '.' debug | '-' verbose | '*' notice | '#' warning
//
//   4711:M 20 Nov 2026 08:36:12.123 * Ready to accept connections
//
// Any thread. Nothing a client sends can break the form: control characters become '?', lines have at most
// kMaxLogLineBytes. Above kMaxLogLinesPerSecond lines are dropped, and the next second says how many.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "engine/base/status.h"
#include "server/settings.h"

namespace starling::server {

class Config;

inline constexpr size_t kMaxLogLineBytes = 2048;
inline constexpr int kMaxLogLinesPerSecond = 1000;

// Starts writing to the configured logfile (standard output when empty) and follows CONFIG SET loglevel;
// before, notices go to standard output. Call once, before threads start; `config` must outlive the process's
// last set(). kIoError: the file cannot be opened for appending.
[[nodiscard]] engine::Status start_log(Config& config);

void set_log_level(LogLevel level);
bool log_enabled(LogLevel level);

// As printf.
[[gnu::format(printf, 2, 3)]] void log_line(LogLevel level, const char* format, ...);
void log_text(LogLevel level, std::string_view message);

}  // namespace starling::server
