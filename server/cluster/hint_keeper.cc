#include "server/cluster/hint_keeper.h"

#include <algorithm>
#include <utility>

#include "cluster/wire/data_messages.h"
#include "engine/core/operation.h"
#include "engine/replica/replication.h"

namespace starling::server {
namespace {

// Of records on their way to one target.
constexpr int64_t kBytesUnderWay = 16 << 20;
// Unused bandwidth is kept for so long.
constexpr int64_t kBurstUs = 100'000;
constexpr size_t kExpiredAtOnce = 1000;
constexpr size_t kBequeathedAtOnce = 1000;

cluster::NodeId node_of(std::string_view target) {
  cluster::NodeId id;
  if (target.size() == id.bytes.size()) std::copy(target.begin(), target.end(), id.bytes.begin());
  return id;
}

}  // namespace

std::string_view hint_target(const cluster::NodeId& id) {
  return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

void HintKeeper::set_limits(const HintLimits& limits) {
  table_.set_max_bytes(limits.max_bytes);
  std::lock_guard lock(mutex_);
  limits_ = limits;
}

bool HintKeeper::keep(const cluster::NodeId& target, std::string_view keys, int64_t now_ms) {
  bool kept = true;
  cluster::MessageReader reader(keys);
  cluster::KeyName name;
  while (!reader.at_end() && reader.read_key(&name)) {
    const engine::KeyRef key{name.database, engine::Key(name.key)};
    engine::Operation operation(engine_, now_ms);
    operation.lock(key);
    const engine::HintOutcome outcome = operation.keep_hint(key, hint_target(target));
    operation.finish();
    if (outcome != engine::HintOutcome::kNoRoom) continue;
    kept = false;
    std::lock_guard lock(mutex_);
    ++dropped_;
    dropped_partitions_.set(key.key.partition);
  }
  return kept;
}

// How many records may leave now.
size_t HintKeeper::affordable(Flow& flow, size_t count, int64_t now_us) {
  const int64_t mean = std::max<int64_t>(mean_bytes_, 1);
  count = std::min(count, static_cast<size_t>(std::max<int64_t>(kBytesUnderWay / mean, 1)));
  const auto rate = static_cast<int64_t>(limits_.bytes_per_second);
  const int64_t passed_us = flow.at_us == 0 ? kBurstUs : std::min(now_us - flow.at_us, int64_t{1'000'000});
  flow.at_us = now_us;
  if (rate == 0) return count;
  const int64_t burst = std::max<int64_t>(rate * kBurstUs / 1'000'000, 1);
  flow.allowance_bytes = std::min(flow.allowance_bytes + rate * passed_us / 1'000'000, burst);
  if (flow.allowance_bytes <= 0) return 0;
  return std::min(count, static_cast<size_t>(flow.allowance_bytes / mean + 1));
}

std::vector<Hint> HintKeeper::take(const cluster::NodeId& target, size_t count, int64_t now_us) {
  {
    std::lock_guard lock(mutex_);
    count = affordable(flows_[target], count, now_us);
  }
  if (count == 0) return {};
  std::vector<Hint> hints = table_.take(hint_target(target), count);
  std::lock_guard lock(mutex_);
  flows_[target].allowance_bytes -= static_cast<int64_t>(hints.size()) * mean_bytes_;
  return hints;
}

void HintKeeper::finish(const cluster::NodeId& target, const Hint& hint, const HandedOver& result,
                        const Holds& holds, int64_t now_ms) {
  bool forgotten = false;
  if (result.stored) {
    const engine::KeyRef key{hint.database, engine::Key(hint.key)};
    engine::Operation operation(engine_, now_ms);
    operation.lock(key);
    const bool gone = operation.hint_delivered(key, hint_target(target));
    if (gone && !holds(key.key.partition) && !result.context.empty() && operation.resident(key)) {
      forgotten = engine::Replica(operation, hint.database).forget(key.key, result.context);
    }
    operation.finish();
  } else {
    table_.restore(hint_target(target), hint);
  }
  std::lock_guard lock(mutex_);
  Flow& flow = flows_[target];
  // What was taken off for it was a guess.
  flow.allowance_bytes += mean_bytes_ - static_cast<int64_t>(result.bytes);
  if (!result.stored) return;
  mean_bytes_ += (static_cast<int64_t>(result.bytes) - mean_bytes_) / 8;
  ++flow.delivered;
  flow.delivered_bytes += result.bytes;
  ++delivered_;
  if (forgotten) ++forgotten_;
}

bool HintKeeper::expire(const Holds& holds, int64_t now_ms) {
  int64_t max_age_ms;
  {
    std::lock_guard lock(mutex_);
    max_age_ms = limits_.max_age_ms;
  }
  if (max_age_ms <= 0) return false;
  bool any = false;
  for (const engine::HintTargetReport& target : table_.report()) {
    if (target.oldest_ms >= now_ms - max_age_ms) continue;
    const std::vector<Hint> old =
        table_.older_than(target.target, now_ms - max_age_ms, kExpiredAtOnce, holds);
    for (const Hint& hint : old) {
      const engine::KeyRef key{hint.database, engine::Key(hint.key)};
      engine::Operation operation(engine_, now_ms);
      operation.lock(key);
      const bool gone = operation.drop_hint(key, target.target);
      operation.finish();
      if (!gone) continue;
      any = true;
      std::lock_guard lock(mutex_);
      ++expired_;
      dropped_partitions_.set(key.key.partition);
    }
  }
  return any;
}

bool HintKeeper::bequeath(const cluster::NodeId& target,
                          const std::function<cluster::NodeId(uint16_t partition)>& heir, int64_t now_ms) {
  const std::vector<Hint> hints = table_.take(hint_target(target), kBequeathedAtOnce);
  for (const Hint& hint : hints) {
    const engine::KeyRef key{hint.database, engine::Key(hint.key)};
    const cluster::NodeId next = heir(key.key.partition);
    engine::Operation operation(engine_, now_ms);
    operation.lock(key);
    // In one frame. Without room it waits where it is.
    const bool moved =
        !next.valid() || operation.keep_hint(key, hint_target(next)) != engine::HintOutcome::kNoRoom;
    if (moved) (void)operation.drop_hint(key, hint_target(target));
    operation.finish();
    if (!moved) table_.restore(hint_target(target), hint);
  }
  return !hints.empty();
}

size_t HintKeeper::waiting(const cluster::NodeId& target) const {
  return table_.waiting(hint_target(target));
}

HintReport HintKeeper::report() const {
  HintReport report;
  const std::vector<engine::HintTargetReport> targets = table_.report();
  report.bytes = table_.bytes();
  report.kept = table_.kept();
  std::lock_guard lock(mutex_);
  for (const engine::HintTargetReport& each : targets) {
    HintReport::Target target;
    target.id = node_of(each.target);
    target.waiting = each.waiting;
    target.bytes = each.bytes;
    target.oldest_ms = each.oldest_ms;
    target.under_way = each.under_way;
    if (const auto flow = flows_.find(target.id); flow != flows_.end()) {
      target.delivered = flow->second.delivered;
      target.delivered_bytes = flow->second.delivered_bytes;
    }
    report.waiting += each.waiting;
    report.targets.push_back(target);
  }
  report.delivered = delivered_;
  report.dropped = dropped_;
  report.expired = expired_;
  report.forgotten = forgotten_;
  return report;
}

cluster::PartitionSet HintKeeper::partitions() const {
  // Those dropped first: a hint is never between the two.
  cluster::PartitionSet set;
  {
    std::lock_guard lock(mutex_);
    set = dropped_partitions_;
  }
  set |= table_.partitions();
  std::lock_guard lock(mutex_);
  return set | dropped_partitions_;
}

void HintKeeper::compared(const cluster::PartitionSet& partitions) {
  std::lock_guard lock(mutex_);
  dropped_partitions_ &= ~partitions;
}

}  // namespace starling::server
