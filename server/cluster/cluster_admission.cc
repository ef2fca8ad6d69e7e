// Where a command runs, and what must be asked before it may: the part of ClusterThread that stands in front
// of every command on keys.
#include <algorithm>
#include <utility>

#include "engine/assert.h"
#include "engine/replication.h"
#include "server/cluster/cluster_node.h"
#include "server/cluster/cluster_thread.h"
#include "server/dispatcher.h"
#include "server/io_thread.h"
#include "server/server.h"

namespace starling::server {
namespace {

using cluster::NodeIndex;

// What a node that has just started gives its links to come up.
constexpr int64_t kConnectingUs = 3'000'000;
// Newer records fetched for one command before it is given up.
constexpr int kMaxRounds = 8;

bool same_partition(std::span<const engine::KeyRef> keys) {
  return std::all_of(keys.begin(), keys.end(),
                     [&](const engine::KeyRef& key) { return key.key.partition == keys[0].key.partition; });
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [word](std::string_view candidate) { return equals_ignoring_case(word, candidate); });
}

// SET without an option that looks at what is there.
bool plain_set(Arguments arguments) {
  for (size_t i = 3; i < arguments.size(); i += 2) {
    if (!is_one_of(arguments[i], {"ex", "px", "exat", "pxat"})) return false;
  }
  return true;
}

}  // namespace

bool ClusterThread::holds_all(std::span<const engine::KeyRef> keys, NodeIndex node) const {
  return std::all_of(keys.begin(), keys.end(),
                     [&](const engine::KeyRef& key) { return placement_->holds(key.key.partition, node); });
}

// The node that runs a command on these keys; kNoNode when none can. Writes go to the first healthy replica,
// so that without failures one node serialises all changes of a key. Reads stay here where they can. Strict
// quorums are of replicas: nobody else runs the command, who would take what he lacks for absent. A node that
// cannot log a change (a full disk) runs no writes, as its peers do not count on it either.
NodeIndex ClusterThread::target_of(std::span<const engine::KeyRef> keys, bool writes, bool strict) const {
  if (!writes && holds_all(keys, placement_->self)) return placement_->self;
  const bool may_write = !writes || io_thread_.server().engine().writable();
  const auto can_run = [&](NodeIndex node) {
    return healthy(node) && (may_write || node != placement_->self);
  };
  for (const NodeIndex node : placement_->replicas(keys[0].key.partition)) {
    if (can_run(node) && holds_all(keys, node)) return node;
  }
  if (strict || !same_partition(keys)) return cluster::kNoNode;
  // No replica can be reached: whoever comes next stands in.
  NodeIndex found = cluster::kNoNode;
  placement_->preference.walk(keys[0].key.partition, [&](NodeIndex node) {
    if (!can_run(node)) return true;
    found = node;
    return false;
  });
  return found;
}

// Whether the command looks at what its keys hold, so that other replicas have to be asked.
bool ClusterThread::must_read_first(const Client& client, const Command& command, Arguments arguments) const {
  const cluster::Consistency& read = quorum_of(client).read;
  if (read.level == cluster::Level::kOne || (read.level == cluster::Level::kNumber && read.number == 1))
    return false;
  const CommandSpec& spec = *command.spec;
  if (command.parent == nullptr && spec.name == "set") return !plain_set(arguments);
  const bool overwrites =
      (spec.key_use & kKeyOW) != 0 && (spec.key_use & (kKeyAccess | kKeyRW | kKeyRO)) == 0;
  return !overwrites;
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

// A command that waits until the links of a node that has just started are up; else the error.
Admission ClusterThread::refuse_unless_connecting(Client& client, std::string_view error) {
  if (connecting()) {
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

Admission ClusterThread::admit(Client& client, const Command& command, PreparedRequest& prepared,
                               std::span<const engine::KeyRef> keys, bool writes) {
  const uint32_t flags = command.spec->flags | client.transaction.flags;
  const bool whole = writes && (flags & kWholeKeyspace) != 0;
  const Arguments arguments = prepared.request.arguments;
  const bool own_client = client.tunnel == nullptr;
  if (own_client && !whole && placement_ != nullptr) {
    if (const auto admission = admit_whole_read(client, command, arguments)) return *admission;
  }
  // Shard channels stand where keys do, and are told to all nodes anyway.
  const bool placed = !keys.empty() && (command.spec->key_use & kKeyNotKey) == 0;
  const bool exec = client.transaction.open && command.spec->name == "exec" && command.parent == nullptr;
  if (!placed && !whole && !(exec && client.remote_watch)) return Admission::kRun;
  if (placement_ == nullptr) {
    refuse(client, "CLUSTERDOWN The cluster has not formed yet: " + node_.waiting_for());
    return Admission::kAnswered;
  }
  if (whole) return admit_whole(client, command, arguments);
  // A transaction that will do nothing, and what is refused inside one, says so here.
  const bool void_transaction =
      client.transaction.open &&
      (!exec || client.transaction.broken || (client.watch_state != nullptr && client.watch_state->dirty));
  if (own_client && !void_transaction) {
    const bool watch = command.spec->name == "watch" && command.parent == nullptr;
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
      if (exec) {
        forward_transaction(client, target, keys, writes);
      } else if (watch) {
        forward_watch(client, target, arguments, keys);
      } else {
        forward(client, target, arguments, keys, writes);
      }
      return Admission::kAnswered;
    }
  }
  return admit_here(client, command, prepared, keys, writes);
}

// It runs on this node, once the quorums can be had and other replicas were asked.
Admission ClusterThread::admit_here(Client& client, const Command& command, PreparedRequest& prepared,
                                    std::span<const engine::KeyRef> keys, bool writes) {
  const bool reads = must_read_first(client, command, prepared.request.arguments);
  if (const std::string error = hopeless(client, keys, reads, writes); !error.empty())
    return refuse_unless_connecting(client, error);
  if (!reads) return Admission::kRun;
  const bool outdated = prepared.read != nullptr && (prepared.read->after_writes != client.forwarded_writes ||
                                                     prepared.read->database != keys[0].database ||
                                                     prepared.read->options != quorum_of(client));
  if (prepared.read == nullptr || outdated) begin_read(client, prepared, keys);
  prepared.read->writes = writes;
  if (!prepared.read->done()) {
    prepared.read->waited_for = true;
    return wait_for_nodes(client);
  }
  if (prepared.read->failure.empty()) return Admission::kRun;
  statistics_.reads_failed.add(1);
  refuse(client, prepared.read->failure);
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
  for (const NodeIndex node : placement_->replicas(partition)) {
    if (healthy(node)) return node;
  }
  return cluster::kNoNode;
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

// The error reply when too few nodes can be reached for the quorums of this command; empty: it may begin.
std::string ClusterThread::hopeless(const Client& client, std::span<const engine::KeyRef> keys, bool reads,
                                    bool writes) const {
  const cluster::QuorumOptions& options = quorum_of(client);
  for (size_t i = 0; i < keys.size(); ++i) {
    const uint16_t partition = keys[i].key.partition;
    if (i > 0 && partition == keys[i - 1].key.partition) continue;
    std::optional<cluster::Failure> failure;
    if (writes) failure = coordinator_.hopeless(partition, options.write, options.mode, true);
    if (!failure && reads) failure = coordinator_.hopeless(partition, options.read, options.mode, false);
    if (failure) return failure->message();
  }
  return {};
}

void ClusterThread::ask_ahead(Client& client, PreparedRequest& prepared) {
  if (placement_ == nullptr || client.transaction.open || prepared.read != nullptr) return;
  if ((prepared.command->spec->flags & kReadOnly) == 0) return;
  if (!placement_->holds(prepared.key->partition, placement_->self)) return;
  if (!must_read_first(client, *prepared.command, prepared.request.arguments)) return;
  const engine::KeyRef key{client.database, *prepared.key};
  begin_read(client, prepared, {&key, 1});
}

void ClusterThread::begin_read(Client& client, PreparedRequest& prepared,
                               std::span<const engine::KeyRef> keys) {
  statistics_.quorum_reads.add(1);
  const auto read = std::make_shared<QuorumRead>();
  prepared.read = read;
  read->client_id = client.id();
  read->after_writes = client.forwarded_writes;
  read->database = keys[0].database;
  read->options = quorum_of(client);
  read->versions.resize(keys.size());
  std::vector<size_t> order(keys.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return keys[a].key.partition < keys[b].key.partition; });
  // All parts are there before the first may be done.
  struct Part {
    uint64_t token;
    uint16_t partition;
    std::string keys;
  };
  absl::InlinedVector<Part, 2> parts;
  for (const size_t i : order) {
    if (parts.empty() || parts.back().partition != keys[i].key.partition) {
      parts.push_back({next_token_++, keys[i].key.partition, {}});
      asked_.emplace(parts.back().token, AskedPart{read, {}});
      ++read->pending;
    }
    cluster::append_key({static_cast<uint8_t>(keys[i].database), keys[i].key.name}, &parts.back().keys);
    asked_[parts.back().token].keys.push_back(i);
  }
  const cluster::QuorumOptions options = quorum_of(client);
  for (const Part& part : parts) {
    coordinator_.begin_read(part.partition, part.keys, options, now_us(), part.token);
  }
}

void ClusterThread::read_done(uint64_t token, const cluster::Failure* failure) {
  if (const auto survey = surveys_.extract(token); !survey.empty()) {
    return survey_done(std::move(survey.mapped()), token);
  }
  const auto found = asked_.find(token);
  if (found == asked_.end()) return;
  const AskedPart part = std::move(found->second);
  asked_.erase(found);
  QuorumRead& read = *part.read;
  if (failure != nullptr) {
    if (read.failure.empty()) read.failure = failure->message();
  } else if (const auto* versions = coordinator_.versions(token); versions != nullptr) {
    for (size_t i = 0; i < part.keys.size(); ++i) read.versions[part.keys[i]] = (*versions)[i];
    coordinator_.forget_read(token);
  }
  if (--read.pending == 0 && read.waited_for) wake(read.client_id);
}

bool ClusterThread::up_to_date(Client& client, PreparedRequest& prepared,
                               std::span<const engine::KeyRef> keys, engine::Operation& operation) {
  QuorumRead& read = *prepared.read;
  if (read.versions.size() != keys.size()) return true;
  struct Newer {
    NodeIndex node;
    size_t key;
  };
  absl::InlinedVector<Newer, 2> newer;
  for (size_t i = 0; i < keys.size(); ++i) {
    for (const cluster::PeerVersion& version : read.versions[i]) {
      engine::Order order = engine::Order::kEqual;
      const engine::Status status =
          engine::Replica(operation, keys[i].database).compare(keys[i].key, version.context, &order);
      if (!status.ok()) continue;
      if (order == engine::Order::kBefore || order == engine::Order::kConcurrent)
        newer.push_back({version.node, i});
    }
  }
  if (newer.empty()) {
    if (!read.writes) note_repairs(client, keys, read, operation);
    return true;
  }
  operation.finish();
  if (++read.rounds > kMaxRounds) {
    read.failure = "NOQUORUM a newer version is on a replica that does not hand it over";
    read.versions.clear();
  } else {
    statistics_.newer_fetched.add(newer.size());
    read.pending = static_cast<int>(newer.size());
  }
  read.waited_for = true;
  client.wait_for(Waiting::kForNodes);
  if (read.done()) {
    // Start over at once: the failure is answered there.
    io_thread_.loop().post([this, id = client.id()] { wake(id); });
    return false;
  }
  for (const Newer& each : newer) {
    const uint64_t token = next_token_++;
    fetching_.emplace(token, prepared.read);
    coordinator_.begin_fetch(each.node,
                             {static_cast<uint8_t>(keys[each.key].database), keys[each.key].key.name},
                             now_us(), quorum_of(client).timeout_ms, token);
  }
  return false;
}

void ClusterThread::fetch_done(uint64_t token, const cluster::KeyName& name, std::string_view record) {
  const auto found = fetching_.find(token);
  if (found == fetching_.end()) return;
  const std::shared_ptr<QuorumRead> read = std::move(found->second);
  fetching_.erase(found);
  if (!record.empty()) {
    const engine::Key key(name.key);
    engine::Operation operation(io_thread_.server().engine(), now_ms());
    operation.lock({name.database, key});
    // It was resident a moment ago. If it is not any more the command finds out when it starts over.
    if (operation.resident({name.database, key})) {
      (void)engine::Replica(operation, name.database).merge_state(key, record);
    }
    if (operation.finish() != 0) io_thread_.commit_gate().note_change();
    // A stand-in hands it on, so that in the end it need not keep it.
    if (!placement_->holds(key.partition, placement_->self)) {
      std::string keys;
      cluster::append_key(name, &keys);
      (void)hint(placement_->replicas(key.partition)[0], keys);
    }
  }
  if (--read->pending > 0) return;
  // The callback may come from within a request's beginning: the client goes on in its own turn.
  io_thread_.loop().post([this, id = read->client_id] { wake(id); });
}

// Peers that were asked and know less get the record, once the command has run.
void ClusterThread::note_repairs(const Client& client, std::span<const engine::KeyRef> keys,
                                 const QuorumRead& read, engine::Operation& operation) {
  const bool strict = quorum_of(client).mode == cluster::QuorumMode::kStrict;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!strict && coordinator_.writing(keys[i].key.partition)) continue;
    engine::Replica replica(operation, keys[i].database);
    for (const cluster::PeerVersion& version : read.versions[i]) {
      // A stand-in that was asked keeps nothing without a hint.
      if (!placement_->holds(keys[i].key.partition, version.node)) continue;
      engine::Order order = engine::Order::kEqual;
      std::string record;
      if (!replica.compare(keys[i].key, version.context, &order).ok() || order == engine::Order::kEqual)
        continue;
      if (!replica.append_state(keys[i].key, &record)) continue;
      auto repair = std::find_if(repairs_.begin(), repairs_.end(),
                                 [&](const Repair& candidate) { return candidate.node == version.node; });
      if (repair == repairs_.end()) repair = repairs_.insert(repairs_.end(), {version.node, {}});
      cluster::append_change(
          {static_cast<uint8_t>(keys[i].database), cluster::ChangeForm::kRecord, keys[i].key.name, record},
          &repair->changes);
    }
  }
}

}  // namespace starling::server
