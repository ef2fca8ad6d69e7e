#include "cluster/handoff/lost_partitions.h"

#include <algorithm>
#include <utility>

#include "engine/replica/replication.h"

namespace starling::cluster {
namespace {

constexpr size_t kKeys = 128;

}  // namespace

void LostPartitions::keep(const Placement& next) {
  for_each_partition(among_, [&](uint16_t partition) {
    if (next.stores(partition, next.self)) lost_[partition].store(false, std::memory_order_release);
  });
  const uint16_t first = left_.empty() ? uint16_t{0} : left_.back();
  std::erase_if(left_, [this](uint16_t partition) { return !may_forget(partition); });
  if (left_.empty() || left_.back() != first) cursor_ = 0;
}

void LostPartitions::follow(const Placement* before, const Placement& now) {
  for_each_partition(among_, [&](uint16_t partition) {
    // It has come back before all of it was removed.
    if (now.stores(partition, now.self) && engine::is_lost(engine_, partition))
      unmarked_.push_back(partition);
  });
  if (!now.topology.changing()) find_lost(before, now);
}

void LostPartitions::find_lost(const Placement* before, const Placement& now) {
  std::vector<uint16_t> found;
  // It was there when the others were brought everything.
  const bool seen =
      before != nullptr && before->topology.changing() && before->topology.epoch + 1 == now.topology.epoch;
  for_each_partition(among_, [&](uint16_t partition) {
    if (now.stores(partition, now.self) || may_forget(partition)) return;
    const bool lost =
        (seen && before->stores(partition, before->self)) || engine::is_lost(engine_, partition);
    if (lost) {
      lost_[partition].store(true, std::memory_order_release);
      found.push_back(partition);
    } else if (engine::settled_up_to(engine_, partition) != 0) {
      unmarked_.push_back(partition);
    }
  });
  if (!found.empty()) renewed_ = false;
  left_.insert(left_.begin(), found.begin(), found.end());
}

LostPartitions::Step LostPartitions::begin() {
  Step step;
  step.unmarked = std::exchange(unmarked_, {});
  step.partitions = left_;
  step.cursor = cursor_;
  step.renews = !left_.empty() && !std::exchange(renewed_, true);
  return step;
}

void LostPartitions::perform(Step* step, engine::ActorId fresh, int64_t now_ms,
                             absl::FunctionRef<bool()> goes_on) {
  // Without another actor what this one has events of stays.
  if (step->renews) (void)engine_.renew_actor(fresh);
  for (const uint16_t partition : step->unmarked) engine::unsettle(engine_, partition, false, now_ms);
  if (step->renews) {
    // All of them first: what was settled must not be told of what is gone.
    for (const uint16_t partition : step->partitions) {
      if (may_forget(partition)) engine::unsettle(engine_, partition, true, now_ms);
    }
  }
  while (!step->partitions.empty() && step->status.ok() && goes_on()) {
    const uint16_t partition = step->partitions.back();
    step->status = engine::forget_partition(
        engine_, partition, &step->cursor, kKeys, now_ms, [&] { return may_forget(partition); },
        &step->forgotten);
    if (step->cursor != 0 || !step->status.ok()) continue;
    if (may_forget(partition)) engine::unsettle(engine_, partition, false, now_ms);
    step->done.push_back(partition);
    step->partitions.pop_back();
  }
  (void)engine_.commit();
}

void LostPartitions::note(const Step& step) {
  forgotten_ += step.forgotten;
  // Meanwhile some may have come, in front, and some may have gone.
  std::erase_if(left_, [&](uint16_t partition) {
    return std::find(step.done.begin(), step.done.end(), partition) != step.done.end();
  });
  const bool same = !left_.empty() && !step.partitions.empty() && left_.back() == step.partitions.back();
  cursor_ = same ? step.cursor : 0;
}

}  // namespace starling::cluster
