// The bus port: accepts connections of other nodes and spreads them over the loops, but for those that are introduced
// as ones for signs of life: their first bytes are looked at, and left for whoever gets them.
#pragma once

#include <cstddef>
#include <functional>
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
  using Adopt = std::function<void(AcceptedSocket socket)>;
  // `life_signs` may be empty: they go to the loops, too.
  BusListener(EventLoop& loop, std::vector<BusLoop> loops, Adopt life_signs = {});
  ~BusListener();

  // `addresses` as in Settings::bind: "-" before one that may be missing. Not ok: one that cannot be listened
  // on, and why; or none at all.
  engine::Status open(const std::vector<std::string>& addresses, int port, int backlog);

 private:
  class Waiting;

  void take(AcceptedSocket socket);
  void decide(Waiting& waiting);
  void spread(AcceptedSocket socket);
  void forget_decided();

  EventLoop& loop_;
  const Adopt life_signs_;
  std::vector<BusLoop> loops_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  size_t next_ = 0;
  std::vector<std::unique_ptr<Waiting>> waiting_;
  std::unique_ptr<Timer> timer_;
};

}  // namespace starling::server
