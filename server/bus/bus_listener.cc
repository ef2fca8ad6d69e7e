#include "server/bus/bus_listener.h"

#include <utility>

#include "server/process/log.h"

namespace starling::server {

BusListener::BusListener(EventLoop& loop, std::vector<BusLoop> loops)
    : loop_(loop), loops_(std::move(loops)) {}

engine::Status BusListener::open(const std::vector<std::string>& addresses, int port, int backlog) {
  for (std::string address : addresses) {
    const bool optional = address.starts_with('-');
    if (optional) address.erase(0, 1);
    int fd = -1;
    engine::Status status = listen_tcp(address, port, backlog, &fd);
    if (status.ok()) {
      listeners_.push_back(std::make_unique<Listener>(
          loop_, fd, false, "", [this](AcceptedSocket socket) { spread(std::move(socket)); }));
    } else if (optional) {
      log_text(LogLevel::kVerbose, "Bus: " + status.message() + "; going on without it");
    } else {
      return status;
    }
  }
  if (listeners_.empty()) return {engine::StatusCode::kInvalid, "no address for the bus port to listen on"};
  return {};
}

void BusListener::spread(AcceptedSocket socket) {
  const BusLoop& to = loops_[next_++ % loops_.size()];
  if (to.loop == &loop_) return to.links->adopt(std::move(socket));
  to.loop->post([links = to.links, socket = std::move(socket)] { links->adopt(socket); });
}

}  // namespace starling::server
