// What time it is, agreed on by the members of a cluster whose clocks differ, jump and lie.
//
// A pure state machine. Every node votes with its own wall clock; the agreed time is the median of the votes
// that it has heard. Its owner ticks it and hands in what gossip has measured of other clocks. All values are
// bases: microseconds of a wall clock less this node's monotonic clock at the same moment, so that they stand
// still while clocks run, and a jump shows as a change.
//
//   unconfirmed ──> confirmed        the median is known, whatever those say that were not heard; or patience is at
//                                    an end
//
// - A node whose own clock jumps against its monotonic clock keeps its vote as it was; it follows only once
//   the jump has lasted for `hold_us`. What is over by then never was.
// - A vote counts on while its node is not heard: a node that is cut off goes on by what the others said.
// - With an even number of votes any time between the two in the middle is a median: all go by what they
//   have agreed on already, else by the lower one. So of two nodes neither clock can lead the other astray.
// - The agreed time follows the median at no more than `slew_ppm`; it steps only beyond `bound_us`, or when
//   nobody else is there to differ from. After a step the node does nothing for a moment, in which the others
//   step as well.
//
// One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "cluster/membership/clock_reading.h"
#include "cluster/wire/node_id.h"
#include "engine/record/hybrid_clock.h"

namespace starling::cluster {

struct ClockSettings {
  int64_t jump_us = 500'000;  // Of the own clock within a tick: more is a jump. Also what is worth telling.
  int64_t hold_us = 10'000'000;     // What a jump must last to be followed.
  int64_t patience_us = 3'000'000;  // At the start, for the others' clocks.
  int64_t pause_us = 1'000'000;     // After a step.
  int64_t tolerance_us = 100'000;   // By how much agreed times of two nodes may differ without being mended.
  int64_t slew_ppm = 50'000;
  int64_t drift_ppm = 100;  // Of two good clocks against each other: how fast a measurement ages.
  int64_t bound_us = engine::kDefaultMaxDriftMs * 1000;  // A clock further off is not fit to coordinate.
  int64_t fresh_us = 10'000'000;                         // Of a peer's agreed time, which it may change.
  int64_t vote_lifetime_us = int64_t{24} * 3600 * 1'000'000;
};

enum class ClockEventKind : uint8_t {
  kConfirmed,     // The node may begin.
  kJumped,        // The own clock, by offset_us against the monotonic one; not followed yet.
  kJumpOver,      // It is back before it was followed.
  kJumpFollowed,  // It has lasted.
  kStepped,       // The agreed time, by offset_us.
  kSkewed,       // The clock of `node` differs from the agreed time by offset_us. Told again when it doubles.
  kSkewOver,     // No more.
  kBeyondBound,  // The own clock: the node is not fit to coordinate.
  kWithinBound,
};

struct ClockEvent {
  ClockEventKind kind;
  NodeId node;            // kSkewed, kSkewOver
  int64_t offset_us = 0;  // Positive: ahead, or forward.
};

// One clock as it was last heard.
struct ClockView {
  NodeId node;
  int64_t skew_us = 0;   // Ahead of the agreed time.
  int64_t error_us = 0;  // Of the measurement: half its round trip.
  int64_t age_us = 0;
};

class AgreedClock {
 public:
  // `in_cluster`: set_members() will say who else there is; until then the node stays unconfirmed. Else it is
  // confirmed at once.
  AgreedClock(const NodeId& self, bool in_cluster, const ClockSettings& settings, int64_t now_us,
              int64_t wall_us);

  // Inputs.

  // Several times a second. `wall_us` was read within a millisecond of `now_us`, the monotonic clock.
  void tick(int64_t now_us, int64_t wall_us, std::vector<ClockEvent>* events);
  // The voters, this node among them or not. Others are forgotten.
  void set_members(std::span<const NodeId> members, int64_t now_us);
  // A peer's clocks as bases of this node's monotonic clock, right to error_us.
  void measured(const NodeId& peer, const ClockReading& bases, int64_t error_us, int64_t now_us);

  // Queries.

  // The agreed time less the monotonic clock.
  int64_t base_us() const { return own_.agreed_us; }
  // Of this node, as bases: for others.
  const ClockReading& own() const { return own_; }
  bool confirmed() const { return own_.confirmed; }
  // Confirmed, and not within a moment of a step.
  bool ready(int64_t now_us) const { return own_.confirmed && now_us >= ready_from_us_; }
  // The own clock is within the bound.
  bool fit() const { return fit_; }
  int64_t skew_us() const { return own_.local_us - own_.agreed_us; }
  uint64_t jumps() const { return jumps_; }
  // Peers that were measured, by id.
  std::vector<ClockView> peers(int64_t now_us) const;

 private:
  struct Peer {
    ClockReading bases;
    int64_t error_us = 0;
    int64_t measured_us = 0;  // When, and when it was heard last, which may have said less.
    int64_t heard_us = 0;
    bool heard = false;
    int64_t told_us = 0;  // The skew that was told; 0: none.
  };
  struct Jump {
    int64_t base_us;
    int64_t since_us;
  };
  // Where the median of all votes is, whatever those say that were not heard; without bounds when they could
  // say anything. And that of the votes heard.
  struct Middle {
    int64_t low_us = INT64_MIN, high_us = INT64_MAX;
    int64_t heard_us = 0;
    size_t votes = 0;
  };

  void follow_own(int64_t now_us, int64_t local_us, std::vector<ClockEvent>* events);
  Middle middle(int64_t now_us) const;
  int64_t target(const Middle& middle, int64_t now_us) const;
  void confirm(const Middle& middle, int64_t now_us, std::vector<ClockEvent>* events);
  void approach(const Middle& middle, int64_t now_us, std::vector<ClockEvent>* events);
  void tell_skew(const NodeId& node, int64_t skew_us, int64_t error_us, int64_t* told_us,
                 std::vector<ClockEvent>* events) const;
  void judge(std::vector<ClockEvent>* events);

  const NodeId self_;
  const bool in_cluster_;
  const ClockSettings settings_;
  ClockReading own_;
  std::optional<Jump> jump_;
  std::map<NodeId, Peer> peers_;  // The members.
  bool members_known_ = false;
  int64_t waiting_since_us_ = 0;  // For the others, once members are known.
  int64_t last_tick_us_;
  int64_t ready_from_us_ = 0;
  int64_t told_us_ = 0;
  bool fit_ = true;
  uint64_t jumps_ = 0;
};

}  // namespace starling::cluster
