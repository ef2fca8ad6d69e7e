// Changes of users, told to all nodes that can be reached before the client is answered. Who cannot is told when it
// is back (state_exchange.h).
//
//   message := %x06 token u64 state      these are the users; say when you know it
//            | %x07 token u64            I do: it is on the disk, and nobody goes on here who may not any more
//
// On the first loop.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string_view>

#include "cluster/wire/node_id.h"

namespace starling::server {

class BusLinks;
class ClusterNode;
class Server;

class UserTelling {
 public:
  // How many of the nodes that it was sent to have not said that they know it, when their time was up.
  using Done = std::function<void(size_t silent)>;

  // There is one for a process, as there is one server.
  static UserTelling& of_process();
  // Before any of what follows. All outlive the loops. `links`: of the first one.
  void serve(Server& server, const ClusterNode& node, BusLinks& links);

  // Tells the users as they are now. `done` on the first loop.
  void tell(Done done);
  void receive(const cluster::NodeId& peer, std::string_view message);
  // Several times a second.
  void on_tick();

 private:
  struct Told {
    std::set<cluster::NodeId> left;  // Who have not answered.
    int64_t until_us = 0;
    Done done;
  };

  void answer(const cluster::NodeId& peer, uint64_t token);
  bool can_be_reached(const cluster::NodeId& peer) const;
  void end(std::map<uint64_t, Told>::iterator told);

  UserTelling() = default;

  Server* server_ = nullptr;
  const ClusterNode* node_ = nullptr;
  BusLinks* links_ = nullptr;
  uint64_t next_token_ = 1;
  std::map<uint64_t, Told> told_;
};

}  // namespace starling::server
