// Writes that a replica has stored and does not show: another one, which their author had not seen, has the
// greater stamp (a clock that is ahead, a counter within the millisecond). Before they are acknowledged they are
// made anew above it: see cluster/README.md, "The order of acknowledged writes".
#include <algorithm>

#include "engine/replica/replication.h"
#include "server/cluster/cluster_node.h"
#include "server/cluster/cluster_thread.h"
#include "server/io_thread.h"
#include "server/server.h"

namespace starling::server {

void ClusterThread::overruled(std::span<const uint64_t> tokens, std::string_view changes, engine::Stamp stamp,
                              const cluster::QuorumOptions& options, int64_t began_us) {
  const auto count = static_cast<int>(cluster::keys_in(cluster::keys_of(changes)).size());
  for (const uint64_t token : tokens) {
    if (const auto write = writes_.find(token); write != writes_.end()) write->second.pending += count;
    if (const auto write = shipped_for_.find(token); write != shipped_for_.end())
      write->second.pending += count;
  }
  Overruled write{{tokens.begin(), tokens.end()}, std::string(changes), stamp, options, began_us};
  // Not from within the coordinator.
  io_thread_.loop().post([this, write = std::make_shared<const Overruled>(std::move(write))] {
    cluster::MessageReader reader(write->changes);
    cluster::Change change;
    while (!reader.at_end() && reader.read_change(&change)) write_again(write, change);
  });
}

// `change` is one of the write's; its views live as long as that.
void ClusterThread::write_again(const std::shared_ptr<const Overruled>& write,
                                const cluster::Change& change) {
  engine::Engine& engine = io_thread_.server().engine();
  const engine::KeyRef key{change.database, engine::Key(change.key)};
  engine::Operation operation(engine, now_ms());
  operation.lock(key);
  if (!operation.resident(key)) {
    operation.finish();
    engine.fetch({key}, [this, write, change](const engine::Status& status) {
      io_thread_.loop().post([this, write, change, status] {
        if (status.ok()) return write_again(write, change);
        ship_again({0, engine::Key(change.key).partition, {}, write});
      });
    });
    return;
  }
  // Its client has been told that it failed, and may have seen, or done, what came after it.
  if (out_of_time(*write)) {
    operation.finish();
    return ship_again({0, key.key.partition, {}, write});
  }
  // An attempt of this node is not decided: no other event may come in between.
  if (node_.undecided().contains(change.database, change.key)) {
    operation.finish();
    waiting_rewrites_.emplace_back(write, change);
    waits_for_attempts_.store(true, std::memory_order_release);
    return;
  }
  // Too far ahead it cannot be: the replica that told of it has it, and so would this node take it.
  (void)engine::observe_stamp(engine, write->stamp, now_ms());
  engine::ChangeList again;
  operation.capture(&again);
  const auto kind =
      change.form == cluster::ChangeForm::kDelta ? engine::ChangeKind::kDelta : engine::ChangeKind::kState;
  if (engine::Replica(operation, change.database).restamp(key.key, change.body, kind))
    statistics_.writes_overruled.add(1);
  const engine::LogPosition position = operation.finish();
  io_thread_.commit_gate().note_change();
  Rewritten rewritten{position, key.key.partition, {}, write};
  for (size_t i = 0; i < again.size(); ++i) {
    cluster::append_change({change.database, cluster::form_of(again[i].kind), again[i].key, again[i].bytes},
                           &rewritten.changes);
  }
  // What superseded it here stands for it.
  if (again.empty()) (void)record_of(change.database, change.key, &rewritten.changes);
  if (position != 0 && engine.fsync() == engine::Fsync::kAlways && !engine.durable(position)) {
    rewritten_.push_back(std::move(rewritten));
    engine.request_sync();
  } else {
    ship_again(rewritten);
  }
}

bool ClusterThread::out_of_time(const Overruled& write) const {
  return now_us() >= write.began_us + write.options.timeout_ms * 1000;
}

// Without changes they could not be read, or it is too late, and the write fails.
void ClusterThread::ship_again(const Rewritten& rewritten) {
  const Overruled& write = *rewritten.write;
  if (!rewritten.changes.empty()) {
    return coordinator_.write_again(rewritten.partition, rewritten.changes, write.options, now_us(),
                                    write.began_us, write.tokens);
  }
  cluster::Failure failure;
  failure.replicas = static_cast<int>(placement_->replicas(rewritten.partition).size());
  failure.needed = 1;
  failure.write = true;
  for (const uint64_t token : write.tokens) write_done(token, &failure);
}

void ClusterThread::ship_durable_again() {
  engine::Engine& engine = io_thread_.server().engine();
  while (!rewritten_.empty() && engine.durable(rewritten_.front().position)) {
    const Rewritten rewritten = std::move(rewritten_.front());
    rewritten_.pop_front();
    ship_again(rewritten);
  }
}

// What waits for the log, or for an attempt, does so no longer than its client does.
void ClusterThread::end_rewrites() {
  std::vector<Rewritten> ended;
  std::erase_if(rewritten_, [&](const Rewritten& rewritten) {
    if (!out_of_time(*rewritten.write)) return false;
    ended.push_back({0, rewritten.partition, {}, rewritten.write});
    return true;
  });
  std::erase_if(waiting_rewrites_, [&](const auto& waiting) {
    if (!out_of_time(*waiting.first)) return false;
    ended.push_back({0, engine::Key(waiting.second.key).partition, {}, waiting.first});
    return true;
  });
  for (const Rewritten& rewritten : ended) ship_again(rewritten);
}

}  // namespace starling::server
