#include "server/cluster/topology_keeper.h"

#include <utility>

#include "server/process/log.h"
#include "server/process/thread_random.h"

namespace starling::server {
namespace {

constexpr int64_t kSaveAgainUs = 1'000'000;

std::string step_of(const cluster::Topology& topology) {
  switch (topology.transition.phase) {
    case cluster::TransitionPhase::kNone:
      return {};
    case cluster::TransitionPhase::kCopying:
      return ". The ring changes: records are being brought to those that will hold them";
    case cluster::TransitionPhase::kSwitched:
      return ". The ring changes: the next one is read from now on";
  }
  return {};
}

}  // namespace

using cluster::FormingNode;
using cluster::ProposalOutcome;

TopologyKeeper::TopologyKeeper(ClusterFile& file, ClusterMemory memory, bool founds, Hooks hooks)
    : file_(file),
      memory_(std::move(memory)),
      founds_(founds),
      hooks_(std::move(hooks)),
      register_(memory_.id, memory_.acceptor, {}, thread_random()),
      forming_(memory_.id, formed(), {}) {}

void TopologyKeeper::observe(const std::vector<cluster::MemberView>& members, int64_t now_us) {
  if (register_.decided() || !founds_) return;
  std::vector<FormingNode> nodes;
  for (const cluster::MemberView& view : members) {
    // A node that was only heard of by its address has not said yet what it is.
    if (view.description.port == 0) continue;
    FormingNode node;
    node.member = {view.id,
                   view.description.host,
                   view.description.port,
                   view.description.bus_port,
                   view.description.weight,
                   view.description.rack,
                   view.description.datacenter,
                   cluster::MemberState::kActive};
    node.min_nodes = view.description.min_nodes;
    node.replicas = view.description.replicas;
    node.cluster = view.description.cluster_id;
    node.hash_seed = view.description.hash_seed;
    node.answers = view.phase == cluster::Phase::kAlive;
    nodes.push_back(std::move(node));
  }
  forming_.observe(nodes, now_us);
  register_.set_acquainted(forming_.acquainted());
  if (register_.proposing()) return;
  const auto proposal = forming_.proposal(now_us, &thread_random());
  if (!proposal) return;
  cluster::RegisterOutput output;
  if (register_.propose(*proposal, now_us, &output)) {
    log_text(LogLevel::kNotice,
             "Proposing a cluster of " + std::to_string(proposal->members.size()) + " nodes");
  }
  act(output, now_us);
}

void TopologyKeeper::propose(const cluster::Topology& topology, int64_t now_us) {
  if (!may_propose()) return;
  cluster::RegisterOutput output;
  if (register_.propose(topology, now_us, &output))
    log_text(LogLevel::kVerbose, "Proposing the topology of epoch " + std::to_string(topology.epoch));
  act(output, now_us);
}

void TopologyKeeper::receive(const cluster::NodeId& from, std::string_view bytes, int64_t now_us) {
  cluster::TopologyMessage message;
  if (!cluster::decode_topology_message(bytes, &message).ok()) return;
  cluster::RegisterOutput output;
  register_.receive(from, message, now_us, &output);
  act(output, now_us);
}

void TopologyKeeper::tick(int64_t now_us) {
  cluster::RegisterOutput output;
  register_.tick(now_us, &output);
  act(output, now_us);
}

void TopologyKeeper::learn(const cluster::Topology& topology, int64_t now_us) {
  cluster::RegisterOutput output;
  register_.learn(topology, &output);
  act(output, now_us);
}

std::string TopologyKeeper::waiting_for(int64_t now_us) const {
  if (formed()) return {};
  if (!founds_ && !unsaved_) return "a cluster at 'cluster-join' to count this node in";
  if (unsaved_) return "what this node has agreed to cannot be saved: " + why_unsaved_;
  const std::string proposing = register_.waiting_for();
  return proposing.empty() ? forming_.waiting_for(now_us) : proposing;
}

void TopologyKeeper::act(const cluster::RegisterOutput& output, int64_t now_us) {
  unsaved_ |= output.persist;
  decided_ |= output.decided;
  // A promise that is not kept must not be given, nor a topology served by that a restart would forget: as long as
  // that cannot be saved this node says nothing, and others go on without it.
  if (unsaved_ && !output.persist && now_us - tried_us_ < kSaveAgainUs) return;
  if (unsaved_ && !save(now_us)) return;
  for (const cluster::RegisterMessage& message : output.messages) {
    std::string bytes;
    cluster::encode_topology_message(message.message, &bytes);
    hooks_.send(message.to, bytes);
  }
  if (output.outcome && *output.outcome != ProposalOutcome::kDecided) forming_.refused(now_us);
  if (!std::exchange(decided_, false)) return;
  forming_.set_formed();
  const cluster::Topology& topology = *memory_.acceptor.decided;
  log_text(LogLevel::kNotice, "Topology of epoch " + std::to_string(topology.epoch) + ": " +
                                  std::to_string(topology.members.size()) + " nodes, " +
                                  std::to_string(topology.replicas) + " replicas" + step_of(topology));
  hooks_.decided(topology);
}

bool TopologyKeeper::save(int64_t now_us) {
  tried_us_ = now_us;
  ClusterMemory next{memory_.id, register_.state()};
  const engine::Status status = file_.save(next);
  unsaved_ = !status.ok();
  if (unsaved_ && why_unsaved_ != status.message())
    log_text(LogLevel::kWarning, "Cannot take part in deciding the topology: " + status.message());
  why_unsaved_ = unsaved_ ? status.message() : std::string();
  if (!unsaved_) memory_ = std::move(next);
  return !unsaved_;
}

}  // namespace starling::server
