// What a command asks other replicas before it runs: their versions, what is newer there, and who has to be
// told.
#include <algorithm>
#include <utility>

#include "cluster/data/read_findings.h"
#include "engine/replica/replication.h"
#include "server/cluster/cluster_node.h"
#include "server/cluster/cluster_thread.h"
#include "server/cluster/tracking_exchange.h"
#include "server/io_thread.h"
#include "server/server.h"

namespace starling::server {

namespace {

using cluster::NodeIndex;

// Times that the other replicas are asked for one command before it is given up.
constexpr int kMaxRounds = 8;

}  // namespace

bool ClusterThread::may_ask_again(const QuorumRead& read) const {
  return read.rounds < kMaxRounds && now_us() < read.deadline_us;
}

void ClusterThread::ask_ahead(Client& client, PreparedRequest& prepared) {
  if (placement_ == nullptr || !must_read_first(client, *prepared.command, prepared.request.arguments))
    return;
  if (client.transaction.open || prepared.read != nullptr) return;
  // What has other keys, too (MOVE), asks about all of them together; what is watched is asked about where it is.
  if (prepared.command->spec->extra_keys != nullptr || (prepared.command->spec->flags & kWatchesKeys) != 0)
    return;
  // Who says CLIENT CACHING before what is to be tracked: not yet, maybe.
  if (client.tracking != nullptr && (client.tracking->options.opt_in || client.tracking->options.opt_out))
    return;
  const uint16_t partition = prepared.key->partition;
  if ((prepared.command->spec->flags & kReadOnly) != 0) {
    if (!placement_->holds(partition, placement_->self)) return;
  } else if (placement_->replicas(partition)[0] != placement_->self ||
             quorum_of(client).mode == cluster::QuorumMode::kStrict) {
    // It runs elsewhere; or others are to agree to what it does, and that takes its time from the question on.
    return;
  }
  const engine::KeyRef key{client.database, *prepared.key};
  begin_read(client, prepared, {&key, 1});
}

void ClusterThread::begin_read(Client& client, PreparedRequest& prepared,
                               std::span<const engine::KeyRef> keys) {
  statistics_.quorum_reads.add(1);
  const auto read = std::make_shared<QuorumRead>();
  cluster::QuorumOptions options = quorum_of(client);
  options.timeout_ms += cluster::work_us(0, keys.size()) / 1000;
  const int64_t timeout_us = options.timeout_ms * 1000;
  read->deadline_us = now_us() + timeout_us;
  if (prepared.read != nullptr && prepared.read->again) {
    read->deadline_us = prepared.read->deadline_us;
    read->rounds = prepared.read->rounds + 1;
  }
  prepared.read = read;
  read->client_id = client.id();
  read->after_writes = client.forwarded_writes.count();
  read->database = keys[0].database;
  read->options = quorum_of(client);
  read->versions.resize(keys.size());
  if (client.tracking != nullptr) [[unlikely]]
    track_read(client, prepared, keys);
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
  for (const Part& part : parts) {
    const size_t count = asked_[part.token].keys.size();
    // Asked anew, it goes on in the time that it began in.
    if (read->rounds != 0 ||
        !coordinator_.join_read(part.partition, part.keys, count, options, pass_us_, part.token)) {
      coordinator_.begin_read(part.partition, part.keys, options, read->deadline_us - timeout_us, part.token);
    }
  }
}

// Before anybody is asked.
void ClusterThread::track_read(const Client& client, PreparedRequest& prepared,
                               std::span<const engine::KeyRef> keys) {
  const ClientTracking& tracking = *client.tracking;
  if (tracking.remembers() && (prepared.command->spec->flags & kWrite) == 0)
    prepared.read->tracked = tracking_->begin_read(keys, *placement_);
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
    engine::Replica replica(operation, keys[i].database);
    for (const NodeIndex node : cluster::nodes_ahead(replica, keys[i].key, read.versions[i]))
      newer.push_back({node, i});
  }
  if (newer.empty()) {
    note_behind(client, keys, read, operation);
    if (!read.writes) mend_behind(operation);
    return true;
  }
  operation.finish();
  read.waited_for = true;
  client.wait_for(Waiting::kForNodes);
  if (read.fetched) {
    // Who told of it was lost since, or has handed it on and forgotten it: what do they say now?
    read.again = may_ask_again(read);
    if (!read.again) {
      read.failure = "NOQUORUM a replica has told of a newer version and does not hand it over";
      if (!read.trouble.empty()) read.failure += ": " + read.trouble;
      read.versions.clear();
    }
    io_thread_.loop().post([this, id = client.id()] { wake(id); });
    return false;
  }
  read.fetched = true;
  statistics_.newer_fetched.add(newer.size());
  read.pending = static_cast<int>(newer.size());
  const int64_t timeout_ms = quorum_of(client).timeout_ms;
  for (const Newer& each : newer) {
    const uint64_t token = next_token_++;
    fetching_.emplace(token, prepared.read);
    coordinator_.begin_fetch(each.node,
                             {static_cast<uint8_t>(keys[each.key].database), keys[each.key].key.name},
                             read.deadline_us - timeout_ms * 1000, timeout_ms, token);
  }
  return false;
}

void ClusterThread::peer_stamp(engine::Stamp stamp) {
  // One that is too far ahead is no use: what it stands on is not taken either.
  (void)engine::observe_stamp(io_thread_.server().engine(), stamp, now_ms());
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
      const engine::MergeOutcome outcome = engine::Replica(operation, name.database).merge_state(key, record);
      if (outcome == engine::MergeOutcome::kStampTooFarAhead)
        read->trouble = "its stamp is too far in the future, the clocks of the nodes differ";
      if (outcome == engine::MergeOutcome::kTooManyActors)
        read->trouble = "the records here have as many actors as a node can tell apart";
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

// Peers that were asked and know less.
void ClusterThread::note_behind(const Client& client, std::span<const engine::KeyRef> keys,
                                const QuorumRead& read, engine::Operation& operation) {
  behind_.clear();
  const bool strict = quorum_of(client).mode == cluster::QuorumMode::kStrict;
  for (size_t i = 0; i < keys.size(); ++i) {
    const uint16_t partition = keys[i].key.partition;
    if (!strict && (coordinator_.writing(partition) || node_.order().under_way(partition))) continue;
    engine::Replica replica(operation, keys[i].database);
    cluster::Nodes nodes = cluster::nodes_behind(replica, keys[i].key, read.versions[i], *placement_);
    if (!nodes.empty())
      behind_.push_back({keys[i].database, std::string(keys[i].key.name), std::move(nodes)});
  }
}

// They get the record as the command saw it. One that changed something ships that, which mends them as well.
void ClusterThread::mend_behind(engine::Operation& operation) {
  for (const Behind& behind : std::exchange(behind_, {})) {
    if (!changes_.empty()) return;
    std::string record;
    const engine::KeyRef key{behind.database, engine::Key(behind.key)};
    cluster::ChangeForm form;
    if (!append_record(operation, key, &form, &record)) continue;
    for (const NodeIndex node : behind.nodes) {
      auto repair = std::find_if(repairs_.begin(), repairs_.end(),
                                 [&](const Repair& candidate) { return candidate.node == node; });
      if (repair == repairs_.end()) repair = repairs_.insert(repairs_.end(), {node, {}});
      cluster::append_change({static_cast<uint8_t>(behind.database), form, behind.key, record},
                             &repair->changes);
    }
  }
}

}  // namespace starling::server
