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

}  // namespace

struct RangeDropper::Step {
  std::vector<uint16_t> partitions;  // Left to do, the last one first.
  std::vector<uint16_t> done;
  uint64_t cursor = 0;
  uint64_t forgotten = 0;
  int64_t took_us = 0;
  engine::Status status;
};

RangeDropper::RangeDropper(Server& server, ClusterThread& thread)
    : server_(server), thread_(thread), pause_(thread.io_thread().loop(), [this] { run(); }) {}

void RangeDropper::keep(const cluster::Placement& next) {
  for (uint32_t partition = 0; partition < engine::kPartitionCount; ++partition) {
    if (next.stores(static_cast<uint16_t>(partition), next.self))
      lost_[partition].store(false, std::memory_order_release);
  }
  std::erase_if(left_, [this](uint16_t partition) { return !may_forget(partition); });
}

void RangeDropper::follow(const cluster::Placement* before, const cluster::Placement& now) {
  if (now.topology.changing()) return;
  for (uint32_t i = 0; i < engine::kPartitionCount; ++i) {
    const auto partition = static_cast<uint16_t>(i);
    if (now.stores(partition, now.self) || may_forget(partition)) continue;
    const bool had = before != nullptr ? before->stores(partition, before->self)
                                       : engine::settled_up_to(server_.engine(), partition) != 0;
    if (!had) continue;
    lost_[partition].store(true, std::memory_order_release);
    left_.push_back(partition);
    renewed_ = false;
  }
  if (!running_ && !pause_.active()) run();
}

void RangeDropper::run() {
  if (running_ || left_.empty()) return;
  running_ = true;
  auto step = std::make_shared<Step>();
  step->partitions = left_;
  const bool renews = !std::exchange(renewed_, true);
  const engine::ActorId fresh = thread_random().next() | 1;
  server_.engine().offload([this, step, renews, fresh] {
    engine::Engine& engine = server_.engine();
    const engine::Clock& clock = server_.clock();
    const int64_t began_us = clock.monotonic_us();
    // Without another actor what this one has events of stays.
    if (renews) (void)engine.renew_actor(fresh);
    while (!step->partitions.empty() && step->status.ok() && step->took_us < kStepUs) {
      const uint16_t partition = step->partitions.back();
      const int64_t now_ms = server_.cluster()->now_ms();
      if (may_forget(partition)) engine::unsettle(engine, partition, now_ms);
      step->status = engine::forget_partition(
          engine, partition, &step->cursor, kKeys, now_ms,
          [this, partition] { return may_forget(partition); }, &step->forgotten);
      if (step->cursor == 0 && step->status.ok()) {
        step->done.push_back(partition);
        step->partitions.pop_back();
      }
      step->took_us = clock.monotonic_us() - began_us;
    }
    (void)engine.commit();
    thread_.io_thread().loop().post([this, step] {
      running_ = false;
      forgotten_ += step->forgotten;
      const auto is_done = [&](uint16_t partition) {
        return std::find(step->done.begin(), step->done.end(), partition) != step->done.end();
      };
      std::erase_if(left_, is_done);
      if (!step->status.ok())
        log_text(LogLevel::kWarning,
                 "What is another node's now could not be removed: " + step->status.message());
      if (left_.empty() && forgotten_ != told_) {
        log_text(LogLevel::kNotice, std::to_string(forgotten_ - told_) +
                                        " records of partitions that others hold now have been removed here");
        told_ = forgotten_;
      }
      if (!left_.empty()) pause_.start(std::max<int64_t>(1, kGentleness * step->took_us / 1000), 0);
    });
  });
}

}  // namespace starling::server
