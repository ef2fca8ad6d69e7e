#include "engine/core/hint_table.h"

#include <algorithm>
#include <utility>

#include "engine/base/byte_codec.h"
#include "engine/core/core.h"
#include "engine/core/engine.h"
#include "engine/record/storage_key.h"

namespace starling::engine {
namespace {

std::optional<int> database_of(const Keyspace& keyspace, uint32_t space) {
  for (size_t i = 0; i < kDatabases; ++i) {
    if (keyspace.databases[i]->space == space) return static_cast<int>(i);
  }
  return std::nullopt;
}

}  // namespace

HintTable::HintTable(Keyspace& keyspace) : keyspace_(keyspace) {}
HintTable::~HintTable() = default;

size_t HintTable::Hash::operator()(const Hint* hint) const {
  return (*this)(Name{hint->space, hint->key});
}

size_t HintTable::Hash::operator()(const Name& name) const {
  return absl::HashOf(name.space, name.key);
}

bool HintTable::Equal::operator()(const Hint* a, const Name& b) const {
  return a->space == b.space && a->key == b.key;
}

HintTable::Hint* HintTable::find(std::string_view target, uint32_t space, std::string_view key) const {
  const auto queue = queues_.find(target);
  if (queue == queues_.end()) return nullptr;
  const auto found = queue->second.names.find(Name{space, key});
  return found == queue->second.names.end() ? nullptr : *found;
}

HintTable::Hint* HintTable::insert(std::string_view target, uint32_t space, const Key& key, int64_t kept_ms) {
  auto hint = std::make_unique<Hint>();
  hint->sequence = next_sequence_++;
  hint->kept_ms = kept_ms;
  hint->space = space;
  hint->partition = key.partition;
  hint->key = key.name;
  Queue& queue = queues_[std::string(target)];
  Hint* const inserted = hint.get();
  const size_t bytes = inserted->memory_bytes();
  queue.bytes += bytes;
  bytes_.fetch_add(bytes, std::memory_order_relaxed);
  if (in_partition_.empty()) in_partition_.resize(kPartitionCount);
  ++in_partition_[key.partition];
  queue.names.insert(inserted);
  queue.order.emplace_hint(queue.order.end(), inserted->sequence, std::move(hint));
  return inserted;
}

void HintTable::remove(std::string_view target, Hint* hint) {
  const auto found = queues_.find(target);
  Queue& queue = found->second;
  if (hint->sequence <= std::max(stored_sequence_, stored_before_))
    erased_rows_.push_back(row_key(target, *hint));
  const size_t bytes = hint->memory_bytes();
  queue.bytes -= bytes;
  bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  --in_partition_[hint->partition];
  if (hint->under_way) --queue.under_way;
  queue.names.erase(hint);
  queue.order.erase(hint->sequence);
  if (queue.order.empty()) queues_.erase(found);
}

std::string HintTable::row_key(std::string_view target, const Hint& hint) {
  std::string row(1, static_cast<char>(target.size()));
  row += target;
  append_record_key(hint.space, hint.partition, hash_of(hint.key), hint.key, &row);
  return row;
}

// --- Delivery.

// Spaces become databases under a stripe: they change under all of them.
std::vector<WaitingHint> HintTable::with_databases(std::vector<Name> names,
                                                   std::vector<std::string> keys) const {
  std::vector<WaitingHint> hints;
  keyspace_.stripes.lock(0);
  for (size_t i = 0; i < names.size(); ++i) {
    // Those of a database that was flushed a moment ago are gone by now.
    const auto database = database_of(keyspace_, names[i].space);
    if (database) hints.push_back({*database, std::move(keys[i])});
  }
  keyspace_.stripes.unlock(0);
  return hints;
}

std::vector<WaitingHint> HintTable::take(std::string_view target, size_t count) {
  std::vector<Name> names;
  std::vector<std::string> keys;
  {
    std::lock_guard lock(mutex_);
    const auto queue = queues_.find(target);
    if (queue == queues_.end()) return {};
    for (auto& [sequence, hint] : queue->second.order) {
      if (names.size() >= count) break;
      if (hint->under_way) continue;
      hint->under_way = true;
      hint->changed_again = false;
      ++queue->second.under_way;
      names.push_back({hint->space, {}});
      keys.push_back(hint->key);
    }
  }
  return with_databases(std::move(names), std::move(keys));
}

void HintTable::restore(std::string_view target, const WaitingHint& hint) {
  keyspace_.stripes.lock(0);
  const uint32_t space = keyspace_.databases[static_cast<size_t>(hint.database)]->space;
  keyspace_.stripes.unlock(0);
  std::lock_guard lock(mutex_);
  Hint* const found = find(target, space, hint.key);
  if (found == nullptr || !found->under_way) return;
  found->under_way = false;
  --queues_.find(target)->second.under_way;
}

std::vector<WaitingHint> HintTable::older_than(std::string_view target, int64_t before_ms, size_t count,
                                               const std::function<bool(uint16_t partition)>& choose) {
  std::vector<Name> names;
  std::vector<std::string> keys;
  {
    std::lock_guard lock(mutex_);
    const auto queue = queues_.find(target);
    if (queue == queues_.end()) return {};
    for (const auto& [sequence, hint] : queue->second.order) {
      if (hint->kept_ms >= before_ms || names.size() >= count) break;
      if (hint->under_way || !choose(hint->partition)) continue;
      names.push_back({hint->space, {}});
      keys.push_back(hint->key);
    }
  }
  return with_databases(std::move(names), std::move(keys));
}

// --- Looking.

size_t HintTable::waiting(std::string_view target) const {
  std::lock_guard lock(mutex_);
  const auto queue = queues_.find(target);
  return queue == queues_.end() ? 0 : queue->second.order.size();
}

bool HintTable::any(uint32_t space, const Key& key) const {
  std::lock_guard lock(mutex_);
  return std::any_of(queues_.begin(), queues_.end(), [&](const auto& queue) {
    return queue.second.names.contains(Name{space, key.name});
  });
}

std::bitset<kPartitionCount> HintTable::partitions() const {
  std::bitset<kPartitionCount> set;
  std::lock_guard lock(mutex_);
  if (bytes_.load(std::memory_order_relaxed) == 0) return set;
  for (size_t i = 0; i < in_partition_.size(); ++i) set[i] = in_partition_[i] != 0;
  return set;
}

std::vector<HintTargetReport> HintTable::report() const {
  std::vector<HintTargetReport> reports;
  std::lock_guard lock(mutex_);
  for (const auto& [target, queue] : queues_) {
    reports.push_back(
        {target, queue.order.size(), queue.under_way, queue.bytes, queue.order.begin()->second->kept_ms});
  }
  return reports;
}

std::vector<HintName> HintTable::names() const {
  std::vector<HintName> names;
  std::lock_guard lock(mutex_);
  for (const auto& [target, queue] : queues_) {
    for (const auto& [sequence, hint] : queue.order) names.push_back({target, hint->key});
  }
  return names;
}

// --- Changes.

HintOutcome HintTable::keep(std::string_view target, uint32_t space, const Key& key, int64_t now_ms,
                            bool bounded) {
  std::lock_guard lock(mutex_);
  if (Hint* const known = find(target, space, key.name)) {
    known->changed_again = true;
    return HintOutcome::kKnown;
  }
  const size_t bytes = sizeof(Hint) + key.name.size() + kContainerBytes;
  if (bounded && this->bytes() + bytes > max_bytes_.load(std::memory_order_relaxed))
    return HintOutcome::kNoRoom;
  (void)insert(target, space, key, now_ms);
  if (bounded) kept_.fetch_add(1, std::memory_order_relaxed);
  return HintOutcome::kKept;
}

bool HintTable::delivered(std::string_view target, uint32_t space, const Key& key) {
  std::lock_guard lock(mutex_);
  Hint* const hint = find(target, space, key.name);
  if (hint == nullptr) return false;
  if (hint->under_way && hint->changed_again) {
    hint->under_way = false;
    --queues_.find(target)->second.under_way;
    return false;
  }
  remove(target, hint);
  return true;
}

bool HintTable::drop(std::string_view target, uint32_t space, const Key& key) {
  std::lock_guard lock(mutex_);
  Hint* const hint = find(target, space, key.name);
  if (hint != nullptr) remove(target, hint);
  return hint != nullptr;
}

void HintTable::drop_space(uint32_t space) {
  std::lock_guard lock(mutex_);
  std::vector<std::pair<std::string, Hint*>> gone;
  for (const auto& [target, queue] : queues_) {
    for (const auto& [sequence, hint] : queue.order) {
      if (hint->space == space) gone.emplace_back(target, hint.get());
    }
  }
  for (const auto& [target, hint] : gone) remove(target, hint);
}

// --- Checkpoints.

std::map<std::string, std::optional<std::string>> HintTable::take_changes() {
  std::map<std::string, std::optional<std::string>> rows;
  std::lock_guard lock(mutex_);
  for (std::string& row : erased_rows_) rows.emplace(std::move(row), std::nullopt);
  erased_rows_.clear();
  for (const auto& [target, queue] : queues_) {
    for (auto hint = queue.order.upper_bound(stored_sequence_); hint != queue.order.end(); ++hint) {
      std::string value;
      append_u64(static_cast<uint64_t>(hint->second->kept_ms), &value);
      rows.insert_or_assign(row_key(target, *hint->second), std::move(value));
    }
  }
  stored_before_ = std::exchange(stored_sequence_, next_sequence_ - 1);
  return rows;
}

void HintTable::restore_changes(const std::map<std::string, std::optional<std::string>>& rows) {
  std::lock_guard lock(mutex_);
  // Perhaps they got there nevertheless: what goes from now on is erased there all the same.
  std::swap(stored_before_, stored_sequence_);
  for (const auto& [row, value] : rows) {
    if (!value) erased_rows_.push_back(row);
  }
}

// --- Recovery.

Status HintTable::load(Store& store) {
  struct Row {
    int64_t kept_ms;
    std::string key;
  };
  std::vector<Row> rows;
  const auto iterator = store.iterate(Family::kHints, std::string_view(), std::string(1, '\xff'));
  for (; iterator->valid(); iterator->next()) {
    const std::string_view value = iterator->value();
    if (value.size() != sizeof(uint64_t))
      return {StatusCode::kCorrupt, "a hint's row in the store is damaged"};
    rows.push_back({static_cast<int64_t>(load_u64(value.data())), std::string(iterator->key())});
  }
  if (!iterator->status().ok()) return iterator->status();
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return a.kept_ms < b.kept_ms; });
  std::lock_guard lock(mutex_);
  for (const Row& row : rows) {
    const std::string_view bytes = row.key;
    const size_t target_bytes = bytes.empty() ? 0 : static_cast<uint8_t>(bytes[0]);
    RecordKey record;
    if (bytes.size() < 1 + target_bytes || !decode_record_key(bytes.substr(1 + target_bytes), &record))
      return {StatusCode::kCorrupt, "a hint's row in the store is damaged"};
    (void)insert(bytes.substr(1, target_bytes), record.space, Key(record.name), row.kept_ms);
  }
  stored_sequence_ = next_sequence_ - 1;
  return {};
}

void HintTable::drop_unmapped() {
  absl::flat_hash_set<uint32_t> unmapped;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [target, queue] : queues_) {
      for (const auto& [sequence, hint] : queue.order) {
        if (!database_of(keyspace_, hint->space)) unmapped.insert(hint->space);
      }
    }
  }
  for (const uint32_t space : unmapped) drop_space(space);
}

HintTable& hints_of(Engine& engine) {
  return engine.core().hints;
}

}  // namespace starling::engine
