// A node that stops of its own accord: ClusterNode's and ClusterThread's part in it. See README.md,
// "Stopping".
#include <algorithm>
#include <string>

#include "server/cluster/cluster_node.h"
#include "server/cluster/cluster_thread.h"
#include "server/io_thread.h"
#include "server/process/log.h"
#include "server/process/node_names.h"
#include "server/server.h"

namespace starling::server {
namespace {

using cluster::FrameKind;
using cluster::NodeId;
using cluster::NodeIndex;

// How long a node that stops waits for others to confirm that they know.
constexpr int64_t kLeavingNoticeUs = 3'000'000;
// What a node that stops gives its work to end.
constexpr int64_t kLeaveTimeoutUs = 5'000'000;
constexpr int64_t kLeavePeriodMs = 5;

}  // namespace

void ClusterNode::on_leaving(const NodeId& peer) {
  const std::shared_ptr<const cluster::Placement> placement = this->placement();
  const NodeIndex index = placement == nullptr ? cluster::kNoNode : placement->number_of(peer);
  if (index == cluster::kNoNode) return;
  healthy_[index].store(false, std::memory_order_relaxed);
  if (leaving_[index].exchange(true)) return;
  log_text(LogLevel::kNotice, "Node " + node_name(peer) + " is stopping. Requests go around it");
}

void ClusterNode::leave(std::function<void()> done) {
  on_left_ = std::move(done);
  leaving_since_us_ = server_.clock().monotonic_us();
  for (ClusterThread* thread : threads_) thread->io_thread().loop().post([thread] { thread->leave(); });
  leave_timer_ = std::make_unique<Timer>(server_.io_threads().front()->loop(), [this] {
    const bool left = std::all_of(threads_.begin(), threads_.end(),
                                  [](const ClusterThread* thread) { return thread->left(); });
    if (left || server_.clock().monotonic_us() - leaving_since_us_ > kLeaveTimeoutUs) {
      leave_timer_->stop();
      on_left_();
    }
  });
  leave_timer_->start(kLeavePeriodMs, kLeavePeriodMs);
}

void ClusterThread::leave() {
  leaving_ = true;
  leaving_since_us_ = now_us();
  std::erase_if(accepted_, [this](LinkId link) { return !links_.reply(link, FrameKind::kLeaving, 0, {}); });
  io_thread_.blocked().start_all_over();
  // As if they had said all they have to say.
  io_thread_.for_each_client([this](Client& client) {
    if (client.tunnel != nullptr) return;
    client.end_of_input = true;
    client.reading = false;
    io_thread_.output_pending(client);
  });
}

void ClusterThread::follow_leaving() {
  std::erase_if(accepted_, [this](LinkId link) { return !links_.alive(link); });
  size_t own_clients = 0;
  io_thread_.for_each_client([&](Client& client) {
    // Who asked for the end waits for it.
    const bool asked_for_it =
        client.waiting == Waiting::kForAnswer && (client.last_command->spec->flags & kEndsServer) != 0;
    own_clients += client.tunnel == nullptr && !asked_for_it ? 1 : 0;
  });
  const bool told = accepted_.empty() || now_us() - leaving_since_us_ > kLeavingNoticeUs;
  if (told && own_clients == 0 && tunnels_.idle() && forwards_.size() == 0 && coordinator_.under_way() == 0)
    left_.store(true, std::memory_order_release);
}

}  // namespace starling::server
