#include "tests/unit/engine/histories.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "tests/unit/engine/element_samples.h"

namespace starling::engine::testing {

uint64_t test_seed() {
  if (const char* given = std::getenv("STARLING_SEED")) return std::strtoull(given, nullptr, 10);
  return std::random_device()();
}

uint64_t SeededRandom::next() {
  uint64_t mixed = state_ += 0x9e3779b97f4a7c15;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

History::History(uint64_t seed, int replicas) : random_(seed), replicas_(replicas) {
  for (auto& replica : replicas_) {
    replica.actor = random_.next() | 1;
    replica.skew_ms = static_cast<int64_t>(random_.below(200)) - 100;
  }
}

void History::steps(int count) {
  for (int i = 0; i < count; ++i) step();
}

void History::step() {
  now_ms_ += static_cast<int64_t>(random_.below(20));
  const uint64_t choice = random_.below(10);
  if (choice < 5 || states_.empty()) {
    change();
  } else if (choice < 7) {
    merge_state(replicas_[random_.below(replicas_.size())], states_[random_.below(states_.size())]);
  } else {
    deliver_delta();
  }
}

void History::merge_state(Replica& replica, const State& state) {
  replica.record.merge(state.record);
  replica.heard.insert(state.heard.begin(), state.heard.end());
}

void History::deliver_delta() {
  if (shipped_.empty()) return;
  // Mostly recent ones, or nearly all would find their base long known.
  const uint64_t age =
      random_.below(random_.below(4) == 0 ? shipped_.size() : std::min<size_t>(4, shipped_.size()));
  const Shipped& shipped = shipped_[shipped_.size() - 1 - age];
  Replica& replica = replicas_[random_.below(replicas_.size())];
  Record merged = replica.record;
  merged.merge(shipped.after.record);
  const Record before = replica.record;
  if (apply_delta(shipped.delta, &replica.record) == DeltaOutcome::kApplied) {
    CHECK(replica.record == merged);
    replica.heard.insert(shipped.after.heard.begin(), shipped.after.heard.end());
  } else {
    ++gaps_;
    CHECK(replica.record == before);
    // Not one is refused without need.
    const auto& base = shipped.before.heard;
    CHECK_FALSE(std::includes(replica.heard.begin(), replica.heard.end(), base.begin(), base.end()));
  }
}

void History::change() {
  Replica& replica = replicas_[random_.below(replicas_.size())];
  const int64_t now_ms = now_ms_ + replica.skew_ms;
  const State before{replica.record, replica.heard};
  // Some clocks know nothing of each other: stamps that were seen are not always surpassed.
  const Dot dot{replica.clock.next(now_ms), replica.actor};
  const Type type = replica.record.type(now_ms);
  client_state_ = nullptr;
  Change change(&replica.record, dot, now_ms);
  if (random_.below(3) == 0) {
    change_whole(replica, change);
  } else {
    change_element(replica, change, type);
  }
  const Delta delta = change.finish();

  const auto held_before = held(before.record);
  const auto held_after = held(replica.record);
  for (const Place& place : held_before) {
    if (!held_after.contains(place)) removed_[dot].push_back(place);
  }
  for (const Place& place : held_after) {
    if (place.second == dot) added_[dot].push_back(place);
  }
  replica.heard.insert(dot);
  if (client_state_ != nullptr) {
    for (const Dot& seen : client_state_->heard) {
      for (const Place& place : added_[seen]) removed_[dot].push_back(place);
      replica.heard.insert(seen);
    }
  }
  states_.push_back({replica.record, replica.heard});
  shipped_.push_back({delta, before, states_.back()});
}

void History::change_whole(Replica& replica, Change& change) {
  VersionVector seen;
  switch (random_.below(4)) {
    case 0:
      break;  // A blind write.
    case 1:
      if (!states_.empty()) {
        client_state_ = &states_[random_.below(states_.size())];
        seen = client_state_->record.context();
      }
      break;
    default:
      seen = replica.record.context();
      break;
  }
  const int64_t deadline_ms = random_.below(3) == 0 ? now_ms_ + static_cast<int64_t>(random_.below(300)) : 0;
  if (random_.below(3) == 0) {
    change.erase(seen);
  } else {
    change.put_string(seen, std::to_string(random_.below(100)), deadline_ms);
  }
}

void History::add_or_put(Replica& replica, Change& change, int64_t increment) {
  if (!change.add_to_string(increment)) change.put_string(replica.record.context(), "0", 0);
}

void History::change_element(Replica& replica, Change& change, Type type) {
  if (type == Type::kNone) type = static_cast<Type>(1 + random_.below(6));
  const std::string name = sample_name(type, random_.below(4));
  const std::string value = std::to_string(random_.below(100));
  const int64_t increment = static_cast<int64_t>(random_.below(21)) - 10;
  if (type == Type::kString) return add_or_put(replica, change, increment);
  const ElementKind kind = element_kind_of(type);
  const uint64_t choice = random_.below(8);
  const Sibling* field = replica.record.winner(kind, name);
  if (type == Type::kSortedSet && choice < 3) {
    if (choice != 0)
      return change.put_extreme(name, static_cast<double>(increment),
                                choice == 1 ? Join::kGreatest : Join::kLeast);
    if (!change.add_to_member(name, static_cast<double>(increment) / 3))
      change.put_element(kind, name, encode_score(0));
  } else if (type == Type::kHash && choice < 4 && (field == nullptr || !field->value.empty())) {
    if (!change.add_to_field(name, increment)) change.put_element(kind, name, "0");
  } else if (choice < 5) {
    const auto below = [this](uint64_t bound) { return random_.below(bound); };
    change.put_element(kind, name, sample_value(type, value, below));
    if (choice == 0) change.put_element(kind, sample_name(type, 4), sample_value(type, "", below));
    if (choice == 1) change.set_deadline(now_ms_ + static_cast<int64_t>(random_.below(300)) + 200);
  } else if (choice < 7) {
    change.remove_element(kind, name);
  } else if (replica.record.type(now_ms_ + replica.skew_ms) == type) {
    change.set_deadline(0);
  }
}

void History::settle() {
  std::vector<std::pair<size_t, size_t>> exchanges;
  for (size_t from = 0; from < replicas_.size(); ++from) {
    for (size_t to = 0; to < replicas_.size(); ++to) exchanges.push_back({from, to});
  }
  // Whatever the order, after each has met each in every direction twice, all have everything.
  for (int round = 0; round < 2; ++round) {
    for (size_t i = exchanges.size(); i > 1; --i) std::swap(exchanges[i - 1], exchanges[random_.below(i)]);
    for (const auto& [from, to] : exchanges) {
      merge_state(replicas_[to], {replicas_[from].record, replicas_[from].heard});
    }
  }
}

std::set<History::Place> History::expected(const std::set<Dot>& heard) const {
  std::set<Place> places;
  for (const Dot& dot : heard) {
    if (const auto added = added_.find(dot); added != added_.end()) {
      places.insert(added->second.begin(), added->second.end());
    }
  }
  for (const Dot& dot : heard) {
    if (const auto removed = removed_.find(dot); removed != removed_.end()) {
      for (const Place& place : removed->second) places.erase(place);
    }
  }
  return places;
}

std::set<History::Place> History::held(const Record& record) {
  std::set<Place> places;
  for (const auto& [id, siblings] : record.elements()) {
    for (const Sibling& sibling : siblings) places.insert({id, sibling.dot});
  }
  return places;
}

}  // namespace starling::engine::testing
