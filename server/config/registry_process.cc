#include "server/config/setting_spec.h"
#include "server/process/supervisor.h"

namespace starling::server {
namespace {

using enum SettingKind;

constexpr SettingChoice kLogLevels[] = {{"debug", static_cast<int>(LogLevel::kDebug)},
                                        {"verbose", static_cast<int>(LogLevel::kVerbose)},
                                        {"notice", static_cast<int>(LogLevel::kNotice)},
                                        {"warning", static_cast<int>(LogLevel::kWarning)}};

constexpr SettingChoice kSupervised[] = {{"no", static_cast<int>(Supervision::kNone)},
                                         {"systemd", static_cast<int>(Supervision::kSystemd)},
                                         {"auto", static_cast<int>(Supervision::kAuto)},
                                         {"upstart", static_cast<int>(Supervision::kAuto)}};

const SettingSpec kSettings[] = {
    {.name = "loglevel",
     .kind = kChoice,
     .default_text = "notice",
     .field = &Settings::log_level,
     .choices = kLogLevels,
     .documentation = "debug and verbose are for looking for a problem; notice says what an operator wants "
                      "to know; warning "
                      "only what needs attention."},
    {.name = "logfile",
     .kind = kText,
     .default_text = "\"\"",
     .field = &Settings::log_file,
     .flags = kFixed,
     .documentation = "File the log is appended to. Empty: standard output, where supervisors and containers "
                      "collect it. The file may be "
                      "rotated by renaming: a new one is created within a second."},
    {.name = "pidfile",
     .kind = kText,
     .default_text = "\"\"",
     .field = &Settings::pid_file,
     .flags = kProtectedSetting,
     .documentation = "File that holds the process id while the server runs. Empty: none."},
    {.name = "daemonize",
     .kind = kBoolean,
     .default_text = "no",
     .field = &Settings::daemonize,
     .flags = kFixed,
     .documentation =
         "Go on in the background, detached from the terminal; set logfile then, or the log is lost. Not for "
         "supervisors and containers, which expect the process to stay."},
    {.name = "supervised",
     .kind = kChoice,
     .default_text = "no",
     .field = &Settings::supervised,
     .flags = kFixed,
     .choices = kSupervised,
     .documentation = "Whom to tell that the server is ready and that it stops: systemd (Type=notify), or "
                      "auto: whoever has "
                      "set NOTIFY_SOCKET."},
    {.name = "shutdown-timeout",
     .kind = kInteger,
     .default_text = "10",
     .field = &Settings::shutdown_timeout_seconds,
     .maximum = std::numeric_limits<int32_t>::max(),
     .documentation = "Seconds that SHUTDOWN and SIGTERM give clients to read the replies that are due to "
                      "them. Data is safe either way."},
    {.name = "busy-reply-threshold",
     .alias = "lua-time-limit",
     .kind = kInteger,
     .default_text = "5000",
     .field = &Settings::busy_reply_threshold_ms,
     .maximum = std::numeric_limits<int32_t>::max(),
     .documentation =
         "A script that runs for more milliseconds has other clients answered BUSY until it ends, or "
         "SCRIPT KILL or SHUTDOWN NOSAVE ends it. In a cluster it is ended then. 0: never."},
    {.name = "lua-memory-limit",
     .kind = kMemory,
     .default_text = "256mb",
     .field = &Settings::lua_memory_bytes,
     .minimum = 1 << 20,
     .maximum = int64_t{1} << 30,
     .documentation =
         "What the interpreters of all loops may hold together: scripts and their values. A script that "
         "needs more is ended with an error."},
    {.name = "slowlog-log-slower-than",
     .kind = kInteger,
     .default_text = "10000",
     .field = &Settings::slowlog_threshold_us,
     .minimum = -1,
     .documentation = "SLOWLOG records commands that took longer than so many microseconds. 0: all; -1: "
                      "none. 10 ms is an age for a "
                      "command served from memory."},
    {.name = "slowlog-max-len",
     .kind = kInteger,
     .default_text = "128",
     .field = &Settings::slowlog_entries,
     .documentation = "Entries that SLOWLOG keeps; each costs memory until a newer one replaces it."},
    {.name = "latency-monitor-threshold",
     .kind = kInteger,
     .default_text = "0",
     .field = &Settings::latency_threshold_ms,
     .documentation =
         "LATENCY records events that took at least so many milliseconds. 0: off, nothing is measured."},
    {.name = "notify-keyspace-events",
     .kind = kEvents,
     .default_text = "\"\"",
     .field = &Settings::notify_events,
     .documentation = "Which changes of keys are published: K to channels by key, E to channels by event, "
                      "and of what kind: g generic, $ "
                      "strings, l lists, s sets, h hashes, z sorted sets, x expired, e evicted, t streams, m "
                      "misses, n new keys, A for all "
                      "but the last two. Empty: none, as each costs a publication for every write."},
};

}  // namespace

SettingSection process_settings() {
  return {"Process and logs", "How it runs, and what it tells.", kSettings};
}

}  // namespace starling::server
