// Where a command runs, and what must be asked before it may: the part of ClusterThread that stands in front
// of every command on keys.
#include <algorithm>
#include <utility>

#include "engine/base/assert.h"
#include "engine/replica/replication.h"
#include "server/cluster/cluster_node.h"
#include "server/cluster/cluster_thread.h"
#include "server/execute/dispatcher.h"
#include "server/io_thread.h"
#include "server/server.h"
#include "server/session/client_memory.h"

namespace starling::server {
namespace {

using cluster::NodeIndex;

// What a node that has just started gives its links to come up.
constexpr int64_t kConnectingUs = 3'000'000;
// What a link that broke is given to come back, before a command is refused because of it; no longer than its
// timeout.
constexpr int64_t kRelinkingUs = 2'000'000;
// Of a request beside its arguments, generously.
constexpr size_t kForwardOverheadBytes = 64 << 10;
// What changes that replicas have not answered may take at the node: no more than this, nor than this share of what
// clients may make it hold.
constexpr uint64_t kMostBacklogBytes = 256 << 20;
constexpr uint64_t kBacklogShare = 4;
// Of large values so much more may be under way before all writes wait: whatever is appended to one ships it whole.
constexpr uint64_t kLargeBacklogFactor = 4;

bool same_partition(std::span<const engine::KeyRef> keys) {
  return std::all_of(keys.begin(), keys.end(),
                     [&](const engine::KeyRef& key) { return key.key.partition == keys[0].key.partition; });
}

}  // namespace

bool ClusterThread::holds_all(std::span<const engine::KeyRef> keys, NodeIndex node) const {
  return std::all_of(keys.begin(), keys.end(),
                     [&](const engine::KeyRef& key) { return placement_->holds(key.key.partition, node); });
}

// The node that runs a command on these keys; kNoNode when none can. Reads stay here where they can. A node
// that cannot log a change (a full disk) runs no writes, as its peers do not count on it either. Keys of
// several partitions have no stand-in that would be all of theirs.
NodeIndex ClusterThread::target_of(std::span<const engine::KeyRef> keys, bool writes, bool strict) const {
  if (!writes && holds_all(keys, placement_->self) && !node_.stands_back(placement_->self))
    return placement_->self;
  const bool may_write = !writes || io_thread_.server().engine().writable();
  const bool scattered = !same_partition(keys);
  const auto can_run = [&](NodeIndex node) {
    return healthy(node) && (may_write || node != placement_->self) && (!scattered || holds_all(keys, node));
  };
  return placement_->runner(keys[0].key.partition, strict || scattered, can_run,
                            [this](NodeIndex node) { return node_.stands_back(node); });
}

// Whether the command looks at what its keys hold, so that other replicas have to be asked.
bool ClusterThread::must_read_first(const Client& client, const Command& command, Arguments arguments) const {
  return asks_others(client) && command.spec->reads_before(arguments);
}

// Keys that are watched elsewhere are read there, too: the node has what other clients have changed before
// anybody else. A transaction runs where its keys are watched.
NodeIndex ClusterThread::target_for(const Client& client, std::span<const engine::KeyRef> keys, bool writes,
                                    bool exec) const {
  const bool strict = quorum_of(client).mode == cluster::QuorumMode::kStrict;
  if (client.remote_watch && (exec || !writes)) {
    const NodeIndex node = client.remote_watch->node;
    if (healthy(node) && holds_all(keys, node)) return node;
    if (exec) return cluster::kNoNode;
  }
  if (exec && client.watch_state != nullptr)
    return holds_all(keys, placement_->self) ? placement_->self : cluster::kNoNode;
  return target_of(keys, writes, strict);
}

// A command that waits until the links of a node that has just started, or that broke a moment ago, are up;
// else the error.
Admission ClusterThread::refuse_unless_connecting(Client& client, std::string_view error) {
  if (connecting() || relinking(client)) {
    io_thread_.postpone(client, Waiting::kForLinks);
    return Admission::kWaits;
  }
  refuse(client, error);
  return Admission::kAnswered;
}

Admission ClusterThread::wait_for_nodes(Client& client) {
  client.wait_for(Waiting::kForNodes);
  return Admission::kWaits;
}

bool ClusterThread::runs_here(const Client& client, const Command& command, const PreparedRequest& prepared,
                              bool writes) {
  if (placement_ == nullptr || !node_.knows_time() || node_.stands_back(placement_->self) ||
      client.tunnel != nullptr || client.transaction.open || client.remote_watch ||
      !client.forwarded.empty() || client.parked_forwards != 0 || prepared.read != nullptr ||
      prepared.decided_by_us != 0 || command.parent != nullptr ||
      (command.spec->flags & kWholeKeyspace) != 0 ||
      must_read_first(client, command, prepared.request.arguments)) {
    return false;
  }
  const uint16_t partition = prepared.key->partition;
  if (!writes) return placement_->holds(partition, placement_->self);
  if (placement_->replicas(partition)[0] != placement_->self || !io_thread_.server().engine().writable() ||
      backlogged(prepared.request.arguments)) {
    return false;
  }
  return !refusal(partition, quorum_of(client), true).has_value();
}

// Why the quorum is out of reach; nothing: it is not. What was possible in this pass is.
std::optional<cluster::Failure> ClusterThread::refusal(uint16_t partition,
                                                       const cluster::QuorumOptions& options, bool write) {
  uint64_t* found = nullptr;
  if (&options == &defaults_) {
    found = &hopeful_[write ? 1 : 0][coordinator_.set_of(partition)];
    if (*found == pass_) return std::nullopt;
  }
  const cluster::Consistency& consistency = write ? options.write : options.read;
  std::optional<cluster::Failure> failure =
      coordinator_.hopeless(partition, consistency, options.mode, write);
  if (!failure && found != nullptr) *found = pass_;
  return failure;
}

void ClusterThread::note_written(Client& client, const engine::KeyRef& key) {
  constexpr size_t kLongestKept = 16 << 10;
  client.last_written.database = key.database;
  client.last_written.key =
      key.key.name.substr(0, key.key.name.size() <= kLongestKept ? std::string_view::npos : 0);
}

Admission ClusterThread::admit(Client& client, const Command& command, PreparedRequest& prepared,
                               std::span<const engine::KeyRef> keys, bool writes) {
  const uint32_t flags = command.spec->flags | client.transaction.flags;
  const bool whole = writes && (flags & kWholeKeyspace) != 0;
  const Arguments arguments = prepared.request.arguments;
  const bool own_client = client.tunnel == nullptr;
  if (own_client && command.spec->scope == Scope::kEveryNode && placement_ != nullptr &&
      !client.transaction.open)
    return admit_every_node(client, command, arguments);
  if (own_client && !whole && placement_ != nullptr) {
    if (const auto admission = admit_whole_read(client, command, arguments)) return *admission;
  }
  const bool placed = !keys.empty();
  const bool exec = client.transaction.open && command.executes;
  if (!placed && !whole && !(exec && client.remote_watch)) return Admission::kRun;
  if (placement_ == nullptr) {
    refuse(client, "CLUSTERDOWN The cluster has not formed yet: " + node_.waiting_for());
    return Admission::kAnswered;
  }
  if (!node_.knows_time()) {
    io_thread_.postpone(client, Waiting::kForLinks);
    return Admission::kWaits;
  }
  if (whole) return admit_whole(client, command, arguments);
  // A transaction that will do nothing, and what is refused inside one, says so here.
  const bool void_transaction =
      client.transaction.open &&
      (!exec || client.transaction.broken || (client.watch_state != nullptr && client.watch_state->dirty));
  if (own_client && !void_transaction) {
    if (writes) note_written(client, keys.front());
    const bool watch = (command.spec->flags & kWatchesKeys) != 0;
    if (!exec && !watch) {
      if (const auto admission = admit_fan_out(client, command, arguments, keys, writes)) return *admission;
    }
    if (exec && lost_watch(client)) return Admission::kAnswered;
    // The next transaction depends on what happens where the keys are changed.
    const NodeIndex target = watch ? watch_target(client, keys) : target_for(client, keys, writes, exec);
    if (target == cluster::kNoNode) {
      if (!connecting() && writes && !io_thread_.server().engine().writable()) {
        refuse(client, "MISCONF Errors writing to the commit log: " +
                           io_thread_.server().engine().write_refusal().message());
        return Admission::kAnswered;
      }
      return refuse_unless_connecting(
          client, same_partition(keys)
                      ? "NOQUORUM no replica of the key can be reached"
                      : "CROSSSLOT no node that can be reached holds all of these keys: give "
                        "keys that are used together a common hash tag, as in {tag}1 {tag}2");
    }
    const bool direct = target == placement_->self;
    // What was forwarded before must not be overtaken on its way.
    if (std::any_of(keys.begin(), keys.end(),
                    [&](const engine::KeyRef& key) { return overtakes(client, key, target, direct); })) {
      return wait_for_nodes(client);
    }
    if (!direct) {
      // A pipeline of large values is sent as fast as the other node takes it.
      size_t bytes = client.transaction.bytes + kForwardOverheadBytes;
      for (const std::string_view argument : arguments) bytes += argument.size();
      const cluster::NodeId& node = placement_->id_of(target);
      if (links_.full(node, bytes)) {
        io_thread_.postpone(client, Waiting::kForLinks);
        return Admission::kWaits;
      }
      if (window_.full(node)) {
        window_.wait(node, client.id());
        return wait_for_nodes(client);
      }
      if (timeout_position(*command.spec, arguments) != 0)
        return forward_wait(client, command, target, arguments, keys);
      if (exec) {
        forward_transaction(client, target, keys, writes);
      } else if (watch) {
        forward_watch(client, target, arguments, keys);
      } else if ((command.spec->flags & kScriptBySha) != 0) {
        std::vector<std::string_view> words(arguments.begin(), arguments.end());
        const std::shared_ptr<const Script> script = name_by_text(command, &words);
        // There it is asked whether its user may do what is sent.
        const Command& sent = *io_thread_.server().commands().find(words[0]);
        if (script != nullptr && !io_thread_.dispatcher().may_run(client, sent, words))
          words.assign(arguments.begin(), arguments.end());
        forward(client, target, words, keys, writes);
      } else {
        forward(client, target, arguments, keys, writes);
      }
      return Admission::kAnswered;
    }
  }
  return admit_here(client, command, prepared, keys, writes);
}

// Replicas are so far behind that what they have not answered takes too much memory. Who waits for replies holds
// little there, but not everybody does (CLIENT REPLY OFF).
bool ClusterThread::backlogged(Arguments arguments) const {
  const uint64_t of_clients = io_thread_.server().client_memory().limit() / kBacklogShare;
  const uint64_t most = std::min<uint64_t>(kMostBacklogBytes, of_clients);
  if (node_.order().bytes() >= most) return true;
  const uint64_t large = node_.order().large_bytes();
  if (large < most) return false;
  const bool is_large = std::any_of(arguments.begin(), arguments.end(), [](std::string_view argument) {
    return argument.size() >= cluster::kLanePayloadBytes;
  });
  return is_large || large >= kLargeBacklogFactor * most;
}

// What was asked ahead of its turn says nothing of what the client has done since, or is so long ago that what else the
// command needs would find no time left. What failed then may be answered now: the command has waited for links.
bool ClusterThread::outdated(const QuorumRead& read, const Client& client,
                             std::span<const engine::KeyRef> keys) const {
  const auto changed = [&](const engine::KeyRef& key) {
    return client.forwarded_writes.since(read.after_writes, key.key.partition);
  };
  const bool of_others = read.failure.empty() && read.versions.size() != keys.size();
  const bool in_vain = !read.waited_for && (!read.failure.empty() || now_us() >= read.deadline_us);
  return read.again || of_others || in_vain || read.database != keys[0].database ||
         read.options != quorum_of(client) || std::any_of(keys.begin(), keys.end(), changed);
}

// It runs on this node, once the quorums can be had and other replicas were asked.
Admission ClusterThread::admit_here(Client& client, const Command& command, PreparedRequest& prepared,
                                    std::span<const engine::KeyRef> keys, bool writes) {
  if (prepared.decided_by_us != 0 && now_us() >= prepared.decided_by_us) {
    refuse(client, "NOQUORUM other commands on the key wait for other nodes; nothing was done");
    return Admission::kAnswered;
  }
  const bool reads = must_read_first(client, command, prepared.request.arguments);
  if (const std::string error = hopeless(client, keys, reads, writes); !error.empty())
    return refuse_unless_connecting(client, error);
  const bool waited = prepared.read != nullptr && prepared.read->waited_for;
  if (writes && !waited && backlogged(prepared.request.arguments)) {
    io_thread_.postpone(client, Waiting::kForLinks);
    return Admission::kWaits;
  }
  if (!reads) return Admission::kRun;
  if (prepared.read == nullptr || outdated(*prepared.read, client, keys)) begin_read(client, prepared, keys);
  prepared.read->writes = writes;
  if (!prepared.read->done()) {
    prepared.read->waited_for = true;
    return wait_for_nodes(client);
  }
  const std::string& failure = prepared.read->failure;
  if (failure.empty()) return Admission::kRun;
  // Enough nodes can be reached now: those who were asked were lost, and have come back or others have.
  if (may_ask_again(*prepared.read)) {
    prepared.read->again = true;
    io_thread_.postpone(client, Waiting::kForLinks);
    return Admission::kWaits;
  }
  statistics_.reads_failed.add(1);
  refuse(client, writes ? failure + "; nothing was done" : failure);
  return Admission::kAnswered;
}

// Where keys are watched: at the node that coordinates them, all at the same one.
NodeIndex ClusterThread::watch_target(const Client& client, std::span<const engine::KeyRef> keys) const {
  if (client.remote_watch && !client.remote_watch->lost) {
    const NodeIndex node = client.remote_watch->node;
    return healthy(node) && holds_all(keys, node) ? node : cluster::kNoNode;
  }
  if (!client.watched.empty()) return holds_all(keys, placement_->self) ? placement_->self : cluster::kNoNode;
  return target_of(keys, true, quorum_of(client).mode == cluster::QuorumMode::kStrict);
}

// The node that changes of the partition go to first; kNoNode: to none of its replicas.
NodeIndex ClusterThread::coordinator_of(uint16_t partition) const {
  return placement_->runner(
      partition, true, [this](NodeIndex node) { return healthy(node); },
      [this](NodeIndex node) { return node_.stands_back(node); });
}

// EXEC, if what became of the watched keys cannot be told any more: then it answers as if they had changed.
bool ClusterThread::lost_watch(Client& client) {
  bool lost = false;
  if (client.remote_watch) {
    lost = client.remote_watch->lost ||
           coordinator_of(client.remote_watch->partition) != client.remote_watch->node;
  } else if (!client.watched.empty()) {
    lost = coordinator_of(engine::partition_of(client.watched[0].key)) != placement_->self;
  }
  if (!lost) return false;
  const uint64_t from = client.output.position();
  client.reply.null_array();
  Dispatcher::apply_reply_mode(client, from);
  client.discard_transaction(io_thread_.server().watches());
  return true;
}

bool ClusterThread::all_connected() const {
  const std::vector<cluster::Member>& members = placement_->topology.members;
  return std::all_of(members.begin(), members.end(), [&](const cluster::Member& member) {
    return member.id == node_.id() || links_.connected(member.id);
  });
}

// A loop that serves for a moment only cannot have reached everybody: its clients wait rather than be
// refused.
bool ClusterThread::connecting() const {
  return now_us() - serving_since_us_ < kConnectingUs && !all_connected();
}

// Somebody has been out of reach for a moment only: if it is still there it will be back in another one.
bool ClusterThread::relinking(const Client& client) const {
  if (placement_ == nullptr) return false;
  const int64_t now = now_us();
  const int64_t patience_us = std::min<int64_t>(kRelinkingUs, quorum_of(client).timeout_ms * 1000);
  for (const NodeIndex node : placement_->nodes()) {
    // Not noted yet: since the last tick.
    const int64_t since_us = unreachable_since_us_[node];
    const bool recent = since_us == 0 || now - since_us < patience_us;
    if (recent && !healthy(node) && !links_.refuses(placement_->id_of(node))) return true;
  }
  return false;
}

void ClusterThread::note_reachable() {
  if (placement_ == nullptr) return;
  for (const NodeIndex node : placement_->nodes()) {
    int64_t& since_us = unreachable_since_us_[node];
    if (healthy(node)) {
      since_us = 0;
    } else if (since_us == 0) {
      since_us = now_us();
    }
  }
}

// The error reply when too few nodes can be reached for the quorums of this command; empty: it may begin.
std::string ClusterThread::hopeless(const Client& client, std::span<const engine::KeyRef> keys, bool reads,
                                    bool writes) {
  const cluster::QuorumOptions& options = quorum_of(client);
  for (size_t i = 0; i < keys.size(); ++i) {
    const uint16_t partition = keys[i].key.partition;
    if (i > 0 && partition == keys[i - 1].key.partition) continue;
    std::optional<cluster::Failure> failure;
    if (writes) failure = refusal(partition, options, true);
    if (!failure && reads) failure = refusal(partition, options, false);
    if (failure) return failure->message();
  }
  return {};
}

}  // namespace starling::server
