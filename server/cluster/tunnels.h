// Clients of other nodes, whose requests were forwarded here: each has a Client of its own without a socket,
// so that its requests run through the same gates as any other's and are answered in order.
//
//   bus frame `forward`: origin:varint request     origin: the client's id at the other node. An empty
//   request: it went
//                                                  away
//   bus frame `forward reply`: the reply, as bytes
//
// Part of one loop's ClusterThread; its thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "resp/reply_scanner.h"
#include "server/bus/bus_links.h"

namespace starling::server {

class Client;
class IoThread;

class Tunnels;

// The end of one forwarded client. Owned by its Client.
class Tunnel {
 public:
  Tunnel(Tunnels& tunnels, LinkId link, uint64_t origin) : tunnels_(tunnels), link_(link), origin_(origin) {}
  ~Tunnel();

  void receive(uint64_t correlation, std::string_view request);
  // Hands what arrived to the client's parser. True when there was anything. Precondition: the client holds
  // no requests.
  bool feed(Client& client);
  // Takes replies off the client's output and sends those that are complete. False: the link is gone.
  bool deliver(std::string_view bytes);

 private:
  friend class Tunnels;
  Tunnels& tunnels_;
  const LinkId link_;
  const uint64_t origin_;
  uint64_t client_id_ = 0;
  std::string inbox_;
  std::deque<uint64_t> correlations_;  // Of requests not answered yet.
  resp::ReplyScanner scanner_;
  std::string reply_;  // The part of a reply that has left the client.
};

class Tunnels {
 public:
  Tunnels(IoThread& io_thread, BusLinks& links) : io_thread_(io_thread), links_(links) {}

  void on_forward(LinkId link, uint64_t correlation, std::string_view payload);
  // Clients of links that are gone are of no use to anybody.
  void close_idle(int64_t now_ms);
  size_t size() const { return by_origin_.size(); }

 private:
  friend class Tunnel;
  Client* find_or_open(LinkId link, uint64_t origin);

  IoThread& io_thread_;
  BusLinks& links_;
  absl::flat_hash_map<std::pair<LinkId, uint64_t>, uint64_t> by_origin_;  // To client ids.
};

}  // namespace starling::server
