// Commands of which several nodes run a part, or that go from node to node: ClusterThread's side of fan_out.h
// and scan_walk.h.
#include <algorithm>
#include <utility>

#include "server/cluster/cluster_node.h"
#include "server/cluster/cluster_thread.h"
#include "server/cluster/slot_map.h"
#include "server/commands/scan_options.h"
#include "server/execute/dispatcher.h"
#include "server/io_thread.h"
#include "server/process/thread_random.h"
#include "server/server.h"

namespace starling::server {
namespace {

using cluster::NodeIndex;

// Times that a command over all keys is asked anew because a node was lost.
constexpr int kMaxGathers = 4;
// What walks over many keys may take on a node.
constexpr int64_t kWholeTimeoutUs = 60'000'000;
// So many are not compared with all that is under way for their client: they wait for the end of it.
constexpr size_t kManyKeys = 1024;

}  // namespace

// Of commands whose keys may be apart. Nothing: the command takes its usual way.
std::optional<Admission> ClusterThread::admit_fan_out(Client& client, const Command& command,
                                                      Arguments arguments,
                                                      std::span<const engine::KeyRef> keys, bool writes) {
  const Join join = command.spec->join;
  if (join == Join::kNone || keys.size() < 2) return std::nullopt;
  const auto step = static_cast<size_t>(command.spec->keys.front().step);
  if (arguments.size() != 1 + keys.size() * step) return std::nullopt;
  std::vector<NodeIndex> targets;
  targets.reserve(keys.size());
  for (const engine::KeyRef& key : keys) {
    targets.push_back(target_for(client, {&key, 1}, writes, false));
    if (targets.back() == cluster::kNoNode)
      return refuse_unless_connecting(
          client, "NOQUORUM no replica of one of the keys can be reached; nothing was done");
  }
  const bool one_node =
      std::all_of(targets.begin(), targets.end(), [&](NodeIndex target) { return target == targets[0]; });
  if (one_node && holds_all(keys, targets[0])) return std::nullopt;
  if (keys.size() > kManyKeys && !client.forwarded.empty()) return wait_for_nodes(client);
  for (size_t i = 0; i < keys.size(); ++i) {
    if (overtakes(client, keys[i], targets[i], false)) return wait_for_nodes(client);
  }
  statistics_.fan_outs.add(1);
  auto begun = std::make_unique<Gather>();
  Gather& gather = *begun;
  gather.join = join;
  gather.writes = writes;
  gather.parts = split_keys(targets);
  gather.replies.resize(gather.parts.size());
  gather.pending = gather.parts.size();
  gather.prefix = prefix_of(client);
  begin_gather(client, std::move(begun));
  const uint64_t token = gather.held_id;
  if (writes) client.forwarded_writes.add(std::nullopt);
  for (size_t part = 0; part < gather.parts.size(); ++part) {
    std::vector<engine::KeyRef> own;
    for (const size_t key : gather.parts[part].keys) own.push_back(keys[key]);
    send_part(client, token, gather, part, part_arguments(arguments, step, gather.parts[part]), own);
  }
  if (gather.pending == 0) finish_gather(token, {});
  return Admission::kAnswered;
}

// Leaves a place for its reply among the client's.
void ClusterThread::begin_gather(Client& client, std::unique_ptr<Gather> gather) {
  gather->client_id = client.id();
  gather->held_id = next_token_++;
  gather->silent = client.mutes_replies();
  const uint64_t from = client.output.position();
  Dispatcher::apply_reply_mode(client, from);
  client.held_replies.hold(gather->held_id, from, client.output);
  const uint64_t token = gather->held_id;
  gathers_.emplace(token, std::move(gather));
}

// What cannot be sent, or has nobody to go to, counts as answered with an error.
void ClusterThread::send_part(Client& client, uint64_t token, Gather& gather, size_t part,
                              Arguments arguments, std::span<const engine::KeyRef> keys) {
  const NodeIndex target = gather.parts[part].node;
  const auto lose = [&](std::string_view what) {
    gather.replies[part] = "-NOQUORUM " + std::string(what) + "\r\n";
    gather.lost = true;
    --gather.pending;
  };
  if (target == cluster::kNoNode) return lose("no node that holds a part of the keys can be reached");
  Forward forward = new_forward(client, target, gather.writes);
  forward.gather_token = token;
  forward.part = part;
  if (gather.deadline_us != 0) forward.deadline_us = gather.deadline_us;
  if (!keys.empty()) forward.retry = gather.writes ? Retry::kSameNode : Retry::kAnywhere;
  for (const engine::KeyRef& key : keys) forward.partitions.push_back(key.key.partition);
  forward.requests = encode_forwarded(gather.prefix, arguments);
  const uint64_t correlation = send_forward(client, std::move(forward));
  if (correlation == 0) return lose("the node that coordinates a key cannot be reached");
  note_forwarded(client, correlation, target, keys);
}

// Once for each partition.
void ClusterThread::note_forwarded(Client& client, uint64_t correlation, NodeIndex target,
                                   std::span<const engine::KeyRef> keys) {
  std::vector<uint16_t> partitions;
  for (const engine::KeyRef& key : keys) partitions.push_back(key.key.partition);
  std::sort(partitions.begin(), partitions.end());
  partitions.erase(std::unique(partitions.begin(), partitions.end()), partitions.end());
  for (const uint16_t partition : partitions) client.forwarded.push_back({correlation, partition, target});
}

void ClusterThread::take_part(uint64_t token, size_t part, std::string_view reply, bool lost) {
  const auto found = gathers_.find(token);
  if (found == gathers_.end()) return;
  Gather& gather = *found->second;
  gather.lost |= lost;
  if (gather.walk != nullptr) return take_stretch(token, reply);
  gather.replies[part] = reply;
  if (--gather.pending > 0) return;
  Client* client = io_thread_.find_client(gather.client_id);
  const bool whole = gather.deadline_us != 0;
  if (whole && gather.lost && client != nullptr && gather.attempts < kMaxGathers &&
      now_us() < gather.deadline_us) {
    // Others answer for what the lost node was to tell.
    return ask_parts(*client, token, gather);
  }
  finish_gather(token, {});
}

// `reply`: in place of what the parts come to, unless it is empty.
void ClusterThread::finish_gather(uint64_t token, std::string_view reply) {
  const auto found = gathers_.find(token);
  const std::unique_ptr<Gather> gather = std::move(found->second);
  gathers_.erase(found);
  std::string joined(reply);
  const auto failed = gather->join == Join::kAnyOk
                          ? gather->replies.end()
                          : std::find_if(gather->replies.begin(), gather->replies.end(),
                                         [](const std::string& part) { return part.starts_with('-'); });
  if (joined.empty() && failed != gather->replies.end()) {
    joined = *failed;
    if (gather->writes && gather->parts.size() > 1) {
      joined.resize(joined.size() - 2);
      joined += "; what this command does on other nodes may have taken effect\r\n";
    }
  }
  if (joined.empty())
    joined = join_replies(gather->join, gather->parts, gather->replies, thread_random().next());
  const bool whole = gather->deadline_us != 0 || gather->everywhere;
  if (Client* client = io_thread_.find_client(gather->client_id); whole && client != nullptr)
    client->awaits_reply = false;
  release(gather->client_id, gather->held_id, gather->silent ? std::string_view() : joined);
  wake(gather->client_id);
}

// --- On all nodes.

// What every node has to know or to do, such as scripts: those that can be reached, this one among them. The client
// goes on when all have answered.
Admission ClusterThread::admit_every_node(Client& client, const Command& command, Arguments arguments) {
  if (connecting()) return refuse_unless_connecting(client, {});
  if (!client.forwarded.empty()) return wait_for_nodes(client);
  statistics_.fan_outs.add(1);
  auto begun = std::make_unique<Gather>();
  Gather& gather = *begun;
  gather.join = command.spec->join;
  gather.everywhere = true;
  gather.prefix = prefix_of(client);
  for (const NodeIndex node : placement_->nodes()) {
    if (healthy(node)) gather.parts.push_back({node, {}});
  }
  gather.replies.resize(gather.parts.size());
  gather.pending = gather.parts.size();
  begin_gather(client, std::move(begun));
  const uint64_t token = gather.held_id;
  client.awaits_reply = true;
  client.wait_for(Waiting::kForNodes);
  for (size_t part = 0; part < gather.parts.size(); ++part)
    send_part(client, token, gather, part, arguments, {});
  if (gather.pending == 0) finish_gather(token, {});
  return Admission::kAnswered;
}

// --- Over all keys.

// Of commands that tell of all keys, unless all are here. Nothing: it is none.
std::optional<Admission> ClusterThread::admit_whole_read(Client& client, const Command& command,
                                                         Arguments arguments) {
  if (holds_everything_) return std::nullopt;
  const auto tells_of_all = [](const CommandSpec& spec) {
    return spec.scope == Scope::kKeyspace && (spec.flags & kWrite) == 0;
  };
  if (client.transaction.open) {
    const auto& queue = client.transaction.queue;
    const bool refused = command.executes && !client.transaction.broken &&
                         std::any_of(queue.begin(), queue.end(), [&](const QueuedCommand& queued) {
                           return tells_of_all(*queued.command->spec);
                         });
    if (!refused) return std::nullopt;
    refuse(client,
           "EXECABORT Transaction discarded because no node holds all keys: DBSIZE, KEYS, RANDOMKEY and SCAN "
           "are answered outside MULTI only");
    return Admission::kAnswered;
  }
  if (!tells_of_all(*command.spec)) return std::nullopt;
  uint64_t cursor = 0;
  const bool scan = command.spec->join == Join::kWalk;
  if (scan && !parse_scan_cursor(arguments[1], &cursor)) return std::nullopt;
  if (connecting()) return refuse_unless_connecting(client, {});
  // What it sent before is to be seen.
  if (!client.forwarded.empty()) return wait_for_nodes(client);
  statistics_.fan_outs.add(1);
  auto begun = std::make_unique<Gather>();
  Gather& gather = *begun;
  gather.join = command.spec->join;
  gather.prefix = prefix_of(client);
  gather.arguments.assign(arguments.begin(), arguments.end());
  gather.deadline_us = now_us() + kWholeTimeoutUs;
  if (scan) gather.walk = std::make_unique<ScanWalk>(arguments, cursor);
  if (scan && gather.walk->partition() >= engine::kPartitionCount) return std::nullopt;
  begin_gather(client, std::move(begun));
  client.awaits_reply = true;
  client.wait_for(Waiting::kForNodes);
  if (scan) {
    ask_next_stretch(gather.held_id);
  } else {
    ask_parts(client, gather.held_id, gather);
  }
  return Admission::kAnswered;
}

// Each node that can be reached, for the partitions that it answers for among those.
void ClusterThread::ask_parts(Client& client, uint64_t token, Gather& gather) {
  ++gather.attempts;
  gather.lost = false;
  PartitionScope scope;
  scope.epoch = epoch();
  for (const NodeIndex node : placement_->nodes()) {
    if (healthy(node)) scope.add(placement_->place_of(node));
  }
  const std::vector<NodeIndex> nodes = answering_nodes(*placement_, scope);
  gather.parts = split_keys(nodes);
  gather.replies.assign(gather.parts.size(), {});
  gather.pending = gather.parts.size();
  gather.prefix.scope = std::move(scope);
  const std::vector<std::string_view> arguments(gather.arguments.begin(), gather.arguments.end());
  for (size_t part = 0; part < gather.parts.size(); ++part) {
    send_part(client, token, gather, part, arguments, {});
  }
  if (gather.pending == 0) finish_gather(token, {});
}

// SCAN goes on at the replica that holds the longest stretch from here on. Who is known to have missed writes
// comes last.
void ClusterThread::ask_next_stretch(uint64_t token) {
  Gather& gather = *gathers_.find(token)->second;
  Client* client = io_thread_.find_client(gather.client_id);
  if (client == nullptr) return (void)gathers_.erase(token);
  const uint32_t partition = gather.walk->partition();
  NodeIndex best = cluster::kNoNode;
  uint32_t best_length = 0;
  bool best_misses = true;
  for (const NodeIndex node : placement_->replicas(partition)) {
    if (!healthy(node)) continue;
    const bool misses = node_.hints_waiting(placement_->id_of(node)) != 0;
    const uint32_t length = run_length(*placement_, partition, node);
    if (misses && !best_misses) continue;
    if (misses == best_misses && length <= best_length) continue;
    best = node;
    best_length = length;
    best_misses = misses;
  }
  if (best == cluster::kNoNode) {
    best_length = 1;
    placement_->preference.walk(partition, [&](NodeIndex node) {
      if (healthy(node)) best = node;
      return best == cluster::kNoNode;
    });
  }
  PartitionScope scope;
  scope.epoch = epoch();
  scope.end = partition + best_length;
  gather.prefix.scope = scope;
  gather.parts = {FanOutPart{best, {}}};
  gather.replies.assign(1, {});
  gather.pending = 1;
  gather.lost = false;
  const std::vector<std::string> request = gather.walk->request(scope.end);
  const std::vector<std::string_view> arguments(request.begin(), request.end());
  send_part(*client, token, gather, 0, arguments, {});
  if (gather.pending == 0) finish_gather(token, {});
}

void ClusterThread::take_stretch(uint64_t token, std::string_view reply) {
  Gather& gather = *gathers_.find(token)->second;
  if (gather.lost && ++gather.attempts < kMaxGathers) return ask_next_stretch(token);
  if (reply.starts_with('-') || !gather.walk->take(reply)) return finish_gather(token, reply);
  if (!gather.walk->done()) return ask_next_stretch(token);
  finish_gather(token, gather.walk->reply());
}

std::shared_ptr<const PartitionSet> ClusterThread::partitions_of(const PartitionScope& scope) const {
  if (placement_ == nullptr || scope.epoch != epoch()) return nullptr;
  auto partitions = std::make_shared<PartitionSet>(engine::kPartitionCount, scope.reachable.empty());
  if (scope.reachable.empty()) return partitions;
  const std::vector<NodeIndex> nodes = answering_nodes(*placement_, scope);
  for (uint32_t i = 0; i < engine::kPartitionCount; ++i) (*partitions)[i] = nodes[i] == placement_->self;
  return partitions;
}

// Changes of the whole keyspace: every node has to make them, or what one keeps would come back by repair.
Admission ClusterThread::admit_whole(Client& client, const Command& command, Arguments arguments) {
  if (client.tunnel != nullptr) return Admission::kRun;
  if (command.spec->join == Join::kNone || client.transaction.open) {
    refuse(client, "ERR in a cluster only FLUSHALL and FLUSHDB change whole databases, and not inside MULTI");
    return Admission::kAnswered;
  }
  for (const NodeIndex node : placement_->nodes()) {
    if (healthy(node)) continue;
    const cluster::NodeDescription lost = present_members(node_, *placement_)[node];
    refuse(client, "NOQUORUM this needs every node, and " + lost.host + ":" + std::to_string(lost.port) +
                       " cannot be reached: what it keeps would come back. Nothing was done");
    return Admission::kAnswered;
  }
  broadcast_token_ = next_token_++;
  broadcast_pending_ = 0;
  for (const NodeIndex node : placement_->nodes()) {
    if (node == placement_->self) continue;
    Forward forward = new_forward(client, node, true);
    forward.broadcast_token = broadcast_token_;
    forward.requests = encode_forwarded(prefix_of(client), arguments);
    if (send_forward(client, std::move(forward)) != 0) ++broadcast_pending_;
  }
  return Admission::kRun;
}

}  // namespace starling::server
