// Changes of collections leave in the order in which they were made, by whichever loop that is
// (cluster/data/ordered_changes.h): what ClusterThread hands over to other loops, and takes from them.
#include <utility>

#include "server/cluster/cluster_node.h"
#include "server/cluster/cluster_thread.h"
#include "server/io_thread.h"
#include "server/server.h"

namespace starling::server {

// The keys are locked: nobody else's change of them comes in between.
void ClusterThread::made(const engine::ChangeList& changes) {
  // What all nodes run themselves is not shipped.
  if (broadcast_token_ != 0) return;
  cluster::OrderedChanges& order = node_.order();
  const auto self = static_cast<size_t>(io_thread_.index());
  for (size_t i = 0; i < changes.size(); ++i) {
    const engine::ReplicaChange change = changes[i];
    if (!change.ordered || order.begin(change.partition, self)) continue;
    if (handed_.empty()) {
      handed_.assign(changes.size(), false);
      handed_token_ = next_token_++;
    }
    handed_[i] = true;
    cluster::HandedChange handed{
        self, handed_token_, change.partition, quorum_of(*runs_for_), began_us(*runs_for_), {}};
    append(change, &handed.change);
    bool first;
    const size_t loop = order.hand_over(std::move(handed), &first);
    if (first) loops_to_wake_.push_back(loop);
  }
}

// Once the keys are unlocked.
void ClusterThread::wake_loops() {
  for (const size_t loop : std::exchange(loops_to_wake_, {})) {
    ClusterThread& thread = node_.loop(loop);
    // It commits what it ships, as its log is this one's.
    thread.io_thread().loop().post([&thread] { thread.io_thread().commit_gate().note_change(); });
  }
}

void ClusterThread::ship_handed() {
  const auto self = static_cast<size_t>(io_thread_.index());
  uint64_t last_batch = 0, token = 0;
  for (const cluster::HandedChange& handed : node_.order().take(self)) {
    const uint64_t batch = coordinator_.batch_for(handed.partition, handed.options, pass_us_, true);
    const bool joins = batch != 0 && batch == last_batch;
    if (!joins) token = next_token_++;
    shipped_for_[token].origins.push_back({handed.origin, handed.token});
    last_batch = batch;
    if (batch == 0) {
      coordinator_.begin_write(handed.partition, handed.change, handed.options, pass_us_, handed.began_us,
                               token, 1);
      // The loop that made it does not know of the hints that this left.
      if (take_hinted()) hints_handed_ = io_thread_.server().engine().last_position();
    } else {
      coordinator_.join(batch, handed.partition, joins ? 0 : token, 1) += handed.change;
      coordinator_.began(batch, handed.began_us);
    }
  }
}

void ClusterThread::tell_origins() {
  engine::Engine& engine = io_thread_.server().engine();
  if (engine.fsync() == engine::Fsync::kAlways && !engine.durable(hints_handed_)) return;
  for (size_t loop = 0; loop < to_tell_.size(); ++loop) {
    if (to_tell_[loop].empty()) continue;
    ClusterThread& thread = node_.loop(loop);
    thread.io_thread().loop().post([&thread, ended = std::exchange(to_tell_[loop], {})] {
      for (const auto& [token, failure] : ended) thread.end_write(token, failure);
    });
  }
}

}  // namespace starling::server
