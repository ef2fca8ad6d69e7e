// One loop's connections to the other nodes: a link to every known peer, and the links that peers opened to
// this loop. See README.md.
//
// Everything here runs on the loop's thread; nothing is shared between loops. A link carries frames in order;
// frames of different links, also of the two directions between two nodes, are not ordered among each other.
// A frame that was accepted may be lost, with its link: whoever waits for an answer learns of it by
// on_disconnected() or by its own deadline, and then knows nothing about the fate of what it asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "cluster/wire/frame.h"
#include "cluster/wire/handshake.h"
#include "cluster/wire/node_id.h"
#include "cluster/wire/piece.h"
#include "server/metrics/statistics.h"
#include "server/net/connection.h"
#include "server/net/event_loop.h"

namespace starling::server {

class BusLink;

// Within one loop. Never used again for another link.
using LinkId = uint64_t;

// A node to keep a link to. `address`: "host:port" of its bus port, IPv6 in brackets; names are resolved
// anew at every attempt.
struct BusPeer {
  cluster::NodeId id;
  std::string address;

  bool operator==(const BusPeer&) const = default;
};

struct BusOptions {
  std::string secret;  // 'cluster-secret'; empty: no proof is asked for or given.
  // Bytes that may wait on one link. A frame that does not fit is refused, except on an empty queue.
  size_t queue_bytes = 64 << 20;
  // The same of large frames (cluster/wire/piece.h), which others do not wait for.
  size_t lane_bytes = size_t{1} << 30;
  size_t largest_frame_bytes = cluster::kLargestFrameBytes;
  // From connecting, or being connected to, until the handshake is done.
  int64_t handshake_timeout_ms = 3000;
  // A link with bytes waiting, of which the peer took none for so long, is cut.
  int64_t stall_timeout_ms = 10000;
  // A link that heard nothing for the first asks with a ping; if the ping is sent and nothing comes for the
  // second, the link is cut.
  int64_t ping_after_ms = 2000;
  int64_t silence_timeout_ms = 10000;
  // Between attempts to connect: doubled from the first to the last, each drawn from its upper half.
  int64_t first_retry_ms = 50;
  int64_t last_retry_ms = 3000;
  // After a handshake that was refused.
  int64_t refused_retry_ms = 5000;
  int keepalive_seconds = 60;
  // Whether links that come and go are notices in the log; else they are details. One loop's suffice.
  bool log_links = true;
  // Incoming links of this loop, and those of them whose handshake is not done. More are closed.
  size_t max_incoming = 4096;
  size_t max_strangers = 64;
};

// Who receives. Called on the loop's thread; may call everything of BusLinks except its destructor.
class BusHandler {
 public:
  virtual ~BusHandler() = default;

  // What this node's monotonic clock shows, in microseconds: told to peers, which never compare it with their own.
  virtual int64_t clock_us() = 0;

  // What this node says of itself in the next handshake. `address` must be one that others can reach.
  virtual cluster::Introduction introduction() = 0;
  // Called when a peer has proved itself. Text: it is refused, for this reason, which reads after "it": "was
  // removed from the cluster".
  virtual std::optional<std::string> objection(const cluster::Introduction& peer) = 0;

  // The link to `peer` is up: send() reaches it. Also for a node found by a seed's address, which may not be
  // known yet.
  virtual void on_connected(const cluster::Introduction& peer) = 0;
  // The link that on_connected() spoke of is gone; what was sent may or may not have arrived.
  virtual void on_disconnected(const cluster::NodeId& peer, const std::string& reason) = 0;
  // A peer, perhaps not known yet, opened a link to this loop. Nothing is told when it goes.
  virtual void on_accepted(const cluster::Introduction& peer, LinkId link) = 0;

  // Any frame that is not the bus's own (handshake, ping, pong). `payload` is valid during the call. `link`
  // takes a reply, whichever side opened it.
  virtual void on_frame(const cluster::NodeId& peer, LinkId link, cluster::FrameKind kind,
                        uint64_t correlation, std::string_view payload) = 0;

  // Anything has come from the peer. Not told more often than a few times a second.
  // `answers`: on the link to it, on which everything answers something; so it hears this node, too.
  virtual void on_heard(const cluster::NodeId&, bool /*answers*/) {}
  // A part of a large frame has come.
  virtual void on_receiving(const cluster::NodeId&, cluster::FrameKind, uint64_t) {}
  // A part of a large frame has gone. With an age: the last one; by so much later than it was queued, in microseconds.
  // From within flush().
  virtual void on_sending(const cluster::NodeId&, LinkId, cluster::FrameKind, uint64_t,
                          std::optional<int64_t>) {}
};

// Counted by the loop, read by any thread.
struct BusStatistics {
  Counter frames_sent, bytes_sent, frames_received, bytes_received;
  Counter connects, losses;    // Links whose handshake was done.
  Counter handshakes_refused;  // By this node or by the other.
  Counter frames_refused;      // By a full queue, or for want of a link.
  Counter stalled_links;       // Cut because the peer stopped reading.
  Counter queued_bytes;        // Now, of all links.
  Counter links;               // Now, with the handshake done.
};

// The state of one link that this node keeps, for reports.
struct BusTargetReport {
  cluster::NodeId id;  // Not valid: a seed that was never reached.
  std::string address;
  bool connected = false;
  std::string last_failure;  // Empty: none since it was last connected.
  bool is_self = false;      // A seed that is this node.
  size_t queued_bytes = 0;
};

// A link that is up, whichever side opened it.
struct BusLinkReport {
  cluster::NodeId peer;
  bool outgoing = false;
  int64_t up_for_ms = 0;
  size_t queued_bytes = 0;
};

class BusLinks {
 public:
  // `handler` outlives this. The loop is not running, or this is its thread.
  BusLinks(EventLoop& loop, BusHandler& handler, BusOptions options);
  // Closes all links without telling the handler.
  ~BusLinks();
  BusLinks(const BusLinks&) = delete;
  BusLinks& operator=(const BusLinks&) = delete;

  // Keeps links to exactly these nodes (not to this node itself; the caller leaves it out). A link to a node
  // that is no longer listed, or moved, is closed and reported.
  void set_peers(const std::vector<BusPeer>& peers);
  // Addresses to try while it is not known who lives there. One that turns out to be this node itself is
  // tried again once a minute; one of a node that is linked already rests until that link is lost.
  void set_seeds(const std::vector<std::string>& addresses);

  // Queues a frame on the link to `peer`. False: there is no link, or its queue is full; nothing was sent.
  // Large frames are overtaken by others, unless `order` is not 0 and the same: from then on they are in order.
  [[nodiscard]] bool send(const cluster::NodeId& peer, cluster::FrameKind kind, uint64_t correlation,
                          std::string_view payload, uint64_t order = 0);
  // Without a copy, where it is large.
  [[nodiscard]] bool send_shared(const cluster::NodeId& peer, cluster::FrameKind kind, uint64_t correlation,
                                 cluster::SharedBytes payload, uint64_t order = 0);
  // Queues a frame on the link that a frame came from. False as for send().
  [[nodiscard]] bool reply(LinkId link, cluster::FrameKind kind, uint64_t correlation,
                           std::string_view payload);
  [[nodiscard]] bool reply_shared(LinkId link, cluster::FrameKind kind, uint64_t correlation,
                                  cluster::SharedBytes payload);
  // Takes back a large frame of which not all has left: it never arrives. False: there is none.
  bool withdraw(LinkId link, cluster::FrameKind kind, uint64_t correlation);
  // Within on_frame(): for how long the frame was under way at its sender before all of it had left (0 unless it was
  // large); and its payload, for whoever keeps it. Nothing: it must be copied.
  int64_t frame_age_us() const { return frame_age_us_; }
  std::optional<std::string> take_payload();
  bool connected(const cluster::NodeId& peer) const;
  // There is a link to it, whose queue has no room for so many bytes more: it will, or the link is cut.
  bool full(const cluster::NodeId& peer, size_t bytes) const;
  // What the node that the link leads to has said of its life (handshake.h); 0: there is no link.
  uint64_t life_of(const cluster::NodeId& peer) const;
  // The version of the protocol on the link to it; 0: there is none.
  uint32_t version_of(const cluster::NodeId& peer) const;
  // What the clock of the peer (BusHandler::clock_us) shows at least when this node's shows `local_us`
  // (peer_clock.h). Nothing: there is no link.
  std::optional<int64_t> peer_time_us(const cluster::NodeId& peer, int64_t local_us) const;
  // Where what was sent to the peer so far ends.
  struct Sent {
    LinkId link = 0;  // 0: there is none.
    uint64_t until = 0;
  };
  Sent sent(const cluster::NodeId& peer) const;
  // The link is there, and the peer's system has all that was sent on it up to there.
  bool arrived(const Sent& sent) const;
  // Closes the link, if it is there, unless that arrived: nothing of what waits on it ever does. Not where something
  // has arrived in the last `still_ms`: the peer is slow then, and has more than that to hear.
  void reset_unless_arrived(const Sent& sent, int64_t still_ms, const std::string& reason);
  // The last attempt to connect to it found nobody listening.
  bool refuses(const cluster::NodeId& peer) const;
  // The link, opened by whichever side, is there.
  bool alive(LinkId link) const { return links_.contains(link); }

  // The node has shown itself, on whichever loop: if there is no link to it, the next attempt is at the next
  // tick, however long the last failure would have it wait.
  void hasten(const cluster::NodeId& peer);

  // Takes a connection that a listener accepted.
  void adopt(AcceptedSocket socket);

  // Writes what was queued, and destroys closed links. At the end of every pass of the loop.
  void flush();

  const BusStatistics& statistics() const { return statistics_; }
  std::vector<BusTargetReport> report() const;
  std::vector<BusLinkReport> links() const;

 private:
  friend class BusLink;
  struct Target;

  // What links tell.
  cluster::Handshake::Options handshake_options(const BusLink& link);
  // What is said against a process under the id of a node that is connected.
  // `from`: where the connection comes from.
  std::optional<std::string> twin_objection(const cluster::Introduction& peer, const std::string& from);
  void on_link_up(BusLink& link);
  void on_link_down(BusLink& link, bool was_up, const std::string& reason);
  void note_queue(int64_t change) { statistics_.queued_bytes.add(static_cast<uint64_t>(change)); }
  void output_pending(BusLink& link);

  BusLink* find_up(const cluster::NodeId& peer) const;
  Target* find_target(const cluster::NodeId& peer);
  bool count_send(bool accepted);
  void connect(Target& target);
  bool found(const Target& target) const;
  bool rests(const Target& target) const;
  void give_link(BusLink& link, Target* target);
  void drop_target(Target& target, const std::string& reason);
  void retry_later(Target& target);
  void log_refusal(const BusLink& link, const std::string& reason);
  void log_failure(Target& target, const BusLink& link, std::string reason);
  void on_tick();
  void tick_every(int64_t period_ms);
  // Something of a few milliseconds' time is under way or due.
  bool busy() const;

  EventLoop& loop_;
  BusHandler& handler_;
  const BusOptions options_;
  BusStatistics statistics_;
  // This object's own time: it goes on only while the loop does, so a process that was stopped or starved
  // does not blame its peers.
  int64_t now_ms_ = 0;
  LinkId last_link_id_ = 0;
  // Of the frame that the handler is given.
  std::string* assembled_ = nullptr;
  int64_t frame_age_us_ = 0;
  absl::flat_hash_map<LinkId, std::unique_ptr<BusLink>> links_;
  absl::flat_hash_map<cluster::NodeId, BusLink*> up_;  // To peers, handshake done.
  std::vector<std::unique_ptr<Target>> targets_;
  std::vector<BusLink*> outputs_;  // Have bytes to write.
  std::vector<BusLink*> closed_;   // To be destroyed at the end of the pass.
  size_t incoming_ = 0, strangers_ = 0;
  int refusal_lines_ = 0;                                    // Logged within this period.
  absl::flat_hash_map<std::string, int64_t> refusals_told_;  // Host and reason, and when.
  std::unique_ptr<Timer> tick_timer_;
  int64_t tick_ms_ = 0;  // Its period.
};

}  // namespace starling::server
