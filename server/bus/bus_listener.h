// The bus port: accepts connections of other nodes and spreads them over the loops.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/status.h"
#include "server/bus/bus_links.h"
#include "server/net/event_loop.h"
#include "server/net/listener.h"

namespace starling::server {

// A loop and its links, which live until the loop has stopped.
struct BusLoop {
  EventLoop* loop;
  BusLinks* links;
};

// Owned by the thread of the loop that accepts.
class BusListener {
 public:
  BusListener(EventLoop& loop, std::vector<BusLoop> loops);

  // `addresses` as in Settings::bind: "-" before one that may be missing. Not ok: one that cannot be listened
  // on, and why; or none at all.
  engine::Status open(const std::vector<std::string>& addresses, int port, int backlog);

 private:
  void spread(AcceptedSocket socket);

  EventLoop& loop_;
  std::vector<BusLoop> loops_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  size_t next_ = 0;
};

}  // namespace starling::server
