// A network of Membership state machines under simulated time: delay, loss, duplication, reordering, cuts in
// one direction, pauses, crashes. One seed, one run.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "cluster/membership/membership.h"
#include "engine/base/seeded_random.h"

namespace starling::cluster {

// STARLING_SEED, or a new one for each run; printed either way.
uint64_t gossip_seed();

class GossipNetwork {
 public:
  struct Event {
    int64_t at_us;
    size_t observer;
    MembershipEventKind kind;
    NodeId node;
    int64_t silence_us;
  };

  explicit GossipNetwork(uint64_t seed, GossipSettings settings = {});

  // Links; they may change at any time. A message takes between the two delays, evenly, so they overtake.
  int64_t min_delay_us = 200;
  int64_t max_delay_us = 2'000;
  double loss = 0;
  double duplication = 0;
  std::function<bool(size_t from, size_t to)> cut;  // true: nothing gets through in this direction

  // Starts a node at a random moment of the next interval; its seed is node 0 unless it is node 0.
  size_t add(uint64_t first_incarnation = 1);
  // Nodes that know each other from the start, as from a topology.
  void add_acquainted(size_t count);
  void run_for(int64_t duration_us);
  // Runs until `done`, at most `limit_us`; whether it came to that.
  bool run_until(int64_t limit_us, const std::function<bool()>& done);

  void crash(size_t node);
  void restart(size_t node, uint64_t first_incarnation);
  // SIGSTOP: neither ticks nor reads; what is sent to it waits.
  void pause(size_t node);
  void resume(size_t node);
  void replay(size_t from, size_t to, const std::string& bytes);

  size_t size() const { return nodes_.size(); }
  Membership& at(size_t node) { return *nodes_[node].membership; }
  static NodeId id_of(size_t node);
  static NodeDescription description_of(size_t node);
  // As seen by the observer; a node that it does not know is "nothing".
  std::optional<Phase> phase(size_t observer, size_t node) { return at(observer).phase(id_of(node)); }
  // Whether every running node (of `observers`, if given) sees `node` so.
  bool all_see(size_t node, Phase phase, const std::vector<size_t>& observers = {});
  bool all_know_all();
  size_t count(MembershipEventKind kind) const;

  int64_t now_us() const { return now_us_; }
  std::vector<Event> events;
  struct Measured {
    size_t by;
    ClockMeasurement clock;
  };
  std::vector<Measured> clocks;           // As they were measured.
  std::vector<std::string> sent_by_last;  // what node `recorded` has sent
  size_t recorded = SIZE_MAX;
  engine::SeededRandom random;

 private:
  struct Node {
    std::unique_ptr<engine::SeededRandom> random;
    std::unique_ptr<Membership> membership;
    bool running = false;
    bool paused = false;
    uint64_t life = 0;  // ticks of earlier lives are void
    std::vector<std::pair<size_t, std::string>> waiting;
  };
  struct Due {
    int64_t at_us;
    uint64_t order;
    size_t to;
    size_t from;  // SIZE_MAX: a tick
    uint64_t life;
    std::string bytes;
    bool operator>(const Due& other) const {
      return at_us != other.at_us ? at_us > other.at_us : order > other.order;
    }
  };

  void start(size_t node, uint64_t first_incarnation);
  void handle(Due due);
  void deliver(size_t from, size_t to, const std::string& bytes);
  void carry(size_t from, GossipOutput* out);
  void put(int64_t at_us, size_t from, size_t to, const std::string& bytes);
  bool chance(double probability);

  GossipSettings settings_;
  std::vector<Node> nodes_;
  std::map<NodeId, size_t> index_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  int64_t now_us_ = 1'000'000;
  uint64_t order_ = 0;
};

}  // namespace starling::cluster
