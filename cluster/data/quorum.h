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

// Counts the answers to one request to the replicas of one partition. A plain value.
class Tally {
 public:
  // One data centre number for each replica, in the order of the preference list; `own` is the coordinator's
  // data centre. A number above the count of replicas can never be reached: impossible() says so at once.
  Tally(const Consistency& consistency, std::span<const uint8_t> datacenters, uint8_t own);

  // Replica (or who stands in for it) number i has answered well, or will not. The first word on each counts.
  void acknowledge(size_t i) { settle(i, State::kAcknowledged); }
  void fail(size_t i) { settle(i, State::kFailed); }

  bool reached() const;
  // Not reached, and too many have failed for that to change.
  bool impossible() const;

  // For messages: answered well, and needed, where they count.
  int acknowledged() const;
  int needed() const;
  size_t replicas() const { return states_.size(); }

 private:
  enum class State : uint8_t { kOpen, kAcknowledged, kFailed };
  void settle(size_t i, State state) {
    if (states_[i] == State::kOpen) states_[i] = state;
  }
  // Answers still needed, at best, from a data centre (or from all, with kEveryDatacenter).
  static constexpr int kEveryDatacenter = -1;
  int count(State state, int datacenter) const;
  int total(int datacenter) const;
  int needed_of(int datacenter) const;
  template <typename Test>
  bool for_all_groups(Test test) const;

  Consistency consistency_;
  uint8_t own_;
  absl::InlinedVector<State, 5> states_;
  absl::InlinedVector<uint8_t, 5> datacenters_;
};

}  // namespace starling::cluster
