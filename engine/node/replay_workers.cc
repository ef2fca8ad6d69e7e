#include "engine/node/replay_workers.h"

#include <algorithm>
#include <utility>

#include "engine/memory/keyspace.h"

namespace starling::engine {
namespace {

// Small enough that a batch is still in a cache when it is applied, large enough that handing it over costs nothing.
constexpr size_t kBatchBytes = 32 << 10;
constexpr size_t kQueuedBatches = 8;

}  // namespace

ReplayWorkers::ReplayWorkers(int threads, Apply apply) : apply_(std::move(apply)) {
  for (int i = 0; i < std::max(threads, 1); ++i) workers_.push_back(std::make_unique<Worker>());
  for (int i = 0; i < threads; ++i) {
    Worker& worker = *workers_[static_cast<size_t>(i)];
    worker.thread = std::thread([this, &worker] { serve(worker); });
  }
}

ReplayWorkers::~ReplayWorkers() {
  for (const auto& worker : workers_) {
    {
      const std::lock_guard lock(worker->mutex);
      worker->stopping = true;
      worker->queue.clear();
    }
    worker->wake.notify_one();
    if (worker->thread.joinable()) worker->thread.join();
  }
}

Status ReplayWorkers::failure() {
  const std::lock_guard lock(failure_mutex_);
  return failure_;
}

void ReplayWorkers::apply(const Batch& batch) {
  if (failed_.load(std::memory_order_relaxed)) return;
  std::vector<Frame> frames;
  frames.reserve(batch.ends.size());
  size_t begin = 0;
  for (const auto& [end, place] : batch.ends) {
    frames.push_back({std::string_view(batch.bytes).substr(begin, end - begin), place});
    begin = end;
  }
  Status status = apply_(frames);
  if (status.ok()) return;
  const std::lock_guard lock(failure_mutex_);
  if (!failed_.exchange(true)) failure_ = std::move(status);
}

void ReplayWorkers::serve(Worker& worker) {
  std::unique_lock lock(worker.mutex);
  for (;;) {
    worker.wake.wait(lock, [&worker] { return worker.stopping || !worker.queue.empty(); });
    if (worker.stopping) return;
    const Batch batch = std::move(worker.queue.front());
    worker.queue.pop_front();
    worker.busy = true;
    lock.unlock();
    worker.done.notify_one();
    apply(batch);
    lock.lock();
    worker.busy = false;
    worker.done.notify_one();
  }
}

void ReplayWorkers::hand_over(Worker& worker) {
  Batch batch = std::exchange(worker.filling, {});
  if (batch.ends.empty()) return;
  if (!worker.thread.joinable()) return apply(batch);
  std::unique_lock lock(worker.mutex);
  worker.done.wait(lock, [&worker] { return worker.queue.size() < kQueuedBatches; });
  worker.queue.push_back(std::move(batch));
  lock.unlock();
  worker.wake.notify_one();
}

Status ReplayWorkers::add(const Lookup& place, std::string_view front, std::string_view rest) {
  Worker& worker = *workers_[stripe_of(place.partition) % workers_.size()];
  Batch& batch = worker.filling;
  if (batch.bytes.capacity() == 0) batch.bytes.reserve(kBatchBytes);
  batch.bytes.append(front).append(rest);
  batch.ends.emplace_back(batch.bytes.size(), place);
  if (batch.bytes.size() >= kBatchBytes) hand_over(worker);
  return failed_.load(std::memory_order_relaxed) ? failure() : Status();
}

Status ReplayWorkers::drain() {
  for (const auto& worker : workers_) hand_over(*worker);
  for (const auto& worker : workers_) {
    std::unique_lock lock(worker->mutex);
    worker->done.wait(lock, [&worker] { return worker->queue.empty() && !worker->busy; });
  }
  return failed_.load(std::memory_order_relaxed) ? failure() : Status();
}

}  // namespace starling::engine
