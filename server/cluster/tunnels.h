// Clients of other nodes, whose requests were forwarded here: each has a Client of its own without a socket,
// so that its requests run through the same gates as any other's and are answered in order.
//
//   bus frame `forward`         forward_frame.h
//   bus frame `forward reply`   the reply, as bytes
//
// This loop's own clients use tunnels too, for commands of which only a part runs here: then there is no
// link, and the replies are handed to the owner.
//
// What changes something is remembered (operation_table.h) until its asker has the answer. So a forwarded
// client whose link broke still runs what had come, and an operation that is asked for again is not run
// again.
//
// Part of one loop's ClusterThread; its thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "resp/reply_scanner.h"
#include "server/bus/bus_links.h"
#include "server/cluster/forward_frame.h"
#include "server/cluster/operation_table.h"

namespace starling::server {

class Client;
class IoThread;

class Tunnels;

// In place of a link's number: of clients of this loop.
inline constexpr LinkId kOwnLink = 0;

// The end of one forwarded client. Owned by its Client.
class Tunnel {
 public:
  Tunnel(Tunnels& tunnels, LinkId link, uint64_t origin) : tunnels_(tunnels), link_(link), origin_(origin) {}
  ~Tunnel();

  // `owned`: the memory that the frame is in, if it may be kept.
  void receive(uint64_t correlation, const ForwardFrame& frame, std::optional<std::string> owned);
  bool has_input() const { return !inbox_.empty(); }
  // Its node is to wait on: what it has asked for is large, and goes on.
  void tell_working();
  // Of the next of its requests, which are taken in the order in which they came: from when on it is not run.
  int64_t take_deadline_us();
  // Of the request that runs: that, and for how long it had waited for its keys when it was sent.
  void run_until(int64_t deadline_us, int64_t waited_us) {
    deadline_us_ = deadline_us;
    waited_us_ = waited_us;
  }
  int64_t deadline_us() const { return deadline_us_; }
  int64_t waited_us() const { return waited_us_; }
  // Nobody there can be given anything.
  bool link_lost() const;
  // Of whose client: by its link and its id there.
  LinkId link() const { return link_; }
  uint64_t origin() const { return origin_; }
  // Hands what arrived to the client's parser. Precondition: none of the client's requests is held, or in the
  // batch that is executed: they are views of the parser's memory.
  void feed(Client& client);
  // Takes replies off the client's output and sends those that are complete. False: the link is gone, and
  // nothing that must be run is left.
  bool deliver(std::string_view bytes);
  // Nothing waits for an answer.
  bool idle() const { return requests_.empty() && unsent_.empty(); }
  // Answers wait for room on the link: nothing more is executed for its client meanwhile.
  bool blocked() const { return !unsent_.empty(); }
  // Sends what waits, as far as there is room. True: nothing waits any more.
  bool send_unsent();

 private:
  friend class Tunnels;
  struct Request {
    uint64_t correlation;
    uint64_t life;  // 0: not remembered.
    int replies;    // Still to come.
  };
  struct Deadline {
    int64_t at_us;
    int requests;  // Of the frame, not taken yet.
  };
  bool must_go_on() const;
  void answer(uint64_t correlation);
  Tunnels& tunnels_;
  const LinkId link_;
  const uint64_t origin_;
  uint64_t client_id_ = 0;
  std::string inbox_;
  size_t inbox_from_ = 0;         // What is before that is no input.
  std::deque<Request> requests_;  // Not answered yet.
  std::deque<Deadline> deadlines_;
  int64_t deadline_us_ = 0, waited_us_ = 0;  // Of the request that runs.
  bool link_gone_ = false;
  resp::ReplyScanner scanner_;
  std::string reply_;  // The part of a reply that has left the client.
  std::deque<std::pair<uint64_t, cluster::SharedBytes>> unsent_;  // By correlation, in order.
};

class Tunnels {
 public:
  // Gets the replies to requests of this loop's own.
  using OnOwnReply = std::function<void(uint64_t correlation, std::string_view reply)>;
  Tunnels(IoThread& io_thread, BusLinks& links, OperationTable& operations, OnOwnReply on_own_reply);

  // `age_us`, `owned`: BusLinks::frame_age_us() and take_payload().
  void on_forward(LinkId link, uint64_t correlation, std::string_view payload, int64_t age_us,
                  std::optional<std::string> owned);
  // Clients of links that are gone are of no use to anybody.
  void close_idle(int64_t now_ms);
  size_t size() const { return by_origin_.size(); }
  // At the end of a pass: answers that waited for room.
  void send_unsent();
  // No request is under way here.
  bool idle() const;

 private:
  friend class Tunnel;
  Client* find_or_open(LinkId link, uint64_t origin);
  // Whether it is to be run; if it ran before, its answer is seen to.
  bool begin(LinkId link, uint64_t correlation, const ForwardFrame& frame);
  bool answer(LinkId link, uint64_t correlation, std::string_view reply);
  bool answer_shared(LinkId link, uint64_t correlation, const cluster::SharedBytes& reply);

  IoThread& io_thread_;
  BusLinks& links_;
  OperationTable& operations_;
  const OnOwnReply on_own_reply_;
  absl::flat_hash_map<std::pair<LinkId, uint64_t>, uint64_t> by_origin_;  // To client ids.
  std::vector<uint64_t> blocked_;  // Clients whose answers wait for room.
};

}  // namespace starling::server
