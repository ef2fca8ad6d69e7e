// The topology, from its forming on: how ClusterNode learns it, serves by it, and tells of it.
#include <algorithm>
#include <utility>

#include "cluster/topology/topology_codec.h"
#include "server/bus/twin_table.h"
#include "server/clock_keeper.h"
#include "server/cluster/cluster_node.h"
#include "server/cluster/cluster_thread.h"
#include "server/io_thread.h"
#include "server/process/log.h"
#include "server/server.h"

namespace starling::server {
namespace {

using cluster::FrameKind;
using cluster::NodeId;
using cluster::Phase;

constexpr int64_t kTopologyRetryUs = 1'000'000;
// While requests wait for it.
constexpr int64_t kTopologyHasteUs = 20'000;
// Of the text that tells who cannot be reached, some.
constexpr size_t kUnreachedBytes = 500;

}  // namespace

std::string ClusterNode::topology_without(const NodeId& peer) const {
  const std::shared_ptr<const cluster::Placement> placement = this->placement();
  std::string bytes;
  if (placement == nullptr) return bytes;
  const std::vector<NodeId>& removed = placement->topology.removed;
  if (std::binary_search(removed.begin(), removed.end(), peer))
    cluster::encode_topology(placement->topology, &bytes);
  return bytes;
}

void ClusterNode::adopt(cluster::Topology topology) {
  if (engine::Status status = cluster::check_membership(topology, id_); !status.ok()) {
    log_text(LogLevel::kWarning, "Stopping: " + status.message());
    return server_.request_shutdown();
  }
  // Before anybody serves by this topology. Until now commands on keys were refused, so there are no records.
  if (engine::Status status = server_.engine().adopt_hash_seed(topology.hash_seed); !status.ok()) {
    log_text(LogLevel::kWarning, "Cannot be a member of this cluster: " + status.message() + ". Stopping.");
    return server_.request_shutdown();
  }
  learn_members(topology);
  if (!numbers_.learn(topology)) {
    log_text(LogLevel::kWarning,
             "Stopping: this process has known too many nodes. It can be started again at once.");
    return server_.request_shutdown();
  }
  auto placement = std::make_shared<const cluster::Placement>(std::move(topology), id_, &numbers_);
  if (repair_ != nullptr) repair_->before_placement(*placement);
  {
    std::lock_guard lock(mutex_);
    placement_ = placement;
    waiting_for_.clear();
  }
  std::vector<NodeId> members;
  for (const cluster::Member& member : placement->topology.members) members.push_back(member.id);
  server_.clock_keeper().set_members(members);
  keep_time();
  if (!confirmed_) greet_members();
  publish_health();
  placement_version_.fetch_add(1, std::memory_order_release);
  for (ClusterThread* thread : threads_)
    thread->io_thread().loop().post([thread] { thread->follow_placement(); });
}

void ClusterNode::ask_for_topology() {
  const int64_t now_us = server_.clock().monotonic_us();
  if (now_us - asked_for_topology_us_ < kTopologyRetryUs) return;
  for (const cluster::MemberView& member : membership_->members()) {
    if (member.description.topology_epoch <= own_epoch() || member.phase != Phase::kAlive) continue;
    if (!member.counts) continue;
    if (ask_for_topology(member.id)) return;
  }
}

bool ClusterNode::ask_for_topology(const NodeId& peer) {
  if (!threads_.front()->links().send(peer, FrameKind::kTopologyRequest, 0, {})) return false;
  asked_for_topology_us_ = server_.clock().monotonic_us();
  asked_ = peer;
  return true;
}

void ClusterNode::newer_topology_at(const NodeId& peer) {
  run_on_first([this, peer] {
    const bool asked =
        asked_ == peer && server_.clock().monotonic_us() - asked_for_topology_us_ < kTopologyHasteUs;
    if (asked) return;
    (void)ask_for_topology(peer);
  });
}

void ClusterNode::receive_topology(std::string_view bytes) {
  asked_ = {};
  cluster::Topology topology;
  if (!cluster::decode_topology(bytes, &topology).ok()) return;
  // Who is no member yet takes part in a cluster that counts it in, not in any that talks to it; a member learns that
  // it is none any more.
  if (topology.epoch <= own_epoch()) return;
  // Unless it was counted in and, as the change was aborted, out again before it had heard of it.
  const bool removed = std::binary_search(topology.removed.begin(), topology.removed.end(), id_);
  if (!topology_->formed() && !removed && topology.index_of(id_) == cluster::kNoNode) return;
  topology_->learn(topology, server_.clock().monotonic_us());
}

cluster::Epoch ClusterNode::served_epoch() const {
  cluster::Epoch least = own_epoch();
  for (const ClusterThread* thread : threads_) least = std::min(least, thread->served_epoch());
  return least;
}

cluster::Epoch ClusterNode::own_epoch() const {
  const auto& decided = topology_->memory().acceptor.decided;
  return decided ? decided->epoch : 0;
}

void ClusterNode::follow_forming() {
  const int64_t now_us = server_.clock().monotonic_us();
  topology_->observe(membership_->members(), now_us);
  std::string waits = topology_->waiting_for(now_us), unreached = unreached_nodes();
  bool news;
  {
    std::lock_guard lock(mutex_);
    news = !waits.empty() && waiting_for_ != waits;
    waiting_for_ = waits;
    unreached_ = std::move(unreached);
  }
  if (news) log_text(LogLevel::kNotice, "The cluster has not formed: " + waits);
}

// As "no link to 127.0.0.1:17002: connection refused".
std::string ClusterNode::unreached_nodes() const {
  std::string text;
  size_t left_out = 0;
  const int64_t now_ms = server_.clock().monotonic_us() / 1000;
  for (const BusTargetReport& target : threads_.front()->links().report()) {
    const std::string twin = TwinTable::of_process().complaint(target.id, now_ms);
    if (!twin.empty() && text.find(twin) == std::string::npos) text += (text.empty() ? "" : "; ") + twin;
    if (target.connected || target.is_self || target.last_failure.empty()) continue;
    if (text.size() >= kUnreachedBytes) {
      ++left_out;
      continue;
    }
    if (!text.empty()) text += "; ";
    text += "no link to " + target.address + ": " + target.last_failure;
  }
  if (left_out != 0) text += "; and " + std::to_string(left_out) + " more";
  // Some of it may be the words of who has proved nothing yet.
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
  return text;
}

std::string ClusterNode::waiting_for() const {
  std::lock_guard lock(mutex_);
  return waiting_for_.empty() || unreached_.empty() ? waiting_for_ + unreached_
                                                    : waiting_for_ + "; " + unreached_;
}

}  // namespace starling::server
