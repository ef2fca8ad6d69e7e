// How many replicas must agree, as users say it, and the count that decides. See README.md, "Reads and
// writes".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/container/inlined_vector.h"

namespace starling::cluster {

// Travels between nodes: never renumber.
enum class Level : uint8_t {
  kNumber = 0,
  kOne = 1,
  kQuorum = 2,
  kAll = 3,
  kLocalQuorum = 4,
  kEachQuorum = 5
};

struct Consistency {
  Level level = Level::kQuorum;
  uint8_t number = 0;  // With kNumber: at least 1.

  bool operator==(const Consistency&) const = default;
  // "QUORUM", "2", …
  std::string to_string() const;
  // In any case. Nothing for what is no level, and for numbers outside 1 to 255.
  static std::optional<Consistency> parse(std::string_view text);
};

// kSloppy: who cannot be reached is replaced by the next healthy node of the walk. kStrict: replicas only.
enum class QuorumMode : uint8_t { kSloppy = 0, kStrict = 1 };

struct QuorumOptions {
  Consistency read, write;
  QuorumMode mode = QuorumMode::kSloppy;
  int64_t timeout_ms = 1000;

  bool operator==(const QuorumOptions&) const = default;
};

// Counts the answers to one request to replicas. Where there are several sets of them (of a partition that moves,
// before and after; of writes that went out together) each needs its quorum. A plain value.
class Tally {
 public:
  // One data centre number for each replica, in the order of the preference list; `own` is the coordinator's
  // data centre. Bit i of a set is replica i; no sets: one of all. A number above the count of a set's replicas can
  // never be reached: impossible() says so at once.
  Tally(const Consistency& consistency, std::span<const uint8_t> datacenters, uint8_t own,
        std::span<const uint64_t> sets = {});
  // Further replicas, at the end, and the sets that count from now on. What was counted stays.
  void widen(std::span<const uint8_t> datacenters, std::span<const uint64_t> sets);

  // Replica (or who stands in for it) number i has answered well, or will not. The first word on each counts.
  void acknowledge(size_t i) { settle(i, State::kAcknowledged); }
  void fail(size_t i) { settle(i, State::kFailed); }

  bool reached() const;
  // Not reached, and too many have failed for that to change.
  bool impossible() const;

  // For messages: answered well, needed, and all, of the first set that has not reached its quorum.
  int acknowledged() const;
  int needed() const;
  int replicas() const;

 private:
  enum class State : uint8_t { kOpen, kAcknowledged, kFailed };
  void settle(size_t i, State state) {
    if (states_[i] == State::kOpen) states_[i] = state;
  }
  // Part of a set: all of it, or one data centre's.
  static constexpr int kEveryDatacenter = -1;
  struct Group {
    uint64_t set;
    int datacenter;
  };
  bool within(const Group& group, size_t i) const {
    return (group.set >> i & 1) != 0 &&
           (group.datacenter == kEveryDatacenter || datacenters_[i] == group.datacenter);
  }
  int count(State state, const Group& group) const;
  int total(const Group& group) const;
  int needed_of(const Group& group) const;
  bool reached(uint64_t set) const;
  template <typename Test>
  bool for_all_groups(uint64_t set, Test test) const;
  uint64_t open_set() const;

  Consistency consistency_;
  uint8_t own_;
  absl::InlinedVector<State, 5> states_;
  absl::InlinedVector<uint8_t, 5> datacenters_;
  absl::InlinedVector<uint64_t, 1> sets_;
};

}  // namespace starling::cluster
