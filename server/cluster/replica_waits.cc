#include "server/cluster/replica_waits.h"

#include <algorithm>
#include <utility>

#include "engine/memory/settled.h"
#include "engine/record/record_codec.h"
#include "server/cluster/cluster_thread.h"
#include "server/io_thread.h"
#include "server/server.h"

namespace starling::server {
namespace {

constexpr size_t kMaxActors = 1 << 16;
constexpr int64_t kFirstPauseUs = 2'000;
constexpr int64_t kLongestPauseUs = 100'000;

// What a node has seen of a key. What is settled all have.
struct Seen {
  engine::VersionVector context;
  engine::Stamp settled = 0;
};

bool read_seen(std::string_view context, Seen* seen) {
  seen->settled = engine::take_settled(&context);
  return context.empty() || engine::decode_context(context, kMaxActors, &seen->context).ok();
}

// As far as it is known which can be reached: who has written nothing waits for nothing.
int64_t other_replicas(const ClusterThread& thread) {
  const auto& placement = thread.placement();
  if (placement == nullptr) return 0;
  int64_t up = 0;
  for (cluster::NodeIndex node = 0; node < placement->topology.members.size(); ++node)
    up += node != placement->self && thread.healthy(node) ? 1 : 0;
  return std::min(up, static_cast<int64_t>(placement->replicas(0).size()) - 1);
}

}  // namespace

int64_t other_holders(std::span<const cluster::PeerVersion> versions) {
  std::vector<Seen> seen;
  engine::VersionVector newest;
  for (const cluster::PeerVersion& version : versions) {
    if (!read_seen(version.context, &seen.emplace_back())) seen.pop_back();
  }
  for (const Seen& one : seen) newest.join(one.context);
  const auto holders = std::count_if(seen.begin(), seen.end(), [&newest](const Seen& one) {
    return one.context.covers(newest, one.settled);
  });
  return std::max<int64_t>(holders - 1, 0);
}

void ReplicaWaits::begin(const Client& client, int64_t wanted, int64_t timeout_ms, PendingReply pending) {
  const int64_t now_us = io_thread_.server().clock().monotonic_us();
  // What no clock holds is as good as none.
  const bool ends = timeout_ms > 0 && timeout_ms < (INT64_MAX - now_us) / 1000;
  waits_.emplace(next_++, Wait{std::move(pending), client.last_written.database, client.last_written.key,
                               wanted, ends ? now_us + timeout_ms * 1000 : 0});
  tick(now_us);
}

void ReplicaWaits::tick(int64_t now_us) {
  std::vector<uint64_t> ended, due;
  for (auto& [number, wait] : waits_) {
    Client* const client = io_thread_.find_client(wait.pending.client_id());
    const bool late = wait.deadline_us != 0 && now_us >= wait.deadline_us;
    if (wait.key.empty()) {
      wait.known = other_replicas(thread_);
      wait.told = true;
    }
    if (client == nullptr || client->closing || late || (wait.told && wait.known >= wait.wanted)) {
      ended.push_back(number);
    } else if (!wait.key.empty() && !wait.asked && now_us >= wait.ask_at_us && client->forwarded.empty()) {
      due.push_back(number);
    }
  }
  for (const uint64_t number : ended) {
    const auto found = waits_.find(number);
    found->second.pending.complete(
        [known = found->second.known](resp::ReplyWriter& reply) { reply.integer(known); });
    waits_.erase(found);
  }
  for (const uint64_t number : due) ask(number, waits_.find(number)->second);
}

void ReplicaWaits::ask(uint64_t number, Wait& wait) {
  wait.asked = true;
  wait.pause_us = std::clamp(2 * wait.pause_us, kFirstPauseUs, kLongestPauseUs);
  thread_.survey(wait.database, wait.key, [this, number](const std::vector<cluster::PeerVersion>& versions) {
    take(number, versions);
  });
}

void ReplicaWaits::take(uint64_t number, std::span<const cluster::PeerVersion> versions) {
  const auto found = waits_.find(number);
  if (found == waits_.end()) return;
  Wait& wait = found->second;
  wait.asked = false;
  wait.told = true;
  wait.known = other_holders(versions);
  const int64_t now_us = io_thread_.server().clock().monotonic_us();
  wait.ask_at_us = now_us + wait.pause_us;
  if (wait.known >= wait.wanted) tick(now_us);
}

}  // namespace starling::server
