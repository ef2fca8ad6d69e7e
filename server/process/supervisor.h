// Telling systemd, or whoever else started the server so, how far it is: datagrams to the socket that the variable
// NOTIFY_SOCKET names (sd_notify(3) describes the protocol).
#pragma once

#include <string_view>

namespace starling::server {

inline constexpr std::string_view kSupervisorReady = "READY=1";
inline constexpr std::string_view kSupervisorStopping = "STOPPING=1";

enum class Supervision { kNone = 0, kSystemd = 1, kAuto = 2 };

// Does nothing without a socket; `supervision` kSystemd says so in the log. Any thread.
void tell_supervisor(Supervision supervision, std::string_view state);

}  // namespace starling::server
