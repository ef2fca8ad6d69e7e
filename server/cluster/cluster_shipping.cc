// What commands have changed goes to the replicas, and their replies wait for it: ClusterThread's part behind the
// handlers.
#include <algorithm>
#include <utility>

#include "server/cluster/cluster_node.h"
#include "server/cluster/cluster_thread.h"
#include "server/io_thread.h"

namespace starling::server {
namespace {

using cluster::NodeIndex;

// Changes of one partition that join those of others in a message.
constexpr size_t kLargestJoinedBytes = 8 << 10;

// Changes of one partition, which has its own replicas to count.
struct Part {
  uint16_t partition;
  size_t ordered = 0;
  std::string changes;
};

}  // namespace

// Most writes: of one partition, all of whose replicas can be reached.
bool ClusterThread::ship_in_batch(Client& client, uint64_t from) {
  const uint16_t partition = changes_[0].partition;
  size_t bytes = 0;
  for (size_t i = 0; i < changes_.size(); ++i) {
    if (changes_[i].partition != partition) return false;
    bytes += changes_[i].bytes.size();
  }
  if (bytes >= cluster::kLanePayloadBytes) return false;  // Others would wait for it.
  size_t ordered = 0;
  for (size_t i = 0; i < changes_.size(); ++i) ordered += changes_[i].ordered ? 1 : 0;
  const uint64_t batch = coordinator_.batch_for(partition, quorum_of(client), pass_us_, ordered != 0);
  if (batch == 0) return false;
  statistics_.writes_shipped.add(1);
  uint64_t token = 0;
  // Who asked for no reply waits for nothing. Replies side by side that wait for the same batch wait as one.
  const bool answered = client.output.position() != from;
  if (answered &&
      (batch != client.last_batch || !client.held_replies.extend(client.last_held, from, client.output))) {
    token = next_token_++;
    writes_.emplace(token, HeldWrite{client.id(), token, 1, {}, {}});
    client.held_replies.hold(token, from, client.output);
    client.last_batch = batch;
    client.last_held = token;
  }
  std::string& message = coordinator_.join(batch, partition, token, ordered);
  for (size_t i = 0; i < changes_.size(); ++i) append(changes_[i], &message);
  if (client.tunnel != nullptr) coordinator_.began(batch, began_us(client));
  changes_.clear();
  return true;
}

// A forwarded write ends when the node that forwarded it gives it up, so that nothing is made of it after that.
int64_t ClusterThread::began_us(const Client& client) const {
  const int64_t now = now_us();
  if (client.tunnel == nullptr) return now;
  return std::min(now, client.tunnel->deadline_us() - quorum_of(client).timeout_ms * 1000);
}

void ClusterThread::ship(Client& client, uint64_t from) {
  wake_loops();
  if (broadcast_token_ != 0) {
    changes_.clear();
    const uint64_t token = std::exchange(broadcast_token_, 0);
    if (broadcast_pending_ == 0) return;
    writes_.emplace(token, HeldWrite{client.id(), token, broadcast_pending_, {}, {}});
    client.held_replies.hold(token, from, client.output);
    return;
  }
  if (changes_.empty() && repairs_.empty()) return;
  if (repairs_.empty() && handed_.empty() && ship_in_batch(client, from)) return;
  ship_by_partition(client, from);
}

void ClusterThread::ship_by_partition(Client& client, uint64_t from) {
  std::vector<Part> parts;
  absl::flat_hash_map<uint16_t, size_t> places;
  size_t handed = 0;
  for (size_t i = 0; i < changes_.size(); ++i) {
    const engine::ReplicaChange change = changes_[i];
    if (!handed_.empty() && handed_[i]) {
      ++handed;
      continue;
    }
    const auto [place, added] = places.try_emplace(change.partition, parts.size());
    if (added) parts.push_back({change.partition, 0, {}});
    Part& part = parts[place->second];
    part.ordered += change.ordered ? 1 : 0;
    append(change, &part.changes);
  }
  cluster::QuorumOptions options = quorum_of(client);
  options.timeout_ms += cluster::work_us(0, changes_.size()) / 1000;  // The coordinator adds what bytes take.
  changes_.clear();
  handed_.clear();
  // Strict reads wait for repairs: else the next reader, asking others, could see less than this one did.
  const size_t awaited_repairs = options.mode == cluster::QuorumMode::kStrict ? repairs_.size() : 0;
  const uint64_t token = handed != 0 ? std::exchange(handed_token_, 0) : next_token_++;
  if (!parts.empty() || handed != 0) statistics_.writes_shipped.add(1);
  const size_t pending = parts.size() + handed + awaited_repairs;
  if (pending != 0) {
    // One more until all have begun: some may be done before.
    writes_.emplace(token, HeldWrite{client.id(), token, static_cast<int>(pending) + 1, {}, {}});
    client.held_replies.hold(token, from, client.output);
  }
  uint64_t last_batch = 0;
  for (const Part& part : parts) {
    const bool alone = parts.size() == 1 || part.changes.size() >= kLargestJoinedBytes;
    const uint64_t batch =
        alone ? 0 : coordinator_.batch_for(part.partition, options, pass_us_, part.ordered != 0);
    if (batch == 0) {
      coordinator_.begin_write(part.partition, part.changes, options, now_us(), began_us(client), token,
                               part.ordered);
      continue;
    }
    // Once for each batch, of which they share the fate.
    const bool joins = batch == std::exchange(last_batch, batch);
    if (joins) end_write(token, {});
    coordinator_.join(batch, part.partition, joins ? 0 : token, part.ordered) += part.changes;
    if (client.tunnel != nullptr) coordinator_.began(batch, began_us(client));
  }
  for (const Repair& repair : std::exchange(repairs_, {})) {
    statistics_.read_repairs.add(1);
    const NodeIndex nodes[] = {repair.node};
    coordinator_.begin_push(nodes, repair.changes, options.timeout_ms, now_us(),
                            awaited_repairs != 0 ? token : 0);
  }
  if (pending != 0) end_write(token, {});
}

void ClusterThread::write_done(uint64_t token, const cluster::Failure* failure) {
  const std::string text = failure == nullptr ? std::string() : "-" + failure->message() + "\r\n";
  if (const auto shipped = shipped_for_.find(token); shipped != shipped_for_.end()) {
    Shipped& write = shipped->second;
    if (write.failure.empty()) write.failure = text;
    if (--write.pending > 0) return;
    for (const Origin& origin : write.origins)
      to_tell_[origin.loop].emplace_back(origin.token, write.failure);
    shipped_for_.erase(shipped);
    return;
  }
  end_write(token, text);
}

void ClusterThread::end_write(uint64_t token, std::string_view failure) {
  const auto found = writes_.find(token);
  if (found == writes_.end()) return;
  HeldWrite& write = found->second;
  if (write.failure.empty()) write.failure = failure;
  if (--write.pending > 0) return;
  const HeldWrite finished = std::move(write);
  writes_.erase(found);
  if (!finished.failure.empty()) statistics_.writes_failed.add(1);
  if (finished.done) return finished.done(finished.failure.empty() ? Delivery::kStored : Delivery::kFailed);
  release(finished.client_id, finished.held_id, finished.failure);
}

}  // namespace starling::server
