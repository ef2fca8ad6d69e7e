// Changes of the ring: ClusterNode's shell around cluster::TransitionDriver.
#include <utility>

#include "cluster/topology/ring_view.h"
#include "server/cluster/cluster_node.h"
#include "server/process/log.h"
#include "server/process/node_names.h"
#include "server/server.h"

namespace starling::server {

void ClusterNode::change_ring(cluster::RingChange change) {
  run_on_first([this, change = std::move(change)] {
    if (!ring_->request(change))
      log_text(LogLevel::kWarning, "Too many changes of the ring were asked for at once");
    follow_ring();
  });
}

void ClusterNode::abort_ring_change() {
  run_on_first([this] {
    ring_->request_abort();
    follow_ring();
  });
}

// The first loop.
void ClusterNode::follow_ring() {
  if (!topology_->formed() || !topology_->may_propose()) return;
  const cluster::Topology& present = *topology_->memory().acceptor.decided;
  const std::vector<cluster::RingNode> nodes = cluster::ring_view(membership_->members());
  const int64_t now_us = server_.clock().monotonic_us();
  cluster::TransitionSettings settings;
  settings.remove_after_us = server_.settings().auto_remove_after_seconds * 1'000'000;
  settings.replace_after_us = server_.settings().auto_replace_after_seconds * 1'000'000;
  ring_->set(settings);
  const auto proposal = ring_->proposal(present, nodes, now_us);
  {
    std::lock_guard lock(mutex_);
    ring_waits_for_ = ring_->waiting_for();
  }
  if (!proposal) return;
  for (const cluster::RingNode& node : nodes) {
    const cluster::NodeIndex place =
        node.down && !present.changing() ? proposal->index_of(node.id) : cluster::kNoNode;
    if (place != cluster::kNoNode && proposal->members[place].state == cluster::MemberState::kLeaving)
      log_text(LogLevel::kWarning,
               "Proposes to remove node " + node_name(node.id) + ", which is down, from the ring");
  }
  topology_->propose(*proposal, now_us);
}

RingReport ClusterNode::ring_report() const {
  RingReport report;
  const auto placement = this->placement();
  if (placement == nullptr) return report;
  report.phase = placement->topology.transition.phase;
  if (repair_ != nullptr) {
    const RepairReport repair = repair_->report();
    report.compared = repair.handoff_compared;
    report.total = repair.handoff_total;
    report.forgotten = repair.ring_forgotten;
    report.to_forget = repair.ring_to_forget;
  }
  std::lock_guard lock(mutex_);
  report.waiting_for = ring_waits_for_;
  return report;
}

}  // namespace starling::server
