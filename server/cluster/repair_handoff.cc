// Repair's part in a change of the ring: this node is brought, by comparison with those who hold them now, the
// records that it will hold. See cluster/handoff/receiving.h.
#include "server/cluster/cluster_thread.h"
#include "server/cluster/repair.h"
#include "server/process/log.h"
#include "server/server.h"

namespace starling::server {

using cluster::NodeIndex;

void Repair::follow_ring() {
  const auto placement = hooks_.placement();
  if (placement == nullptr || placement == receiving_.placement()) return;
  dropper_.follow(receiving_.placement().get(), *placement);
  receiving_.follow(placement);
  handoff_keys_ = 0;
}

bool Repair::down(NodeIndex node) const {
  return hooks_.down(receiving_.placement()->id_of(node));
}

bool Repair::reachable(NodeIndex node) const {
  const cluster::NodeId& id = receiving_.placement()->id_of(node);
  return hooks_.healthy(id) && thread_.links().connected(id);
}

bool Repair::ask_for_handoff() {
  if (receiving_.finish() && receiving_.total() != 0) {
    log_text(LogLevel::kNotice, "This node has been brought what it will hold, the ring can change: " +
                                    std::to_string(handoff_keys_) + " keys differed");
  }
  while (const auto stretch = receiving_.next(server_.clock().monotonic_us()))
    ask(receiving_.placement()->id_of(stretch->peer), stretch->partitions, true, stretch->number);
  return receiving_.under_way();
}

void Repair::note_brought(const Asking& asking) {
  handoff_keys_ += asking.exchange.figures().differences;
  receiving_.ended(asking.stretch, asking.exchange.equal() | asking.exchange.brought(),
                   server_.clock().monotonic_us());
}

}  // namespace starling::server
