// Which nodes there are and which of them answer, as one node sees it: gossip and failure detection.
//
// A pure state machine. The owner calls tick() every interval, hands in what peers sent and what it noticed
// on its connections, and sends what comes back. Times are the owner's monotonic clock, in microseconds;
// clocks of different nodes are never compared. One thread; a reader on another needs a copy of members().
//
// Who may say what. The owner vouches for senders: a connection has proved which node is at its other end. What
// a node is (its incarnation, its description, whom it suspects) is believed of the node itself; of others only
// how far its heartbeat has come, so nobody is called dead, or moved, or brought back, by a third party's word.
// A third party that knows more is a reason to ask. A node of which others tell, and which this one has never
// met, is a rumour: it is looked for, and counts for nothing. Once the members of the cluster are known
// (set_members) nobody else has a say in who is down, and few others are kept at all.
//
// States of a peer, always this node's own opinion:
//   alive    heard of within its deadline, and its answers reach us
//   suspect  silent past its deadline, or it does not answer us although others hear it: route around it
//   down     silent, and another node says so too; left only by the peer itself, with a higher incarnation
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/membership/arrival_gaps.h"
#include "cluster/membership/gossip_messages.h"
#include "cluster/wire/node_id.h"
#include "engine/base/clock.h"
#include "engine/base/status.h"

namespace starling::cluster {

struct GossipSettings {
  int64_t interval_us = 200'000;
  uint32_t fanout = 1;                 // peers drawn at random in each interval
  size_t digest_max_entries = 64;      // of one message; a bigger cluster is told in parts
  int64_t suspect_min_us = 1'000'000;  // bounds of the adaptive deadline
  int64_t suspect_max_us = 30'000'000;
  int64_t suspicion_lifetime_us = 10'000'000;  // without being repeated; at most 600 s
  int64_t pause_threshold_us = 1'000'000;      // an own tick this late means that this node slept
  size_t max_members = 4096;
  // Nodes that are none of the cluster's members, once those are known; and those that were only told of.
  size_t max_strangers = 64;
  size_t max_rumours = 64;
  int64_t rumour_lifetime_us = 30'000'000;
  int64_t stranger_lifetime_us = 60'000'000;  // of a stranger's silence
};

struct BusAddress {
  std::string host;
  uint16_t port = 0;

  bool operator==(const BusAddress&) const = default;
};

enum class Phase : uint8_t { kAlive, kSuspect, kDown };

struct GossipOutgoing {
  NodeId to;           // not valid(): to a seed whose id is unknown
  BusAddress address;  // of the bus
  std::string bytes;
};

enum class MembershipEventKind : uint8_t {
  kDiscovered,          // a node that was unknown so far; it counts as alive
  kSuspected,           // alive -> suspect
  kDown,                // suspect -> down
  kBack,                // suspect or down -> alive
  kDescriptionChanged,  // of a known node
  kRefuted,             // others suspected this node, or remember a later life: it raised its incarnation
  kForgotten,           // a node that is no member, for its silence
};

struct MembershipEvent {
  MembershipEventKind kind;
  NodeId node;
  int64_t silence_us = 0;  // kSuspected, kDown: since the last sign of life
};

// A peer's clocks, as bases of this node's monotonic clock (agreed_clock.h).
struct ClockMeasurement {
  NodeId node;
  ClockReading bases;
  int64_t error_us = 0;  // Half of the round trip.
};

// What a call wants done. The owner passes it in and empties it; calls append.
struct GossipOutput {
  std::vector<GossipOutgoing> messages;
  std::vector<MembershipEvent> events;
  std::vector<ClockMeasurement> clocks;
};

// A node that others tell of: where to look for it.
struct Rumour {
  NodeId id;
  BusAddress address;
};

struct MemberView {
  NodeId id;
  NodeDescription description;
  // One of the cluster's members; of a node that knows none yet, everybody it has met.
  bool counts = true;
  uint64_t incarnation = 0;
  uint64_t heartbeat = 0;
  Phase phase = Phase::kAlive;
  int64_t silence_us = 0;   // since the last sign of life, at the last tick
  int64_t deadline_us = 0;  // the silence past which it is suspect
  size_t accusers = 0;      // nodes that hear nothing of it, this one among them, as far as is known here
};

struct GossipFigures {
  uint64_t messages_sent = 0, messages_received = 0, bytes_sent = 0, bytes_received = 0;
  uint64_t messages_refused = 0;  // malformed, too new, or of a node that was removed
  // Over the last whole second.
  uint64_t messages_sent_per_s = 0, messages_received_per_s = 0, bytes_sent_per_s = 0,
           bytes_received_per_s = 0;
  size_t suspects = 0, down = 0;  // peers now in that phase
  uint64_t refutations = 0;
  uint64_t pauses = 0;            // own sleeps noticed
  int64_t last_detection_us = 0;  // last sign of life to kDown, of the last node declared down; 0: none yet
};

class Membership {
 public:
  // `random` must outlive this. first_incarnation: greater than in the node's earlier lives if possible (wall
  // clock milliseconds do); if it is not, the peers' memory corrects it. Precondition: the description is
  // well formed, first_incarnation is not 0 and below 2^61.
  Membership(const NodeId& self, NodeDescription description, uint64_t first_incarnation,
             const GossipSettings& settings, int64_t now_us, engine::Random& random);

  // Inputs.

  // An address to ask for members as long as none of the nodes known to be alive has it.
  void add_seed(const BusAddress& seed);
  // A node that is known from elsewhere (the topology, or a connection that proved it). What it says of itself
  // replaces `description`. False if the id was removed, there is no room or the description of a new node is
  // not well formed.
  bool learn(const NodeId& id, const NodeDescription& description, int64_t now_us, GossipOutput* out);
  // Precondition: well formed.
  void set_description(const NodeDescription& description);
  // A connection has proved that this known node's bus is there now.
  void prove_address(const NodeId& id, const BusAddress& address, GossipOutput* out);
  // The members of the cluster, once it has formed, this node perhaps among them. Before learn()ing them.
  void set_members(const std::vector<NodeId>& ids);
  // What answers tell of this node's clocks from now on. None are told before.
  void set_clock(const ClockReading& bases) { own_clock_ = bases; }
  // Forgets the node for ever: whatever peers still say of it, it does not come back. Not spread: each node
  // learns removals from the topology.
  void remove(const NodeId& id);
  // Asks the peer now rather than when its turn comes, and tells it what this node is: for news that others should
  // not have to wait for.
  void greet(const NodeId& id, int64_t now_us, GossipOutput* out);
  // Every settings.interval_us.
  void tick(int64_t now_us, GossipOutput* out);
  // `from` is whom the connection proved to be there. kCorrupt, kNewerFormat, or kInvalid for a sender that
  // was removed; then nothing has changed.
  engine::Status receive(const NodeId& from, std::string_view bytes, int64_t now_us, GossipOutput* out);
  // The data path could not reach the node: refused, reset or timed out. Suspect at once, until it answers.
  void report_unreachable(const NodeId& id, int64_t now_us, GossipOutput* out);
  // Any data message came from the node: it lives, though it may not hear us.
  void report_heard(const NodeId& id, int64_t now_us, GossipOutput* out);
  // An answer to any data message came from the node: it hears us as well.
  void report_answered(const NodeId& id, int64_t now_us, GossipOutput* out);

  // Queries.

  // Whether to send it requests: a known peer in phase alive, or this node itself.
  bool healthy(const NodeId& id) const;
  // Nothing for an unknown id; this node is alive.
  std::optional<Phase> phase(const NodeId& id) const;
  // Null for an unknown id. Valid until the next input.
  const NodeDescription* description(const NodeId& id) const;
  // Every node known, this one included, sorted by id.
  std::vector<MemberView> members() const;
  size_t size() const { return peers_.size() + 1; }
  // Nodes that others tell of and that this one has not met, with where to look for them.
  std::vector<Rumour> rumours() const;
  const NodeId& self() const { return self_; }
  uint64_t incarnation() const { return own_.incarnation; }
  GossipFigures figures() const;

 private:
  // Another node's suspicion of a peer.
  struct Vote {
    NodeId observer;
    uint64_t incarnation;
    uint64_t heartbeat;
    int64_t expires_us;
  };

  struct Peer {
    explicit Peer(const ArrivalGaps& usual) : gaps(usual) {}

    GossipEntry entry;
    NodeDescription description;
    ArrivalGaps gaps;
    std::vector<Vote> votes;  // at most kMaxVotes
    int64_t last_heard_us = 0;
    int64_t last_progress_us = 0;  // of the heartbeat
    // Digests sent to it that no answer has followed.
    uint64_t first_unanswered_sequence = 0;
    int64_t first_unanswered_us = 0;
    int64_t last_asked_us = 0;
    uint32_t unanswered = 0;
    // The digest whose answer will measure its clock; 0: none is under way.
    uint64_t clock_sequence = 0;
    int64_t clock_asked_us = 0;
    uint32_t tellings_left = 0;     // as news
    uint64_t listed_in = 0;         // the last message built that lists it
    bool spoke = false;             // it has told its own incarnation
    uint64_t own_heartbeat = 0;     // the last that it told itself
    bool ask_soon = false;          // others know more of it than it has said here
    Phase silence = Phase::kAlive;  // by silence alone
    bool unreachable = false;       // it does not answer us
    bool knocking = false;          // down, yet data messages came

    Phase phase() const { return silence == Phase::kAlive && unreachable ? Phase::kSuspect : silence; }
  };

  struct Told {
    NodeId id;
    NodeDescription description;
    int64_t since_us;
    int64_t last_asked_us = 0;
  };

  static constexpr size_t kMaxVotes = 4;

  // membership.cc
  Peer* find(const NodeId& id);
  const Peer* find(const NodeId& id) const;
  Peer* add_peer(const NodeId& id, const NodeDescription& description, uint64_t version, int64_t now_us,
                 GossipOutput* out);
  int64_t deadline_us(const Peer& peer) const;
  // Shifts every deadline when the owner slept.
  void notice_pause(int64_t now_us);
  void heard(Peer* peer, int64_t now_us, GossipOutput* out);
  void answered(Peer* peer, int64_t now_us, GossipOutput* out);
  // Whether the node has a say in who is down, and counts among those who could have one.
  bool counts(const NodeId& id) const { return members_.empty() || members_.contains(id); }
  // Nodes that count, but this one.
  size_t others() const;
  void forget_strangers(int64_t now_us, GossipOutput* out);
  void forget_rumours(int64_t now_us);
  void erase_peer(size_t place);
  // Moves the peer on to suspect and down where its silence says so.
  void judge(Peer* peer, int64_t now_us, GossipOutput* out);
  size_t valid_votes(const Peer& peer, int64_t now_us) const;
  void count_rates(int64_t now_us);

  // gossip_partners.cc: whom to talk to
  void send_digests(int64_t now_us, GossipOutput* out);
  Peer* draw_random_peer();
  Peer* most_overdue_peer(int64_t now_us);
  Peer* draw_unhealthy_peer();
  Peer* draw_peer_to_hear();
  void ask_rumours(int64_t now_us, GossipOutput* out);
  void ask_seed(int64_t now_us, GossipOutput* out);
  void ask(Peer* peer, int64_t now_us, GossipOutput* out);
  void question(Peer* peer, bool introduce, int64_t now_us, GossipOutput* out);

  // gossip_exchange.cc: what to say, and what was said
  GossipMessage start_message(GossipKind kind, uint64_t sequence, int64_t now_us);
  void measure_clock(Peer* peer, const GossipMessage& answer, int64_t now_us, GossipOutput* out) const;
  void list(Peer* peer, GossipMessage* message);
  void fill_entries(GossipMessage* message);
  void add_suspicions(const Peer* target, GossipMessage* message);
  void add_suspicions_of(const Peer& accused, GossipMessage* message) const;
  void describe(const NodeId& id, GossipMessage* message);
  // To a known peer or to whoever just wrote; `to` not valid(): to the seed.
  void send(const NodeId& to, const BusAddress& seed, const GossipMessage& message, GossipOutput* out);
  void take(const NodeId& from, const Described& described, int64_t now_us, GossipOutput* out);
  void take(const NodeId& from, const GossipEntry& entry, int64_t now_us, std::vector<NodeId>* wants,
            GossipOutput* out);
  // What the peer says of itself, and what others say of it.
  void take_word(Peer* peer, const GossipEntry& entry, int64_t now_us, GossipOutput* out);
  void take_hearsay(Peer* peer, const GossipEntry& entry, int64_t now_us, GossipOutput* out);
  void progress(Peer* peer, int64_t now_us, GossipOutput* out);
  void take(const NodeId& from, const Suspicion& suspicion, int64_t now_us, GossipOutput* out);
  void note_rumour(const Described& described, int64_t now_us);
  void begin_incarnation(Peer* peer, int64_t now_us, GossipOutput* out);
  // What others say of this node itself.
  void take_own(const GossipEntry& entry, GossipOutput* out);
  void refute(uint64_t incarnation, GossipOutput* out);
  void reply(const NodeId& to, const GossipMessage& message, std::vector<NodeId> wants, bool refuted,
             int64_t now_us, GossipOutput* out);
  void add_news(Peer* peer);

  const NodeId self_;
  const GossipSettings settings_;
  engine::Random& random_;

  // A description's version is a count, that begins with the clock, and a random number of this life: two lives of
  // a node never give the same version to different descriptions, whatever became of its clock in between.
  static constexpr unsigned kLifeTagBits = 16;
  static constexpr uint64_t kLifeTag = (uint64_t{1} << kLifeTagBits) - 1;
  static constexpr uint64_t kLatestDescription = uint64_t{1} << 44;
  const uint64_t life_tag_;
  GossipEntry own_;
  NodeDescription own_description_;
  std::optional<ClockReading> own_clock_;
  std::vector<Peer> peers_;  // in no order that means anything, but the same in every run of a seed
  absl::flat_hash_map<NodeId, size_t> index_;
  absl::flat_hash_set<NodeId> removed_;
  absl::flat_hash_set<NodeId> members_;  // of the cluster; empty: not known yet
  std::vector<Told> rumours_;            // the longest known first
  std::vector<BusAddress> seeds_;
  std::vector<NodeId> news_;  // told first in a cluster too big for one message
  size_t next_seed_ = 0;
  size_t next_entry_ = 0;  // where the next partial digest starts in peers_
  uint64_t ticks_ = 0;
  uint64_t next_sequence_ = 1;
  uint64_t messages_built_ = 0;
  uint64_t refutations_in_tick_ = 0;
  int64_t last_tick_us_;
  int64_t rates_since_us_;
  size_t accused_ = 0;  // peers with a suspicion against them at the last tick
  GossipFigures figures_;
  GossipFigures at_rates_since_;
};

}  // namespace starling::cluster
