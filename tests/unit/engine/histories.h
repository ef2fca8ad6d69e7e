// Random histories of one record on several replicas, with an oracle that knows nothing of version vectors:
// it keeps, for each replica, the plain set of the events it has heard of, and for each event what it added
// and what it removed.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/clock.h"
#include "engine/record/hybrid_clock.h"
#include "engine/record/record.h"
#include "engine/record/record_delta.h"

namespace starling::engine::testing {

// STARLING_SEED, or a new one for each run.
uint64_t test_seed();

class SeededRandom : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}
  uint64_t next() override;

 private:
  uint64_t state_;
};

inline constexpr int64_t kEpochMs = 1'700'000'000'000;

class History {
 public:
  using Place = std::pair<ElementId, Dot>;

  struct Replica {
    ActorId actor = 0;
    HybridClock clock;
    int64_t skew_ms = 0;
    Record record;
    std::set<Dot> heard;
  };
  // A record as it was at some time somewhere, and what its replica had heard then.
  struct State {
    Record record;
    std::set<Dot> heard;
  };
  struct Shipped {
    Delta delta;
    State before;
    State after;
  };

  History(uint64_t seed, int replicas);

  // One random event: a change, a whole record sent or a delta sent; old ones may be sent at any time, again
  // and again.
  void step();
  void steps(int count);
  // Brings every replica every other one's record, in random order.
  void settle();

  // What the oracle says a replica that has heard of these events holds.
  std::set<Place> expected(const std::set<Dot>& heard) const;
  static std::set<Place> held(const Record& record);
  // For the check of a delta: applies one to a random replica. Returns its outcome and what should have come
  // of it.
  void deliver_delta();

  SeededRandom& random() { return random_; }
  int64_t now_ms() const { return now_ms_; }
  std::vector<Replica>& replicas() { return replicas_; }
  const std::vector<State>& states() const { return states_; }
  const std::vector<Shipped>& shipped() const { return shipped_; }
  uint64_t gaps() const { return gaps_; }

 private:
  void change();
  void change_whole(Replica& replica, Change& change);
  void change_element(Replica& replica, Change& change, Type type);
  void add_or_put(Replica& replica, Change& change, int64_t increment);
  void merge_state(Replica& replica, const State& state);

  SeededRandom random_;
  int64_t now_ms_ = kEpochMs;
  std::vector<Replica> replicas_;
  std::vector<State> states_;
  std::vector<Shipped> shipped_;
  std::map<Dot, std::vector<Place>> added_;
  std::map<Dot, std::vector<Place>> removed_;
  const State* client_state_ = nullptr;  // Of the change under way, when it used another one's context.
  uint64_t gaps_ = 0;
};

}  // namespace starling::engine::testing
