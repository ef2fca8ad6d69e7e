// Changes of collections that one loop makes and another one ships. Follows server/cluster/cluster_order.cc.
#include <utility>

#include "cluster/wire/data_messages.h"
#include "tests/sim/sim_node.h"

namespace starling::sim {
namespace {

// Until a loop that was woken looks at what it was handed.
constexpr uint64_t kWakeUs = 300;

}  // namespace

void SimNode::made(const engine::ChangeList& changes) {
  if (setting_.mutation == Mutation::kOrderDropped) return;
  for (size_t i = 0; i < changes.size(); ++i) {
    const engine::ReplicaChange change = changes[i];
    if (!change.ordered || order_.begin(change.partition, current_)) continue;
    if (handed_.empty()) {
      handed_.assign(changes.size(), false);
      handed_token_ = next_token_++;
    }
    handed_[i] = true;
    cluster::HandedChange handed{current_,        handed_token_,     change.partition,
                                 running_quorum_, running_began_us_, {}};
    append(change, &handed.change);
    bool first;
    const size_t loop = order_.hand_over(std::move(handed), &first);
    if (first) later_on(loop, static_cast<int64_t>(world_.random().below(kWakeUs)), [] {});
  }
}

void SimNode::append(const engine::ReplicaChange& change, std::string* message) {
  cluster::append_change(
      {static_cast<uint8_t>(change.database), cluster::form_of(change.kind), change.key, change.bytes},
      message);
}

void SimNode::ship_handed() {
  for (const cluster::HandedChange& handed : order_.take(current_)) {
    const uint64_t token = next_token_++;
    shipped_for_[token].origins.push_back({handed.origin, handed.token});
    ship_changes(handed.partition, handed.change, handed.options, handed.began_us, token, 1);
  }
}

void SimNode::ship_changes(uint16_t partition, const std::string& changes,
                           const cluster::QuorumOptions& quorum, int64_t began_us, uint64_t token,
                           size_t ordered) {
  const uint64_t batch = coordinator().batch_for(partition, quorum, now_us(), ordered != 0);
  if (batch != 0) {
    coordinator().join(batch, partition, token, ordered) += changes;
    coordinator().began(batch, began_us);
  } else {
    coordinator().begin_write(partition, changes, quorum, now_us(), began_us, token, ordered);
  }
}

}  // namespace starling::sim
