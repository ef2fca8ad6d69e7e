// What gossip says, brought to the rest of the node: ClusterNode's shell around cluster::Membership.
#include <algorithm>
#include <mutex>
#include <string>
#include <utility>

#include "engine/replica/replication.h"
#include "server/clock_keeper.h"
#include "server/cluster/cluster_node.h"
#include "server/cluster/cluster_thread.h"
#include "server/io_thread.h"
#include "server/process/log.h"
#include "server/process/node_names.h"
#include "server/server.h"

namespace starling::server {
namespace {

using cluster::FrameKind;
using cluster::MembershipEventKind;
using cluster::NodeId;

// Of one that has only just called, the bus port is all that is known.
void learn_name(const NodeId& id, const cluster::NodeDescription* description) {
  if (description == nullptr || description->port == 0) return;
  NodeNames::of_process().learn(id, description->host + ":" + std::to_string(description->port),
                                description->nodename);
}

}  // namespace

void ClusterNode::take(cluster::GossipOutput& output) {
  for (const cluster::GossipOutgoing& message : output.messages) send_gossip(message);
  for (const cluster::MembershipEvent& event : output.events) tell(event);
  if (!output.clocks.empty()) {
    server_.clock_keeper().measured(output.clocks);
    keep_time();
  }
  const bool changed = !output.events.empty();
  output = {};
  if (!changed) return;
  publish_health();
  update_peers();
}

// What the clocks have come to, for the loops.
void ClusterNode::keep_time() {
  ClockKeeper& clocks = server_.clock_keeper();
  membership_->set_clock(clocks.own());
  if (clocks.confirmed() && !std::exchange(confirmed_, true)) {
    engine::trust_stamps(server_.engine(), false);
    server_.engine().set_active_expire(true);
  }
  knows_time_.store(clocks.ready(), std::memory_order_relaxed);
  const auto placement = this->placement();
  if (placement == nullptr) return;
  const bool back = clocks.stands_back();
  // Until they hear of it, others would coordinate in its place, and it in theirs.
  if (stands_back_[placement->self].exchange(back, std::memory_order_relaxed) && !back) {
    describe_anew();
    greet_members();
  }
}

void ClusterNode::describe_anew() {
  // While somebody sets the announced address to one that is refused, it may be none.
  if (const cluster::NodeDescription own = describe(); !own.host.empty()) membership_->set_description(own);
}

void ClusterNode::greet(const NodeId& id) {
  if (!threads_.front()->links().connected(id)) return;
  cluster::GossipOutput output;
  membership_->greet(id, server_.clock().monotonic_us(), &output);
  take(output);
}

void ClusterNode::greet_members() {
  const std::shared_ptr<const cluster::Placement> placement = this->placement();
  for (const cluster::Member& member : placement->topology.members) greet(member.id);
}

void ClusterNode::send_gossip(const cluster::GossipOutgoing& message) {
  BusLinks& links = threads_.front()->links();
  NodeId to = message.to;
  if (!to.valid()) {
    const std::string address = message.address.host + ":" + std::to_string(message.address.port);
    for (const BusTargetReport& target : links.report()) {
      if (target.connected && target.address == address) to = target.id;
    }
  }
  if (to.valid()) (void)links.send(to, FrameKind::kGossip, 0, message.bytes);
}

void ClusterNode::tell(const cluster::MembershipEvent& event) {
  learn_name(event.node, membership_->description(event.node));
  const std::string name = "Node " + node_name(event.node);
  const std::string silence = std::to_string(event.silence_us / 1000) + " ms";
  switch (event.kind) {
    case MembershipEventKind::kDiscovered:
      return log_text(LogLevel::kNotice, name + " found");
    case MembershipEventKind::kSuspected:
      if (event.silence_us < cluster::GossipSettings().suspect_min_us)
        return log_text(LogLevel::kWarning, name + " cannot be reached. Requests go around it");
      return log_text(LogLevel::kWarning,
                      name + " is suspected: no sign of life for " + silence + ". Requests go around it");
    case MembershipEventKind::kDown:
      return log_text(LogLevel::kWarning, name + " is down: others do not hear it either, for " + silence);
    case MembershipEventKind::kBack:
      return log_text(LogLevel::kNotice, name + " is back");
    case MembershipEventKind::kRefuted:
      if (repair_ != nullptr) repair_->catch_up();
      return log_text(LogLevel::kNotice, "Others thought this node dead; told them it is not");
    case MembershipEventKind::kForgotten:
      NodeNames::of_process().forget(event.node);
      return log_text(LogLevel::kVerbose, name + ", which is no member of the cluster, is gone");
    case MembershipEventKind::kDescriptionChanged:
      return;
  }
}

void ClusterNode::publish_health() {
  const std::shared_ptr<const cluster::Placement> placement = this->placement();
  if (placement == nullptr) return;
  for (const cluster::NodeIndex i : placement->nodes()) {
    const NodeId& id = placement->id_of(i);
    const cluster::NodeDescription* description = membership_->description(id);
    const bool healthy =
        id == id_ || (membership_->healthy(id) && description != nullptr && description->accepts_writes);
    healthy_[i].store(healthy, std::memory_order_relaxed);
    if (id != id_)
      stands_back_[i].store(description != nullptr && description->stands_back, std::memory_order_relaxed);
  }
}

void ClusterNode::publish_reports() {
  std::vector<cluster::MemberView> members = membership_->members();
  const cluster::GossipFigures figures = membership_->figures();
  std::lock_guard lock(mutex_);
  members_ = std::move(members);
  figures_ = figures;
}

void ClusterNode::update_peers() {
  std::vector<BusPeer> peers;
  for (const cluster::MemberView& member : membership_->members()) {
    if (member.id == id_ || member.description.bus_port == 0) continue;
    peers.push_back({member.id, member.description.host + ":" + std::to_string(member.description.bus_port)});
  }
  save_peers();
  // Of whom others tell: only a connection shows whether it is there.
  for (const cluster::Rumour& rumour : membership_->rumours()) {
    if (rumour.address.port == 0) continue;
    peers.push_back({rumour.id, rumour.address.host + ":" + std::to_string(rumour.address.port)});
  }
  if (peers == peers_) return;
  peers_ = peers;
  on_each_loop([peers](BusLinks& links) { links.set_peers(peers); });
  life_signs_->set_peers(peers);
}

// --- Where members were last, over a restart.

void ClusterNode::remember_peers() {
  bool damaged = false;
  addresses_ = peer_file_.load(&damaged);
  for (const PeerAddress& peer : addresses_) {
    if (peer.port != 0)
      NodeNames::of_process().learn(peer.id, peer.host + ":" + std::to_string(peer.port), "");
  }
  if (damaged)
    log_text(LogLevel::kWarning,
             "The file 'cluster-peers' is damaged: looking for the others where they were when the "
             "cluster formed, and at the seeds");
}

// As soon as one of them is somewhere else. One at a time, so that the last one wins.
void ClusterNode::save_peers() {
  const auto placement = this->placement();
  if (placement == nullptr || saving_addresses_) return;
  std::vector<PeerAddress> addresses;
  for (const cluster::Member& member : placement->topology.members) {
    const cluster::NodeDescription* description = membership_->description(member.id);
    if (member.id == id_ || description == nullptr || description->bus_port == 0) continue;
    addresses.push_back({member.id, description->host, description->port, description->bus_port});
  }
  if (addresses == addresses_) return;
  addresses_ = addresses;
  saving_addresses_ = true;
  EventLoop& loop = threads_.front()->io_thread().loop();
  server_.engine().offload([this, &loop, addresses = std::move(addresses)] {
    const engine::Status status = peer_file_.save(addresses);
    if (!status.ok())
      log_text(LogLevel::kWarning, "Where the other nodes are could not be saved: " + status.message());
    loop.post([this, saved = status.ok()] {
      saving_addresses_ = false;
      if (saved) return save_peers();
      addresses_.clear();  // With the next news of anybody it is tried again.
    });
  });
}

// Gossip knows the members from the topology on, whether they have been heard of or not.
void ClusterNode::learn_members(const cluster::Topology& topology) {
  cluster::GossipOutput output;
  std::vector<NodeId> members;
  for (const cluster::Member& member : topology.members) members.push_back(member.id);
  membership_->set_members(members);
  for (const cluster::Member& member : topology.members) {
    if (member.id == id_ || membership_->description(member.id) != nullptr) continue;
    cluster::NodeDescription description;
    description.host = member.host;
    description.port = member.port;
    description.bus_port = member.bus_port;
    const auto last = std::find_if(addresses_.begin(), addresses_.end(),
                                   [&](const PeerAddress& address) { return address.id == member.id; });
    if (last != addresses_.end()) {
      description.host = last->host;
      description.port = last->port != 0 ? last->port : member.port;
      description.bus_port = last->bus_port;
    }
    description.weight = member.weight;
    description.rack = member.rack;
    description.datacenter = member.datacenter;
    (void)membership_->learn(member.id, description, server_.clock().monotonic_us(), &output);
  }
  for (const NodeId& removed : topology.removed) membership_->remove(removed);
  take(output);
}

}  // namespace starling::server
