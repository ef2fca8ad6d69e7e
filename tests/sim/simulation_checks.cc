#include <algorithm>

#include "engine/base/assert.h"
#include "engine/base/key.h"
#include "engine/memory/settled.h"
#include "engine/record/record_codec.h"
#include "tests/sim/simulation.h"

namespace starling::sim {
namespace {

constexpr int64_t kStepUs = 500'000;
constexpr int kSettleSteps = 76;
// A change waits for nodes that are seen down to be back, for who has to remove records, and for turns.
constexpr int kRingSteps = 200;
constexpr int kReadSteps = 8;
constexpr int kCollectSteps = 30;
// What was delayed longest has come.
constexpr int kLeastSteps = 4;

}  // namespace

// Lets gossip find all nodes alive, hints arrive, and values expire that only some take for expired (their
// clocks were wrong). False when something is under way still.
bool Simulation::settle() {
  const int steps = mix_.ring_changes ? kRingSteps : kSettleSteps;
  for (int step = 1; step <= steps && verdict_.good(); ++step) {
    run_until(now_us_ + kStepUs);
    const bool calm = std::all_of(slots_.begin(), slots_.end(), [this](const Slot& slot) {
      return slot.node == nullptr ||
             (slot.node->idle() && slot.node->sees_all() && slot.node->agreed_ms() > last_deadline_ms_);
    });
    if (calm && (!mix_.ring_changes || ring_rests()) && step >= kLeastSteps) return true;
  }
  return false;
}

// With all healthy, every node serves every key, by strict quorums too.
void Simulation::read_everything() {
  std::vector<uint64_t> reads;
  for (const std::string& key : keys_) {
    for (size_t node = 0; node < slots_.size(); ++node) {
      if (slots_[node].node == nullptr) continue;
      ClientOperation operation;
      operation.client = SIZE_MAX;
      operation.key = key;
      operation.action = of_collection(key) ? Action::kMembers : Action::kGet;
      operation.quorum.read = {cluster::Level::kNumber, 2};
      operation.quorum.write = {cluster::Level::kNumber, 2};
      operation.quorum.mode = cluster::QuorumMode::kStrict;
      operation.quorum.timeout_ms = 1500;
      reads.push_back(submit(std::move(operation), node));
    }
  }
  for (int step = 0; step < kReadSteps && outcomes_.size() < reads.size(); ++step)
    run_until(now_us_ + kStepUs);
  for (const uint64_t id : reads) {
    const auto outcome = outcomes_.find(id);
    if (outcome != outcomes_.end() && outcome->second.empty()) continue;
    return judge({"P6 with all nodes healthy a read fails: " + operations_.at(id).to_string() + ": " +
                  (outcome == outcomes_.end() ? "no answer" : outcome->second)});
  }
}

// What repair comes to in the end: every replica's state of every key, at every other one. What a node that
// is no replica kept for others, only its hints bring.
void Simulation::exchange() {
  for (const std::string& key : keys_) {
    for (size_t from = 0; from < slots_.size(); ++from) {
      if (!placement().holds(engine::Key(key).partition, static_cast<cluster::NodeIndex>(from))) continue;
      std::string state;
      run_on(from, [&] { state = slots_[from].node->state_of(key); });
      if (state.empty()) continue;
      for (const cluster::NodeIndex to : placement().replicas(engine::Key(key).partition)) {
        if (to == from) continue;
        run_on(to, [&] {
          if (!slots_[to].node->merge(key, state)) {
            judge({"P2 node " + std::to_string(to) + " refuses the state of " + key + " of node " +
                   std::to_string(from)});
          }
        });
      }
    }
  }
}

void Simulation::check_identical(const std::string& when, Floors floors) {
  for (const std::string& key : keys_) {
    std::vector<std::pair<size_t, std::string>> states;
    engine::Stamp settled = 0;
    for (const cluster::NodeIndex i : placement().replicas(engine::Key(key).partition)) {
      run_on(i, [&, i] { states.emplace_back(i, slots_[i].node->state_of(key)); });
      std::string_view state = states.back().second;
      settled = std::max(settled, engine::take_settled(&state));
    }
    // What one has removed for good the others may have still: it says nothing.
    for (auto& [node, state] : states) {
      engine::Record record = bare_record(state);
      const bool gone = record.context().empty() || engine::ripe_stamp({record, {}}) <= settled;
      state.clear();
      if (floors == Floors::kAsSettled && settled != 0) {
        engine::VersionVector floor;
        floor.raise_floor(settled);
        record.join_context(floor);
      }
      if (!gone) engine::encode_record(record, &state);
    }
    for (const auto& [node, state] : states) {
      if (state == states[0].second) continue;
      std::string text = when + ", replicas of " + key + " differ:";
      for (const auto& [n, s] : states) {
        text += " node " + std::to_string(n) + " " + describe(bare_record(s));
      }
      return judge({text});
    }
  }
}

void Simulation::check_histories() {
  for (const std::string& key : keys_) {
    for (const Event& event : histories_[key].events()) {
      if (denied_.contains(event.operation) && !event.withdrawn)
        judge({"P6 of operation " + std::to_string(event.operation) + " it was said that nothing was done"});
    }
    const auto replicas = placement().replicas(engine::Key(key).partition);
    engine::Stamp settled = 0;
    std::string state, last;
    for (const cluster::NodeIndex node : replicas) {
      run_on(node, [&] { state = slots_[node].node->state_of(key); });
      std::string_view bytes = state;
      settled = std::max(settled, engine::take_settled(&bytes));
      last = bytes;
    }
    // A replica that lost its disk has the records, but not what was settled before.
    state.clear();
    engine::append_settled(settled, &state);
    state += last;
    const int least_quorum = mix_.loses_data() ? 2 : 1;
    judge(check_final(key, histories_[key], state, least_quorum, slots_[replicas.back()].node->agreed_ms()));
    if (key[0] == 'a' && strict_reads_hold()) check_appended(key, bare_record(state));
    judge(check_failed(key, histories_[key]));
    if (only_added_to(key)) judge(check_sums(key, histories_[key], known_record(state), least_quorum));
  }
}

// Each acknowledged APPEND saw those before it.
void Simulation::check_appended(const std::string& key, const engine::Record& record) {
  const engine::Sibling* const shown = record.winner(engine::ElementKind::kValue, "");
  for (const std::string& value : appended_[key]) {
    if (shown != nullptr && (";" + shown->value).find(";" + value) != std::string::npos) continue;
    return judge({"P8 what was appended is gone: " + value + " of " + key + " " + describe(record)});
  }
}

// Left alone, the nodes settle what is equal everywhere, and all tombstones go.
void Simulation::collect() {
  for (const Slot& slot : slots_) {
    if (slot.node != nullptr) slot.node->compare_replicas();
  }
  for (int step = 1; step <= kCollectSteps && verdict_.good(); ++step) {
    run_until(now_us_ + kStepUs);
    if (step >= kLeastSteps && tombstone_left().empty()) break;
  }
  check_identical("P2 after tombstones were collected");
  if (verdict_.good()) check_histories();
  const std::string left = tombstone_left();
  if (mutation_ == Mutation::kNone && !left.empty()) judge({"P7 a tombstone is kept for ever: " + left});
}

std::string Simulation::tombstone_left() {
  for (const std::string& key : keys_) {
    for (const cluster::NodeIndex i : placement().replicas(engine::Key(key).partition)) {
      std::string state;
      bool guards = false;
      run_on(i, [&] {
        state = slots_[i].node->state_of(key);
        guards = slots_[i].node->guards(key);
      });
      if (guards) return "at node " + std::to_string(i) + " " + key + " guarded, not removed";
      const engine::Record record = bare_record(state);
      // Nor is there anything left that only guards a key.
      if (record.context().empty() || !record.vacant()) continue;
      return "at node " + std::to_string(i) + " " + key + " " + describe(record);
    }
  }
  return {};
}

}  // namespace starling::sim
