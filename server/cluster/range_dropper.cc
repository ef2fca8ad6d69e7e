#include "server/cluster/range_dropper.h"

#include <algorithm>

#include "engine/replica/replication.h"
#include "server/cluster/cluster_node.h"
#include "server/cluster/cluster_thread.h"
#include "server/io_thread.h"
#include "server/process/log.h"
#include "server/process/thread_random.h"
#include "server/server.h"

namespace starling::server {
namespace {

constexpr int64_t kStepUs = 10'000;
constexpr size_t kKeys = 128;
// Pauses, in times of the step before.
constexpr int64_t kGentleness = 2;
constexpr int64_t kErrorPauseMs = 5000;

}  // namespace

struct RangeDropper::Step {
  std::vector<uint16_t> unmarked;
  std::vector<uint16_t> partitions;  // Left to do, the last one first.
  std::vector<uint16_t> done;
  uint64_t cursor = 0;
  uint64_t forgotten = 0;
  int64_t took_us = 0;
  bool renews = false;
  engine::Status status;
};

RangeDropper::RangeDropper(Server& server, ClusterThread& thread)
    : server_(server), thread_(thread), pause_(thread.io_thread().loop(), [this] { run(); }) {}

void RangeDropper::keep(const cluster::Placement& next) {
  for (uint32_t partition = 0; partition < engine::kPartitionCount; ++partition) {
    if (next.stores(static_cast<uint16_t>(partition), next.self))
      lost_[partition].store(false, std::memory_order_release);
  }
  const uint16_t first = left_.empty() ? uint16_t{0} : left_.back();
  std::erase_if(left_, [this](uint16_t partition) { return !may_forget(partition); });
  if (left_.empty() || left_.back() != first) cursor_ = 0;
}

void RangeDropper::follow(const cluster::Placement* before, const cluster::Placement& now) {
  for (uint32_t i = 0; i < engine::kPartitionCount; ++i) {
    const auto partition = static_cast<uint16_t>(i);
    // It has come back before all of it was removed.
    if (now.stores(partition, now.self) && engine::is_lost(server_.engine(), partition))
      unmarked_.push_back(partition);
  }
  if (!now.topology.changing()) find_lost(before, now);
  if (!running_ && !pause_.active()) run();
}

void RangeDropper::find_lost(const cluster::Placement* before, const cluster::Placement& now) {
  std::vector<uint16_t> found;
  // It was there when the others were brought everything.
  const bool seen =
      before != nullptr && before->topology.changing() && before->topology.epoch + 1 == now.topology.epoch;
  for (uint32_t i = 0; i < engine::kPartitionCount; ++i) {
    const auto partition = static_cast<uint16_t>(i);
    if (now.stores(partition, now.self) || may_forget(partition)) continue;
    const bool lost =
        (seen && before->stores(partition, before->self)) || engine::is_lost(server_.engine(), partition);
    if (lost) {
      lost_[partition].store(true, std::memory_order_release);
      found.push_back(partition);
    } else if (engine::settled_up_to(server_.engine(), partition) != 0) {
      unmarked_.push_back(partition);
    }
  }
  if (!found.empty()) renewed_ = false;
  left_.insert(left_.begin(), found.begin(), found.end());
}

namespace {

// Until its time is up. It may end within a partition, and then goes on there.
template <typename Step, typename MayForget>
void remove_some(engine::Engine& engine, const engine::Clock& clock, int64_t now_ms,
                 const MayForget& may_forget, Step* step) {
  const int64_t began_us = clock.monotonic_us();
  for (const uint16_t partition : step->unmarked) engine::unsettle(engine, partition, false, now_ms);
  if (step->renews) {
    // All of them first: what was settled must not be told of what is gone.
    for (const uint16_t partition : step->partitions) {
      if (may_forget(partition)) engine::unsettle(engine, partition, true, now_ms);
    }
  }
  while (!step->partitions.empty() && step->status.ok() && step->took_us < kStepUs) {
    const uint16_t partition = step->partitions.back();
    step->status = engine::forget_partition(
        engine, partition, &step->cursor, kKeys, now_ms, [&] { return may_forget(partition); },
        &step->forgotten);
    if (step->cursor == 0 && step->status.ok()) {
      if (may_forget(partition)) engine::unsettle(engine, partition, false, now_ms);
      step->done.push_back(partition);
      step->partitions.pop_back();
    }
    step->took_us = clock.monotonic_us() - began_us;
  }
  (void)engine.commit();
}

}  // namespace

void RangeDropper::run() {
  if (running_ || (left_.empty() && unmarked_.empty())) return;
  running_ = true;
  auto step = std::make_shared<Step>();
  step->unmarked = std::exchange(unmarked_, {});
  step->partitions = left_;
  step->cursor = cursor_;
  step->renews = !left_.empty() && !std::exchange(renewed_, true);
  const engine::ActorId fresh = thread_random().next() | 1;
  const int64_t now_ms = server_.cluster()->now_ms();
  server_.engine().offload([this, step, fresh, now_ms] {
    // Without another actor what this one has events of stays.
    if (step->renews) (void)server_.engine().renew_actor(fresh);
    remove_some(
        server_.engine(), server_.clock(), now_ms,
        [this](uint16_t partition) { return may_forget(partition); }, step.get());
    thread_.io_thread().loop().post([this, step] { note(*step); });
  });
}

void RangeDropper::note(const Step& step) {
  running_ = false;
  forgotten_ += step.forgotten;
  // Meanwhile some may have come, in front, and some may have gone.
  std::erase_if(left_, [&](uint16_t partition) {
    return std::find(step.done.begin(), step.done.end(), partition) != step.done.end();
  });
  const bool same = !left_.empty() && !step.partitions.empty() && left_.back() == step.partitions.back();
  cursor_ = same ? step.cursor : 0;
  if (!step.status.ok())
    log_text(LogLevel::kWarning, "What is another node's now could not be removed: " + step.status.message());
  if (left_.empty() && forgotten_ != told_) {
    log_text(LogLevel::kNotice, std::to_string(forgotten_ - told_) +
                                    " records of partitions that others hold now have been removed here");
    told_ = forgotten_;
  }
  if (left_.empty() && unmarked_.empty()) return;
  const int64_t pause_ms = step.status.ok() ? kGentleness * step.took_us / 1000 : kErrorPauseMs;
  pause_.start(std::max<int64_t>(1, pause_ms), 0);
}

}  // namespace starling::server
