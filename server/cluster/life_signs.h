// That this process lives, told to the other nodes by a thread and connections of their own: neither waits behind bulk,
// nor behind a loop that is busy with one long command.
//
//   outgoing   a link to each peer, over which it is asked for a sign of life (a ping) several times a second
//   incoming   those that peers open for the same: their introductions say so (Introduction::life_signs)
//
// What comes on either is told to ClusterNode::on_heard(). Nothing else is said on them.
//
// A process whose loops stand still for longer than a command may take is not one that lives: then these links end,
// until its loops turn again.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "server/bus/bus_links.h"
#include "server/net/event_loop.h"

namespace starling::server {

class ClusterNode;

class LifeSigns final : private BusHandler {
 public:
  // `watched`: the loops that must turn.
  LifeSigns(ClusterNode& node, const BusOptions& options, std::vector<EventLoop*> watched);
  ~LifeSigns() override;  // The loops have ended.

  void start();

  // Any thread.
  void set_peers(std::vector<BusPeer> peers);
  void adopt(AcceptedSocket socket);

 private:
  int64_t clock_us() override;
  cluster::Introduction introduction() override;
  std::optional<std::string> objection(const cluster::Introduction&) override { return std::nullopt; }
  void on_connected(const cluster::Introduction& peer) override;
  void on_disconnected(const cluster::NodeId& peer, const std::string&) override;
  void on_accepted(const cluster::Introduction& peer, LinkId) override;
  void on_frame(const cluster::NodeId& peer, LinkId link, cluster::FrameKind kind, uint64_t correlation,
                std::string_view payload) override;
  void on_heard(const cluster::NodeId& peer, bool answers) override;

  void open_links();
  void watch();

  ClusterNode& node_;
  const BusOptions options_;
  EventLoop loop_;
  std::optional<BusLinks> links_;  // Nothing: the loops stand still.
  std::vector<BusPeer> peers_;
  std::unique_ptr<Timer> watch_timer_;
  struct Watched {
    EventLoop* loop;
    std::shared_ptr<std::atomic<int64_t>> turned_us;  // When it last turned.
    std::shared_ptr<std::atomic<bool>> asked;
  };
  std::vector<Watched> watched_;
  int64_t last_watch_us_ = 0;
  std::thread thread_;
};

}  // namespace starling::server
