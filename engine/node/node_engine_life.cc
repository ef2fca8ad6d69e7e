// Starting and stopping: see Engine::start() and close().
#include <utility>

#include "engine/node/data_directory.h"
#include "engine/node/node_engine.h"
#include "engine/node/recovery.h"

namespace starling::engine {

Status NodeEngine::recover() {
  Recovery recovery(*this, core_, loader_);
  const auto told = [this](uint64_t done_bytes, uint64_t total_bytes) {
    bytes_to_load_.store(total_bytes, std::memory_order_relaxed);
    loaded_bytes_.store(done_bytes, std::memory_order_relaxed);
  };
  Status status = recovery.run(abandoned_, told, progress_);
  if (!status.ok()) return status;
  if (recovery.frames() == 0) checkpointed_ = core_.log->appended();
  // Before any record has a history, the store says that records do.
  return core_.options.replicated && !recovery.store_replicated() ? checkpointer_.run() : status;
}

Status NodeEngine::start() {
  core_.deadlines.set_time(core_.clock.wall_ms());
  if (core_.durable()) {
    if (Status status = recover(); !status.ok()) return status;
    last_checkpoint_ms_ = core_.clock.wall_ms();
    last_checkpoint_us_ = core_.clock.monotonic_us();
    rest_since_us_ = last_checkpoint_us_;
    rest_position_ = core_.log->appended();
    if (lock_ != nullptr) place_ballast(core_.options.directory);
    if (core_.options.threads) sync_thread_ = std::thread([this] { serve_sync(); });
  }
  governor_.begin();
  started_.store(true, std::memory_order_release);
  if (!core_.options.threads) return {};
  maintenance_thread_ = std::thread([this] { serve_maintenance(); });
  if (core_.durable()) checkpoint_thread_ = std::thread([this] { serve_checkpoints(); });
  return {};
}

LoadProgress NodeEngine::load_progress() const {
  return {loaded_bytes_.load(std::memory_order_relaxed), bytes_to_load_.load(std::memory_order_relaxed)};
}

void NodeEngine::stop_threads() {
  {
    std::scoped_lock lock(sync_mutex_, maintenance_mutex_);
    stopping_ = true;
    sync_wake_.notify_all();
    maintenance_wake_.notify_all();
  }
  if (maintenance_thread_.joinable()) maintenance_thread_.join();
  if (checkpoint_thread_.joinable()) checkpoint_thread_.join();
  if (sync_thread_.joinable()) sync_thread_.join();
  pool_.stop();
}

// Behind the mark of the clean stop: it makes no event, and a process that is killed meanwhile has stopped cleanly.
void NodeEngine::leave_nothing() {
  if (checkpointed_ == core_.log->appended()) return;
  if (const Status status = checkpoint(); !status.ok())
    progress_("The commit log stays for the next start to replay: " + status.message());
}

Status NodeEngine::close(Leave leave) {
  if (std::exchange(closed_, true)) return {};
  stop_threads();
  if (!core_.durable()) return {};
  Status status = core_.log->sync();
  if (status.ok() && actor_file_ != nullptr) status = actor_file_->mark_clean(core_.hybrid_clock.last());
  if (status.ok() && leave == Leave::kNothing) leave_nothing();
  return status;
}

}  // namespace starling::engine
