#include "engine/assert.h"
#include "engine/key.h"
#include "engine/record_codec.h"
#include "engine/settled.h"
#include "tests/sim/simulation.h"

namespace starling::sim {
namespace {

constexpr int64_t kSettleStepUs = 500'000;
constexpr int kSettleSteps = 60;
constexpr int64_t kCollectUs = 15'000'000;

}  // namespace

// Lets gossip find all nodes alive and hints arrive. False when something is under way still.
bool Simulation::settle() {
  run_until(now_us_ + 8'000'000);
  for (int i = 0; i < kSettleSteps && verdict_.good(); ++i) {
    bool idle = true;
    for (const Slot& slot : slots_) idle = idle && slot.node->idle();
    if (idle) return true;
    run_until(now_us_ + kSettleStepUs);
  }
  return false;
}

// With all healthy, every node serves every key, by strict quorums too.
void Simulation::read_everything() {
  std::vector<uint64_t> reads;
  for (const std::string& key : keys_) {
    for (size_t node = 0; node < slots_.size(); ++node) {
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
  run_until(now_us_ + 4'000'000);
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
      if (!slots_[from].node->placement().holds(engine::Key(key).partition,
                                                static_cast<cluster::NodeIndex>(from)))
        continue;
      std::string state;
      run_on(from, [&] { state = slots_[from].node->state_of(key); });
      if (state.empty()) continue;
      for (const cluster::NodeIndex to :
           slots_[from].node->placement().replicas(engine::Key(key).partition)) {
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

void Simulation::check_identical(const std::string& when) {
  for (const std::string& key : keys_) {
    std::vector<std::pair<size_t, std::string>> states;
    engine::Stamp settled = 0;
    for (const cluster::NodeIndex i : slots_[0].node->placement().replicas(engine::Key(key).partition)) {
      run_on(i, [&, i] { states.emplace_back(i, slots_[i].node->state_of(key)); });
      std::string_view state = states.back().second;
      settled = std::max(settled, engine::take_settled(&state));
    }
    // What one has removed for good the others may have still: it says nothing.
    for (auto& [node, state] : states) {
      const engine::Record record = bare_record(state);
      const bool gone = record.context().empty() || engine::ripe_stamp({record, {}}) <= settled;
      state.clear();
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
    const auto replicas = slots_[0].node->placement().replicas(engine::Key(key).partition);
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
    judge(check_final(key, histories_[key], state, least_quorum, wall_us(replicas.back()) / 1000));
    if (only_added_to(key)) judge(check_sums(key, histories_[key], known_record(state), least_quorum));
  }
}

// Left alone, the nodes settle what is equal everywhere, and all tombstones go.
void Simulation::collect() {
  for (const Slot& slot : slots_) slot.node->compare_replicas();
  run_until(now_us_ + kCollectUs);
  check_identical("P2 after tombstones were collected");
  if (verdict_.good()) check_histories();
  if (mutation_ != Mutation::kNone) return;
  for (const std::string& key : keys_) {
    for (const cluster::NodeIndex i : slots_[0].node->placement().replicas(engine::Key(key).partition)) {
      std::string state;
      run_on(i, [&] { state = slots_[i].node->state_of(key); });
      const engine::Record record = bare_record(state);
      // What has no element any more only guards the key, until its partition is settled for another's sake.
      if (record.elements().empty() || !record.vacant()) continue;
      return judge(
          {"P7 node " + std::to_string(i) + " keeps a tombstone for ever: " + key + " " + describe(record)});
    }
  }
}

}  // namespace starling::sim
