#include "server/process/supervisor.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

#include "server/process/log.h"

namespace starling::server {
namespace {

// Empty, or what is wrong.
std::string send_state(std::string_view path, std::string_view state) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return "NOTIFY_SOCKET is too long";
  memcpy(address.sun_path, path.data(), path.size());
  // '@' stands for the zero byte of an abstract name.
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::strerror(errno);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const ssize_t sent = ::sendto(fd, state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                                reinterpret_cast<const sockaddr*>(&address), size);
  const int error = errno;
  ::close(fd);
  return sent < 0 ? std::strerror(error) : std::string();
}

}  // namespace

void tell_supervisor(Supervision supervision, std::string_view state) {
  if (supervision == Supervision::kNone) return;
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || *path == '\0') {
    if (supervision == Supervision::kSystemd && state == kSupervisorReady)
      log_text(LogLevel::kWarning,
               "supervised systemd: there is no NOTIFY_SOCKET, so nobody is told anything");
    return;
  }
  if (const std::string error = send_state(path, state); !error.empty())
    log_text(LogLevel::kWarning, "Telling the supervisor " + std::string(state) + " failed: " + error);
}

}  // namespace starling::server
