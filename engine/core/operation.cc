#include "engine/core/operation.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "engine/base/assert.h"
#include "engine/core/change_capture.h"
#include "engine/core/core.h"
#include "engine/core/loader.h"
#include "engine/core/mutation.h"

namespace starling::engine {

namespace {

constexpr size_t kKeepFrameBytes = 1 << 20;
// Of one who waits for a stripe, and may give up.
constexpr int kYields = 64, kShortPauses = 100;
constexpr std::chrono::microseconds kShortPause(20), kLongPause(500);

std::string& thread_frame() {
  static thread_local std::string frame;
  return frame;
}

}  // namespace

Operation::Operation(Engine& engine, int64_t now_ms)
    : core_(engine.core()),
      engine_(engine),
      now_ms_(now_ms),
      actor_index_(core_.actor_index),
      frame_(thread_frame()) {
  frame_.clear();
}

ActorId Operation::actor() const {
  return core_.keyspace.actors.id_of(actor_index_);
}

void Operation::act_as(ActorId actor) {
  actor_index_ = core_.keyspace.actors.index_of(actor);
}

bool Operation::only_actor_of(const Entry* entry) const {
  if (!core_.rules.histories || entry == nullptr) return true;
  return !entry->has(Entry::kComplex) && (entry->stamp() == 0 || entry->actor() == actor_index_);
}

Operation::~Operation() {
  STARLING_ASSERT(!all_locked_ && single_stripe_ < 0 && stripes_.empty());
}

KeyCounts Operation::counts(int index) const {
  const DatabaseTables& tables = *core_.keyspace.databases[static_cast<size_t>(index)];
  return {tables.live.load(std::memory_order_relaxed), tables.with_deadline.load(std::memory_order_relaxed)};
}

void Operation::lock(const KeyRef& key) {
  lock_partition(key.key.partition);
}

void Operation::lock_partition(uint16_t partition) {
  single_stripe_ = stripe_of(partition);
  core_.keyspace.stripes.lock(static_cast<uint16_t>(single_stripe_));
  follow_actor();
}

void Operation::lock(std::span<const KeyRef> keys) {
  for (const KeyRef& key : keys) stripes_.push_back(stripe_of(key.key.partition));
  std::sort(stripes_.begin(), stripes_.end());
  stripes_.erase(std::unique(stripes_.begin(), stripes_.end()), stripes_.end());
  for (const uint16_t stripe : stripes_) core_.keyspace.stripes.lock(stripe);
  follow_actor();
}

// It may have been renewed since this operation began, but is not any more as long as it holds a stripe.
void Operation::follow_actor() {
  if (!replaying_) actor_index_ = core_.actor_index.load(std::memory_order_relaxed);
}

bool Operation::lock_unless(std::span<const KeyRef> keys, absl::FunctionRef<bool()> give_up) {
  for (const KeyRef& key : keys) stripes_.push_back(stripe_of(key.key.partition));
  std::sort(stripes_.begin(), stripes_.end());
  stripes_.erase(std::unique(stripes_.begin(), stripes_.end()), stripes_.end());
  if (!lock_stripes_unless(give_up)) return false;
  follow_actor();
  return true;
}

bool Operation::lock_all_unless(absl::FunctionRef<bool()> give_up) {
  for (size_t stripe = 0; stripe < kStripeCount; ++stripe) stripes_.push_back(static_cast<uint16_t>(stripe));
  if (!lock_stripes_unless(give_up)) return false;
  stripes_.clear();
  all_locked_ = true;
  follow_actor();
  return true;
}

bool Operation::lock_stripes_unless(absl::FunctionRef<bool()> give_up) {
  Stripes& stripes = core_.keyspace.stripes;
  for (size_t i = 0; i < stripes_.size(); ++i) {
    for (int tries = 0; !stripes.try_lock(stripes_[i]); ++tries) {
      if (give_up()) {
        while (i-- > 0) stripes.unlock(stripes_[i]);
        stripes_.clear();
        return false;
      }
      if (tries < kYields) {
        std::this_thread::yield();
      } else {
        std::this_thread::sleep_for(tries < kYields + kShortPauses ? kShortPause : kLongPause);
      }
    }
  }
  return true;
}

bool Operation::locked_partition(uint16_t partition) const {
  const uint16_t stripe = stripe_of(partition);
  return all_locked_ || single_stripe_ == stripe ||
         std::find(stripes_.begin(), stripes_.end(), stripe) != stripes_.end();
}

bool Operation::try_lock_more(const KeyRef& key) {
  if (locked_partition(key.key.partition)) return true;
  const uint16_t stripe = stripe_of(key.key.partition);
  if (!core_.keyspace.stripes.try_lock(stripe)) return false;
  if (!locked()) {
    single_stripe_ = stripe;
    follow_actor();
    return true;
  }
  if (single_stripe_ >= 0) stripes_.push_back(static_cast<uint16_t>(std::exchange(single_stripe_, -1)));
  stripes_.push_back(stripe);
  return true;
}

void Operation::lock_all() {
  core_.keyspace.stripes.lock_all();
  all_locked_ = true;
  follow_actor();
}

bool Operation::resident(const KeyRef& ref) {
  DatabaseTables& tables = *core_.keyspace.databases[static_cast<size_t>(ref.database)];
  if (!core_.durable() || !tables.used.load(std::memory_order_acquire)) return true;
  const Partition& partition = tables.partition(ref.key);
  if (partition.complete || partition.table.find(ref.key.hash, ref.key.name) != Table::kNotFound) return true;
  if (!core_.cached_reads.worthwhile()) return false;
  const bool loaded = Loader(core_).load_cached(tables, ref.key);
  core_.cached_reads.note(loaded);
  return loaded;
}

uint64_t Operation::next_stamp() {
  return replaying_ ? replay_stamp_ : core_.hybrid_clock.next(now_ms_);
}

DirtyTag Operation::dirty_tag() const {
  return core_.durable() ? core_.current_tag : DirtyTag{0};
}

void Operation::log(const Mutation& mutation) {
  if (mutation.kind == MutationKind::kOpen) {
    changed_ = true;  // Its elements follow.
  } else {
    note_change();
  }
  append(mutation);
}

void Operation::append(const Mutation& mutation) {
  if (!core_.durable() || replaying_) return;
  if (frame_.empty()) begin_frame(core_.actor, &frame_);
  append_mutation(mutation, &frame_);
}

void Operation::reserve_frame(size_t bytes) {
  if (core_.durable() && !replaying_) frame_.reserve(frame_.size() + bytes);
}

HintOutcome Operation::keep_hint(const KeyRef& ref, std::string_view target) {
  const uint32_t space = core_.keyspace.databases[static_cast<size_t>(ref.database)]->space;
  const HintOutcome outcome = core_.hints.keep(target, space, ref.key, now_ms_, true);
  if (outcome != HintOutcome::kKept) return outcome;
  Mutation mutation;
  mutation.kind = MutationKind::kKeepHint;
  mutation.space = space;
  mutation.key = ref.key.name;
  mutation.value = target;
  mutation.now_ms = now_ms_;
  append(mutation);
  return outcome;
}

bool Operation::hint_delivered(const KeyRef& ref, std::string_view target) {
  const uint32_t space = core_.keyspace.databases[static_cast<size_t>(ref.database)]->space;
  const bool gone = core_.hints.delivered(target, space, ref.key);
  if (gone) log_hint_gone(ref, target);
  return gone;
}

bool Operation::drop_hint(const KeyRef& ref, std::string_view target) {
  const uint32_t space = core_.keyspace.databases[static_cast<size_t>(ref.database)]->space;
  const bool gone = core_.hints.drop(target, space, ref.key);
  if (gone) log_hint_gone(ref, target);
  return gone;
}

void Operation::log_hint_gone(const KeyRef& ref, std::string_view target) {
  Mutation mutation;
  mutation.kind = MutationKind::kDropHint;
  mutation.space = core_.keyspace.databases[static_cast<size_t>(ref.database)]->space;
  mutation.key = ref.key.name;
  mutation.value = target;
  append(mutation);
}

// Which space each database has now.
void Operation::log_spaces() {
  const Keyspace& keyspace = core_.keyspace;
  Mutation mutation;
  mutation.kind = MutationKind::kMap;
  for (size_t i = 0; i < kDatabases; ++i) mutation.spaces[i] = keyspace.databases[i]->space;
  mutation.next_space = keyspace.next_space;
  log(mutation);
}

void Operation::flush_database(int index) {
  STARLING_ASSERT(all_locked_);
  seal_captured();
  Keyspace& keyspace = core_.keyspace;
  auto& tables = keyspace.databases[static_cast<size_t>(index)];
  auto fresh = std::make_shared<DatabaseTables>(keyspace.next_space++, tables->deadline_slot);
  core_.hints.drop_space(tables->space);
  keyspace.drop(std::exchange(tables, std::move(fresh)));
  open_tables_ = nullptr;
  keyspace.note_change_of_all();
  log_spaces();
  if (!replaying_) core_.observer.flushed(index);
}

void Operation::flush_all() {
  for (int i = 0; i < kDatabases; ++i) {
    if (core_.keyspace.databases[static_cast<size_t>(i)]->used) flush_database(i);
  }
}

void Operation::swap_databases(int first, int second) {
  STARLING_ASSERT(all_locked_);
  seal_captured();
  Keyspace& keyspace = core_.keyspace;
  std::swap(keyspace.databases[static_cast<size_t>(first)], keyspace.databases[static_cast<size_t>(second)]);
  // A replay finds an open collection by its database's number, which is another one from here on.
  open_tables_ = nullptr;
  keyspace.note_change_of_all();
  log_spaces();
  if (replaying_) return;
  core_.observer.flushed(first);
  core_.observer.flushed(second);
}

void Operation::begin_replay(uint16_t actor_index, uint64_t stamp) {
  replaying_ = true;
  actor_index_ = actor_index;
  replay_stamp_ = stamp;
}

void Operation::capture(ChangeList* changes) {
  STARLING_ASSERT(core_.options.replicated);
  changes->clear();
  captured_ = changes;
}

void Operation::seal_captured() {
  if (captured_ != nullptr) ChangeCapture(*captured_).seal(core_, now_ms_);
}

LogPosition Operation::finish() {
  seal_captured();
  if (!frame_.empty()) {
    position_ = core_.log->append(frame_);
    frame_.clear();
    if (frame_.capacity() > kKeepFrameBytes) frame_.shrink_to_fit();
  }
  if (ChangeList* const captured = std::exchange(captured_, nullptr); captured != nullptr)
    captured->publish();
  Stripes& stripes = core_.keyspace.stripes;
  if (changes_ != 0 && !replaying_) {
    const bool several = single_stripe_ < 0 && !stripes_.empty();
    stripes.count_changes(several ? stripes_.front() : static_cast<uint16_t>(std::max(single_stripe_, 0)),
                          changes_);
    changes_ = 0;
  }
  if (single_stripe_ >= 0) {
    stripes.unlock(static_cast<uint16_t>(single_stripe_));
    single_stripe_ = -1;
  } else if (all_locked_) {
    stripes.unlock_all();
    all_locked_ = false;
  } else {
    for (const uint16_t stripe : stripes_) stripes.unlock(stripe);
    stripes_.clear();
  }
  return position_;
}

}  // namespace starling::engine
