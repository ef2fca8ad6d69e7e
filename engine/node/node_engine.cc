#include "engine/node/node_engine.h"

#include <algorithm>
#include <chrono>

#include "engine/base/assert.h"
#include "engine/node/data_directory.h"

namespace starling::engine {

namespace {

constexpr auto kTick = std::chrono::milliseconds(100);
constexpr int64_t kExpiryBudgetUs = 25'000;      // Of each tick: a quarter, as Redis's slow cycle.
constexpr int64_t kActorSweepBudgetUs = 25'000;  // Likewise, while there is something to sweep for.
constexpr int64_t kStoreExpiryIntervalUs = 1'000'000;
constexpr int64_t kCheckpointRetryUs = 5'000'000;
constexpr int64_t kFlushedSpaceDelayUs = 30'000'000;  // Until the rows of a flushed database are erased.
constexpr int kEvictAtOnce = 16;                      // By a loop, for each command that needs room.
constexpr int kEvictInBackground = 4096;              // For each tick.
constexpr int64_t kRestAfterUs = 60'000'000;
constexpr uint64_t kRestingGrowthBytes = 64 << 10;  // In that time.
constexpr uint64_t kMinimumDirtyBytes = 4ull << 20;
// A log of less is not worth a checkpoint. What is overwritten reaches the store once for each, so that a small store
// that is written to all the time would be written anew and anew.
constexpr uint64_t kMinimumLogBytes = 64ull << 20;
// Except for a node at rest.
constexpr uint64_t kRestingLogBytes = CommitLog::kSegmentBytes;
// Checkpoints do not keep up where there is so many times the log that starts one.
constexpr uint64_t kLogsBehind = 4;

// What is evicted is only in the store, about half of which may be outdated.
uint64_t data_bytes(const EngineCore& core) {
  const auto in_memory = static_cast<uint64_t>(std::max<int64_t>(core.keyspace.stripes.totals().bytes, 0));
  return std::max(in_memory, core.store->disk_bytes() / 2);
}

}  // namespace

NodeEngine::NodeEngine(const Options& options, Clock& clock, uint64_t random_seed, KeyObserver& observer,
                       NodeParts parts)
    : core_(options, clock, observer),
      loader_(core_),
      evictor_(core_),
      governor_(core_, evictor_),
      scanner_(core_),
      expirer_(*this, core_, loader_),
      actor_sweep_(core_),
      checkpointer_(core_),
      lock_(std::move(parts.lock)),
      actor_file_(std::move(parts.actor_file)),
      progress_(parts.progress ? std::move(parts.progress) : [](const std::string&) {}),
      fsync_(options.fsync),
      active_expire_(options.active_expire),
      log_due_bytes_(options.checkpoint_log_bytes),
      random_(random_seed),
      pool_(options.disk_threads) {
  core_.log = std::move(parts.log);
  core_.store = std::move(parts.store);
  core_.actor = parts.actor;
  core_.actor_index = core_.keyspace.actors.index_of(parts.actor);
  if (actor_file_ != nullptr && actor_file_->resumed()) {
    core_.hybrid_clock.restore(actor_file_->last_stamp());
  } else if (actor_file_ != nullptr) {
    restore_seen(core_, actor_file_->last_stamp());
  }
  if (options.replicated) core_.keyspace.tallies.enable();
  set_policy(options.policy, options.samples);
}

NodeEngine::~NodeEngine() {
  stop_threads();
}

void NodeEngine::fetch(std::vector<KeyRef> keys, std::function<void(Status)> done) {
  // The names are views into requests that the caller keeps until `done`.
  pool_.submit([this, keys = std::move(keys), done = std::move(done)] {
    Status status;
    for (const KeyRef& ref : keys) {
      if (status.ok()) status = loader_.load(ref.database, ref.key);
    }
    done(status);
  });
}

void NodeEngine::prefetch(std::span<const Lookup> lookups) {
  if (lookups.empty() || !started_.load(std::memory_order_acquire)) return;
  Keyspace& keyspace = core_.keyspace;
  const auto place_of = [&](const Lookup& lookup) -> const Partition* {
    const DatabaseTables& tables = *keyspace.databases[lookup.database];
    return tables.used.load(std::memory_order_acquire) ? &tables.partitions[lookup.partition] : nullptr;
  };
  // Any one stripe keeps the databases' tables from being flushed. Taking each key's own would order the
  // loads, which are to overlap.
  const uint16_t any = stripe_of(lookups.front().partition);
  if (!keyspace.stripes.try_lock(any)) return;
  for (const Lookup& lookup : lookups) {
    keyspace.prefetch(lookup.partition);
    if (const Partition* partition = place_of(lookup)) __builtin_prefetch(partition);
  }
  for (const Lookup& lookup : lookups) {
    if (const Partition* partition = place_of(lookup)) partition->table.prefetch_slot(lookup.hash);
  }
  keyspace.stripes.unlock(any);
  for (const Lookup& lookup : lookups) {
    // Here a table's slots are read, which may move while the stripe is free.
    const uint16_t stripe = stripe_of(lookup.partition);
    if (!keyspace.stripes.try_lock(stripe)) continue;
    if (const Partition* partition = place_of(lookup)) partition->table.prefetch_entry(lookup.hash);
    keyspace.stripes.unlock(stripe);
  }
}

// --- Commit
// -----------------------------------------------------------------------------------------------------------

Status NodeEngine::log_failure(Status status) {
  std::lock_guard lock(refusal_mutex_);
  refusal_ = status;
  writable_.store(status.ok(), std::memory_order_release);
  return status;
}

Status NodeEngine::commit() {
  if (!core_.durable() || !started_.load(std::memory_order_acquire)) return {};
  Status status = core_.log->flush();
  if (status.ok() != log_writable()) return log_failure(status);
  return status;
}

bool NodeEngine::durable(LogPosition position) {
  return !core_.durable() || core_.log->durable() >= position;
}

void NodeEngine::request_sync() {
  std::lock_guard lock(sync_mutex_);
  if (std::exchange(sync_requested_, true)) return;
  sync_wake_.notify_one();
}

void NodeEngine::subscribe_durable(std::function<void()> notify) {
  std::lock_guard lock(sync_mutex_);
  durable_subscribers_.push_back(std::move(notify));
}

bool NodeEngine::writable() const {
  return log_writable() && (last_checkpoint_ok_.load(std::memory_order_acquire) || !behind());
}

Status NodeEngine::write_refusal() const {
  std::lock_guard lock(refusal_mutex_);
  return refusal_.ok() ? checkpoint_failure_ : refusal_;
}

void NodeEngine::notify_durable() {
  std::vector<std::function<void()>> subscribers;
  {
    std::lock_guard lock(sync_mutex_);
    subscribers = durable_subscribers_;
  }
  for (const auto& notify : subscribers) notify();
}

Status NodeEngine::sync_log(int64_t* took_us) {
  const Activity activity =
      fsync() == Fsync::kAlways ? Activity::kSyncForReplies : Activity::kSyncInBackground;
  const int64_t begin_us = core_.clock.monotonic_us();
  const Status status = core_.log->sync();
  *took_us = core_.clock.monotonic_us() - begin_us;
  if (core_.options.took) core_.options.took(activity, *took_us);
  return status;
}

// While the last sync ran, some clients wrote; those whose replies it released write again at once. Synced
// one after the other, the two groups would take turns for ever and each write wait for two syncs. So the
// first waits a moment for the second.
void NodeEngine::gather(std::unique_lock<std::mutex>& lock, int64_t last_sync_us) {
  constexpr int64_t kMaximumUs = 2000;
  const std::chrono::microseconds wait(std::min(last_sync_us, kMaximumUs));
  sync_wake_.wait_for(lock, wait, [this] { return stopping_; });
}

void NodeEngine::serve_sync() {
  int64_t next_sync_us = core_.clock.monotonic_us() + 1'000'000;
  int64_t last_sync_us = 0;
  bool came_meanwhile = false;
  std::unique_lock lock(sync_mutex_);
  for (;;) {
    if (std::exchange(came_meanwhile, false)) gather(lock, last_sync_us);
    sync_wake_.wait_for(lock, kTick, [this] { return sync_requested_ || stopping_; });
    if (stopping_) return;
    const bool requested = std::exchange(sync_requested_, false);
    lock.unlock();
    // With kAlways whoever waits asks; what nobody waits for (expiry, removed tombstones) is durable within a
    // second, too.
    const bool second = fsync_ != Fsync::kNo && core_.clock.monotonic_us() >= next_sync_us;
    // A log that could not be written is tried again with each tick, so that freed space is noticed without a
    // write.
    const bool retry = !log_writable() && !dead();
    if (((requested || second) && core_.log->durable() < core_.log->appended()) || retry) {
      const Status status = sync_log(&last_sync_us);
      if (status.ok()) log_syncs_.fetch_add(1, std::memory_order_relaxed);
      if (status.ok() != log_writable() || !status.ok()) (void)log_failure(status);
      if (!status.ok() && core_.log->dead()) dead_.store(true, std::memory_order_release);
      lock.lock();
      came_meanwhile = sync_requested_;
      lock.unlock();
      notify_durable();
    }
    if (second) next_sync_us = core_.clock.monotonic_us() + 1'000'000;
    lock.lock();
  }
}

// --- Memory
// -----------------------------------------------------------------------------------------------------------

bool NodeEngine::make_room() {
  if (!evictor_.over_budget()) return false;
  if (!random_mutex_.try_lock()) return false;  // Another loop is at it.
  const bool made = evictor_.make_room(kEvictAtOnce, random_);
  random_mutex_.unlock();
  return !made && !core_.durable();
}

bool NodeEngine::congested() const {
  if (!core_.durable()) return false;
  // Waiting for a checkpoint that fails would be waiting for ever: then writes are refused, see writable().
  return core_.log->over_limit() || (last_checkpoint_ok_.load(std::memory_order_acquire) && behind());
}

// Checkpoints have not kept up with what changed.
bool NodeEngine::behind() const {
  const uint64_t limit = governor_.limit();
  if (limit != 0 && core_.keyspace.stripes.dirty_bytes() > std::max(limit / 4, 4 * kMinimumDirtyBytes))
    return true;
  return core_.log->live_bytes() / kLogsBehind > log_due_bytes_.load(std::memory_order_relaxed);
}

void NodeEngine::set_policy(EvictionPolicy policy, int samples) {
  core_.policy = policy;
  core_.samples = samples;
  core_.lfu = policy == EvictionPolicy::kAllKeysLfu || policy == EvictionPolicy::kVolatileLfu;
}

// --- Maintenance
// ------------------------------------------------------------------------------------------------------

uint64_t NodeEngine::weigh_log() {
  if (core_.log->live_bytes() < kMinimumLogBytes) return core_.options.checkpoint_log_bytes;
  // As much log as data: so what overwriting takes on the disk is a multiple of the data.
  const uint64_t due_bytes =
      std::min(core_.options.checkpoint_log_bytes, std::max(data_bytes(core_), kMinimumLogBytes));
  // Nobody is to wait because there is less data than there was.
  if (core_.log->live_bytes() / kLogsBehind <= due_bytes || due_bytes > log_due_bytes_)
    log_due_bytes_ = due_bytes;
  return due_bytes;
}

bool NodeEngine::checkpoint_due() {
  const uint64_t due_bytes = weigh_log();
  const uint64_t left_bytes = core_.log_bytes_at_checkpoint.load();
  // Writers that wait wait for one, whatever the last one left.
  if (core_.log->live_bytes() >= left_bytes + due_bytes || behind()) return true;
  core_.keyspace.stripes.lock(0);
  const bool flushed = !core_.keyspace.flushed_spaces.empty();
  core_.keyspace.stripes.unlock(0);
  if (flushed && core_.clock.monotonic_us() - last_checkpoint_us_ >= kFlushedSpaceDelayUs) return true;
  const uint64_t limit = governor_.limit();
  return limit != 0 && core_.keyspace.stripes.dirty_bytes() >= std::max(limit / 8, kMinimumDirtyBytes);
}

// A node that next to nothing is written to keeps no more log, and no more files for it, than one that is new.
void NodeEngine::rest() {
  const int64_t now_us = core_.clock.monotonic_us();
  if (now_us - rest_since_us_ < kRestAfterUs) return;
  const LogPosition appended = core_.log->appended();
  const uint64_t grown_bytes = appended - rest_position_;
  rest_since_us_ = now_us;
  rest_position_ = appended;
  // In a cluster each round of repair logs a few bytes.
  if (grown_bytes > kRestingGrowthBytes) return;
  // What has gone of what the store has takes memory until it has gone there.
  const bool due = core_.log->live_bytes() >= kRestingLogBytes ||
                   core_.keyspace.stripes.dirty_bytes() >= kMinimumDirtyBytes;
  if (due && !checkpoint().ok()) return;
  // Nothing to drop: no need of spare files either. Should it fail, they go with the next checkpoint.
  std::lock_guard lock(checkpoint_mutex_);
  (void)core_.log->drop_before(0);
}

Status NodeEngine::run_checkpoint() {
  const int64_t begin_us = core_.clock.monotonic_us();
  checkpoint_running_ = true;
  (void)core_.store->resume();
  const LogPosition position = core_.log->appended();
  const Status status = checkpointer_.run();
  if (status.ok()) checkpointed_ = position;
  {
    std::lock_guard lock(refusal_mutex_);
    checkpoint_failure_ = status;
  }
  last_checkpoint_ok_ = status.ok();
  checkpoint_running_ = false;
  last_checkpoint_us_ = core_.clock.monotonic_us();
  if (core_.log->dead()) dead_.store(true, std::memory_order_release);
  last_checkpoint_duration_ms_ = (core_.clock.monotonic_us() - begin_us) / 1000;
  core_.log_bytes_at_checkpoint = core_.log->live_bytes();
  if (status.ok()) {
    last_checkpoint_ms_ = core_.clock.wall_ms();
    checkpoints_.fetch_add(1, std::memory_order_relaxed);
  } else {
    core_.log_bytes_at_checkpoint = 0;
  }
  return status;
}

Status NodeEngine::checkpoint() {
  if (!core_.durable()) return {};
  std::lock_guard lock(checkpoint_mutex_);
  return run_checkpoint();
}

Status NodeEngine::snapshot(const std::string& path) {
  if (!core_.durable()) return {StatusCode::kInvalid, "storage memory keeps nothing on disk"};
  std::lock_guard lock(checkpoint_mutex_);
  Status status = run_checkpoint();
  if (status.ok()) status = make_directory(path);
  if (status.ok()) status = core_.store->copy_to(path + "/store");
  if (status.ok()) status = write_format(path, hash_seed());
  return status;
}

// Frees the tables of flushed databases, away from the loops. Their rows go with the next checkpoint.
void NodeEngine::drop_flushed() {
  std::vector<std::shared_ptr<DatabaseTables>> dropped;
  Stripes& stripes = core_.keyspace.stripes;
  stripes.lock(0);
  const bool any = !core_.keyspace.dropped.empty();
  stripes.unlock(0);
  if (!any) return;
  stripes.lock_all();
  dropped.swap(core_.keyspace.dropped);
  stripes.unlock_all();
  for (auto& tables : dropped) {
    pool_.submit([this, tables = std::move(tables)] { core_.keyspace.release(*tables); });
  }
}

void NodeEngine::tick() {
  const int64_t now_us = core_.clock.monotonic_us();
  governor_.tick();
  if (active_expire_) {
    const bool held = core_.holds_expiry(core_.clock.wall_ms());
    if (!held) expirer_.expire_in_memory(kExpiryBudgetUs);
    expirer_.prune_index();
    if (!held && core_.durable() && now_us >= store_expiry_us_) {
      const bool more = expirer_.expire_in_store(kExpiryBudgetUs);
      if (!more) store_expiry_us_ = now_us + kStoreExpiryIntervalUs;
    }
    if (core_.durable()) (void)commit();
    if (core_.options.took) core_.options.took(Activity::kExpiry, core_.clock.monotonic_us() - now_us);
  }
  if (evictor_.over_budget()) {
    std::lock_guard lock(random_mutex_);
    evictor_.make_room(kEvictInBackground, random_);
  }
  actor_sweep_.go_on(kActorSweepBudgetUs);
  // A checkpoint under way works on the tables that were in use when it began.
  if (checkpoint_mutex_.try_lock()) {
    drop_flushed();
    checkpoint_mutex_.unlock();
  }
}

void NodeEngine::serve_checkpoints() {
  int64_t not_before_us = 0;
  std::unique_lock lock(maintenance_mutex_);
  while (!stopping_) {
    lock.unlock();
    const int64_t now_us = core_.clock.monotonic_us();
    if (!dead() && now_us >= not_before_us && checkpoint_due() && !checkpoint().ok()) {
      not_before_us = now_us + kCheckpointRetryUs;
    }
    if (!dead()) rest();
    lock.lock();
    maintenance_wake_.wait_for(lock, kTick, [this] { return stopping_; });
  }
}

void NodeEngine::serve_maintenance() {
  std::unique_lock lock(maintenance_mutex_);
  while (!stopping_) {
    lock.unlock();
    tick();
    lock.lock();
    maintenance_wake_.wait_for(lock, kTick, [this] { return stopping_; });
  }
}

// --- Whole keyspace, operators
// ------------------------------------------------------------------------------------------

uint64_t NodeEngine::scan(int database, uint64_t cursor, uint64_t count, const ScanFilter& filter,
                          int64_t now_ms, const std::function<void(std::string_view key)>& visit,
                          Operation* operation) {
  return scanner_.scan(database, cursor, count, filter, now_ms, operation != nullptr, visit);
}

std::optional<std::string> NodeEngine::random_key(int database, int64_t now_ms, Operation* operation) {
  std::unique_lock lock(random_mutex_);
  SeededRandom random(random_.next());
  lock.unlock();
  return scanner_.random_key(database, now_ms, operation != nullptr, random);
}

uint64_t NodeEngine::count_in_partition(int database, uint16_t partition) {
  Stripes& stripes = core_.keyspace.stripes;
  stripes.lock(stripe_of(partition));
  const DatabaseTables& tables = *core_.keyspace.databases[static_cast<size_t>(database)];
  const uint64_t live = tables.used ? tables.partitions[partition].live : 0;
  stripes.unlock(stripe_of(partition));
  return live;
}

bool NodeEngine::renew_actor(ActorId fresh) {
  Operation operation(*this, 0);
  operation.lock_all();
  const bool taken = core_.keyspace.actors.take(fresh);
  if (taken) {
    core_.actor_index = core_.keyspace.actors.index_of(fresh);
    core_.actor = fresh;
    if (actor_file_ != nullptr) actor_file_->renew(fresh);
  }
  operation.finish();
  return taken;
}

Statistics NodeEngine::statistics() {
  Statistics s{};
  const Stripes::Totals totals = core_.keyspace.stripes.totals();
  s.memory_bytes = static_cast<uint64_t>(std::max<int64_t>(totals.bytes, 0));
  s.dirty_bytes = static_cast<uint64_t>(std::max<int64_t>(totals.dirty_bytes, 0));
  s.budget_bytes = evictor_.budget();
  s.keyspace_hits = totals.hits;
  s.keyspace_misses = totals.misses;
  s.expired = core_.expired;
  s.evicted = core_.evicted;
  s.disk_reads = core_.disk_reads;
  s.index_entries = core_.deadlines.size();
  s.changes_since_checkpoint = totals.changes - core_.checkpointed_changes.load();
  s.log_ok = log_writable();
  if (core_.durable()) {
    s.log_bytes = core_.log->live_bytes();
    s.store_memory_bytes = core_.store->memory_bytes();
    s.store_disk_bytes = core_.store->disk_bytes();
  }
  s.log_syncs = log_syncs_;
  s.checkpoints = checkpoints_;
  s.last_checkpoint_ms = last_checkpoint_ms_;
  s.last_checkpoint_duration_ms = last_checkpoint_duration_ms_;
  s.last_checkpoint_ok = last_checkpoint_ok_;
  s.checkpoint_running = checkpoint_running_;
  return s;
}

void NodeEngine::reset_statistics() {
  core_.keyspace.stripes.reset_lookups();
  core_.expired = 0;
  core_.evicted = 0;
  core_.disk_reads = 0;
}

void NodeEngine::for_each_store_statistic(const std::function<void(std::string_view, uint64_t)>& visit) {
  if (core_.durable()) core_.store->for_each_statistic(visit);
}

}  // namespace starling::engine
