#include "server/cluster/range_dropper.h"

#include <algorithm>
#include <memory>

#include "server/cluster/cluster_node.h"
#include "server/cluster/cluster_thread.h"
#include "server/io_thread.h"
#include "server/process/log.h"
#include "server/process/thread_random.h"
#include "server/server.h"

namespace starling::server {
namespace {

constexpr int64_t kStepUs = 10'000;
// Pauses, in times of the step before.
constexpr int64_t kGentleness = 2;
constexpr int64_t kErrorPauseMs = 5000;

}  // namespace

RangeDropper::RangeDropper(Server& server, ClusterThread& thread)
    : server_(server),
      thread_(thread),
      lost_(server.engine(), cluster::PartitionSet().set()),
      pause_(thread.io_thread().loop(), [this] { run(); }) {}

void RangeDropper::follow(const cluster::Placement* before, const cluster::Placement& now) {
  lost_.follow(before, now);
  if (!running_ && !pause_.active()) run();
}

void RangeDropper::run() {
  if (running_ || lost_.idle()) return;
  running_ = true;
  auto step = std::make_shared<cluster::LostPartitions::Step>(lost_.begin());
  const engine::ActorId fresh = thread_random().next() | 1;
  const int64_t now_ms = server_.cluster()->now_ms();
  server_.engine().offload([this, step, fresh, now_ms] {
    const auto& clock = server_.clock();
    const int64_t began_us = clock.monotonic_us();
    const auto took_us = [&] { return clock.monotonic_us() - began_us; };
    lost_.perform(step.get(), fresh, now_ms, [&] { return took_us() < kStepUs; });
    thread_.io_thread().loop().post([this, step, took_us = took_us()] { note(*step, took_us); });
  });
}

void RangeDropper::note(const cluster::LostPartitions::Step& step, int64_t took_us) {
  running_ = false;
  lost_.note(step);
  if (!step.status.ok())
    log_text(LogLevel::kWarning, "What is another node's now could not be removed: " + step.status.message());
  if (lost_.left() == 0 && lost_.forgotten() != told_) {
    log_text(LogLevel::kNotice, std::to_string(lost_.forgotten() - told_) +
                                    " records of partitions that others hold now have been removed here");
    told_ = lost_.forgotten();
  }
  if (lost_.idle()) return;
  const int64_t pause_ms = step.status.ok() ? kGentleness * took_us / 1000 : kErrorPauseMs;
  pause_.start(std::max<int64_t>(1, pause_ms), 0);
}

}  // namespace starling::server
