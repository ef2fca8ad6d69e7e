// Who the members are, and how that changes in the course of a run.
#include "cluster/topology/planner.h"
#include "cluster/topology/topology_codec.h"
#include "engine/base/assert.h"
#include "tests/sim/simulation.h"

namespace starling::sim {
namespace {

constexpr uint32_t kReplicas = 3;
constexpr size_t kMostMembers = 6;
constexpr uint32_t kWeights[] = {50, 100, 100, 200};
// Tables of that many topologies are kept: runs have many in common.
constexpr size_t kMostPlacements = 256;

cluster::Member member_of(size_t slot) {
  cluster::Member member;
  member.id = node_id(slot);
  member.host = "10.0.0." + std::to_string(slot + 1);
  member.port = 6379;
  member.bus_port = 16379;
  return member;
}

// Planning takes milliseconds and always gives the same.
const cluster::Topology& first_topology(const std::vector<size_t>& slots) {
  static std::map<std::vector<size_t>, cluster::Topology> known;
  cluster::Topology& topology = known[slots];
  if (topology.epoch != 0) return topology;
  topology.epoch = 1;
  topology.cluster_id = 1;
  topology.replicas = kReplicas;
  for (const size_t slot : slots) topology.members.push_back(member_of(slot));
  topology.owners = cluster::plan(topology.members, nullptr, kReplicas);
  return topology;
}

}  // namespace

void Simulation::draw_changes() {
  mix_.ring_changes = true;
  mix_.calm = false;
  mix_.nodes = 3 + below(2);
  mix_.disk_losses = false;
  mix_.dead_drains = percent(15);
  mix_.duration_us = 18'000'000;
  mix_.fault_gap_us = 150'000 + static_cast<int64_t>(below(1'500'000));
  change_gap_us_ = 300'000 + static_cast<int64_t>(below(2'000'000));
  // Whose disk is gone and who is removed would be two.
  mix_.auto_removes = percent(30) && !mix_.loses_data();
}

// The members' slots are any, so that who joins may be before or behind them.
void Simulation::found(size_t members) {
  cluster::Topology all;
  for (size_t i = 0; i < slots_.size(); ++i) all.members.push_back(member_of(i));
  STARLING_ASSERT(node_numbers_.learn(all));
  std::vector<size_t> chosen;
  for (size_t i = 0; i < slots_.size(); ++i) {
    const bool spare = mix_.ring_changes && below(slots_.size() - i) >= members - chosen.size();
    slots_[i].spare = spare;
    if (!spare) chosen.push_back(i);
  }
  if (mix_.ring_changes) fragile_ = chosen[below(chosen.size())];
  newest_ = first_topology(chosen);
  for (const size_t slot : chosen) slots_[slot].topology.decided = newest_;
}

void Simulation::save_topology(size_t node, const cluster::AcceptorState& state) {
  slots_[node].topology = state;
  if (!state.decided || state.decided->epoch <= newest_->epoch) return;
  for (const cluster::Member& member : state.decided->members) {
    if (newest_->index_of(member.id) == cluster::kNoNode) ++figures_.joined;
  }
  for (const cluster::Member& member : newest_->members) {
    if (state.decided->index_of(member.id) == cluster::kNoNode) ++figures_.left;
  }
  if (!state.decided->changing() && newest_->transition.phase == cluster::TransitionPhase::kSwitched)
    ++figures_.finished;
  if (!state.decided->changing() && newest_->transition.phase == cluster::TransitionPhase::kCopying)
    ++figures_.aborted;
  newest_ = state.decided;
}

std::shared_ptr<const cluster::Placement> Simulation::placement_by(const cluster::Topology& topology,
                                                                   size_t node) {
  static std::map<std::string, std::shared_ptr<const cluster::Placement>> known;
  std::string name(1, static_cast<char>(node));
  name += std::to_string(slots_.size());
  cluster::encode_topology(topology, &name);
  if (known.size() > kMostPlacements) known.clear();
  auto& placement = known[name];
  if (placement == nullptr)
    placement = std::make_shared<const cluster::Placement>(topology, node_id(node), &node_numbers_);
  return placement;
}

void Simulation::dismiss(size_t node) {
  later(kWorld, 0, [this, node, life = slots_[node].life] {
    if (slots_[node].life != life) return;
    trace(node, "is no member any more, and stops");
    slots_[node].gone = true;
    stop(node, SIZE_MAX);
    slots_[node].hints.reset();
  });
}

const cluster::Topology& Simulation::topology() const {
  return *newest_;
}

size_t Simulation::some_member() const {
  for (size_t i = 0; i < slots_.size(); ++i) {
    const bool member = topology().index_of(node_id(i)) != cluster::kNoNode;
    if (member && slots_[i].node != nullptr && slots_[i].node->formed()) return i;
  }
  return SIZE_MAX;
}

bool Simulation::ring_rests() const {
  for (size_t i = 0; i < slots_.size(); ++i) {
    const SimNode* const node = slots_[i].node.get();
    if (node == nullptr) continue;
    if (!node->ring_rests() || node->placement().topology.epoch != topology().epoch) return false;
  }
  return !topology().changing();
}

std::string Simulation::ring_state() const {
  std::string text = "epoch " + std::to_string(topology().epoch);
  for (size_t i = 0; i < slots_.size(); ++i) {
    const SimNode* const node = slots_[i].node.get();
    if (node == nullptr) continue;
    text += "; node " + std::to_string(i) + (node->ring_rests() ? " rests" : " waits");
    if (node->formed()) text += " at " + std::to_string(node->placement().topology.epoch);
    if (!node->ring_waits_for().empty()) text += " for " + node->ring_waits_for();
  }
  return text;
}

// What an operator does.
void Simulation::change_ring() {
  if (!faults_go_on_) return;
  later(kWorld, change_gap_us_ / 2 + static_cast<int64_t>(below(static_cast<uint64_t>(change_gap_us_))),
        [this] { change_ring(); });
  const uint64_t what = below(100);
  if (what < 35) {
    if (topology().members.size() >= kMostMembers) return;
    const size_t slot = below(slots_.size());
    if (!slots_[slot].spare) return;
    slots_[slot].spare = false;
    trace(slot, "asks to join");
    return start(slot);
  }
  if (what < 60) return drain(false);
  if (what < 70) return drain(true);
  if (what < 85) return weigh();
  const size_t at = below(slots_.size());
  if (slots_[at].node == nullptr || slots_[at].paused || !slots_[at].node->formed()) return;
  trace(at, "is asked to abort the change");
  run_on(at, [&] { slots_[at].node->abort_change(); });
}

void Simulation::drain(bool dead) {
  if (topology().changing() || topology().members.size() <= kReplicas) return;
  const size_t leaves = dead ? fragile_ : slot_of(topology().members[below(topology().members.size())].id);
  const size_t at = below(slots_.size());
  if (dead && (!mix_.dead_drains || topology().index_of(node_id(leaves)) == cluster::kNoNode || at == leaves))
    return;
  if (slots_[at].node == nullptr || slots_[at].paused || !slots_[at].node->formed()) return;
  if (dead) {
    trace(leaves, "is lost for good");
    slots_[leaves].gone = true;
    stop(leaves, SIZE_MAX);
    slots_[leaves].hints.reset();
  }
  trace(at, "is asked to drain node " + std::to_string(leaves));
  cluster::RingChange change;
  change.leaves.push_back(node_id(leaves));
  run_on(at, [&] { slots_[at].node->change_ring(change); });
}

void Simulation::weigh() {
  const cluster::Member& member = topology().members[below(topology().members.size())];
  const size_t at = below(slots_.size());
  if (topology().changing() || slots_[at].node == nullptr || slots_[at].paused || !slots_[at].node->formed())
    return;
  const uint32_t weight = kWeights[below(std::size(kWeights))];
  trace(at,
        "is asked to let node " + std::to_string(slot_of(member.id)) + " weigh " + std::to_string(weight));
  cluster::RingChange change;
  change.weights.emplace_back(member.id, weight);
  run_on(at, [&] { slots_[at].node->change_ring(change); });
}

}  // namespace starling::sim
