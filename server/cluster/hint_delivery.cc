#include "server/cluster/hint_delivery.h"

#include <utility>
#include <vector>

#include "cluster/handoff/heirs.h"
#include "server/cluster/cluster_node.h"
#include "server/cluster/cluster_thread.h"
#include "server/io_thread.h"
#include "server/process/log.h"
#include "server/process/node_names.h"
#include "server/server.h"

namespace starling::server {
namespace {

// Records on their way to one node that came back. It has other work as well.
constexpr size_t kUnderWay = 512;
constexpr int64_t kDeliverPeriodMs = 20;
constexpr int64_t kTendPeriodMs = 100;
constexpr int64_t kExpirePeriodUs = 1'000'000;
constexpr int64_t kTellPeriodUs = 60'000'000;

}  // namespace

HintDelivery::HintDelivery(Server& server, ClusterThread& thread, HintKeeper& keeper)
    : server_(server),
      thread_(thread),
      keeper_(keeper),
      deliver_timer_(thread.io_thread().loop(), [this] { deliver(); }),
      tend_timer_(thread.io_thread().loop(), [this] { tend(); }) {
  tend();
  tend_timer_.start(kTendPeriodMs, kTendPeriodMs);
}

void HintDelivery::deliver() {
  const std::shared_ptr<const cluster::Placement> placement = thread_.placement();
  if (placement == nullptr) return;
  bool delivers = false;
  for (const cluster::NodeIndex i : placement->nodes()) {
    const cluster::NodeId& target = placement->id_of(i);
    if (i == placement->self || keeper_.waiting(target) == 0 || !thread_.healthy(i)) continue;
    delivers = true;
    deliver_to(target);
  }
  // Most of the time there is nothing to deliver, and to look now and then is enough.
  if (delivers == deliver_timer_.active()) return;
  delivers ? deliver_timer_.start(kDeliverPeriodMs, kDeliverPeriodMs) : deliver_timer_.stop();
}

// Keeps up to kUnderWay records on their way.
void HintDelivery::deliver_to(const cluster::NodeId& target) {
  size_t& under_way = under_way_[target];
  if (under_way >= kUnderWay) return;
  std::vector<Hint> batch = keeper_.take(target, kUnderWay - under_way, server_.clock().monotonic_us());
  under_way += batch.size();
  for (Hint& hint : batch) {
    const int database = hint.database;
    const std::string key = hint.key;
    const cluster::NodeId to = recipient(target, engine::partition_of(key));
    if (!to.valid()) {
      --under_way;
      const auto holds = [this](uint16_t partition) { return this->holds(partition); };
      keeper_.finish(target, hint, {.stored = true, .bytes = 0, .context = {}}, holds,
                     server_.clock().wall_ms());
      thread_.io_thread().commit_gate().note_change();
      continue;
    }
    thread_.hand_over(to, database, key, [this, target, hint = std::move(hint)](const HandedOver& result) {
      --under_way_[target];
      if (result.stored) ++delivered_[target];
      const auto holds = [this](uint16_t partition) { return this->holds(partition); };
      keeper_.finish(target, hint, result, holds, server_.clock().wall_ms());
      thread_.io_thread().commit_gate().note_change();
    });
  }
}

cluster::NodeId HintDelivery::recipient(const cluster::NodeId& target, uint16_t partition) const {
  return cluster::recipient(*thread_.placement(), target, partition,
                            [this](cluster::NodeIndex node) { return thread_.healthy(node); });
}

bool HintDelivery::holds(uint16_t partition) const {
  const std::shared_ptr<const cluster::Placement>& placement = thread_.placement();
  // Who does not know keeps what it has.
  return placement == nullptr || placement->stores(partition, placement->self);
}

void HintDelivery::tend() {
  const Settings& settings = server_.settings();
  keeper_.set_limits({static_cast<uint64_t>(settings.hint_max_bytes), settings.hint_max_age_seconds * 1000,
                      static_cast<uint64_t>(settings.hint_bandwidth)});
  if (!deliver_timer_.active()) deliver();
  const int64_t now_us = server_.clock().monotonic_us();
  if (now_us - expired_at_us_ < kExpirePeriodUs || thread_.placement() == nullptr) return;
  expired_at_us_ = now_us;
  const auto holds = [this](uint16_t partition) { return this->holds(partition); };
  if (keeper_.expire(holds, server_.clock().wall_ms())) thread_.io_thread().commit_gate().note_change();
  bequeath();
  tell_delivered();
  if (told_at_us_ == 0 || now_us - told_at_us_ >= kTellPeriodUs) tell();
}

// What waits for nodes that have left the cluster goes to those that hold the keys now.
void HintDelivery::bequeath() {
  const std::shared_ptr<const cluster::Placement> placement = thread_.placement();
  const auto heir = [&](uint16_t partition) { return cluster::heir(*placement, partition); };
  for (const HintReport::Target& target : keeper_.report().targets) {
    if (placement->number_of(target.id) != cluster::kNoNode) continue;
    if (keeper_.bequeath(target.id, heir, server_.clock().wall_ms())) {
      thread_.io_thread().commit_gate().note_change();
    }
  }
}

void HintDelivery::tell_delivered() {
  for (auto entry = delivered_.begin(); entry != delivered_.end();) {
    const auto& [target, count] = *entry;
    if (keeper_.waiting(target) != 0 || under_way_[target] != 0) {
      ++entry;
      continue;
    }
    log_text(LogLevel::kNotice, "Node " + node_name(target) + " has got what it missed and was kept here: " +
                                    std::to_string(count) + (count == 1 ? " record" : " records"));
    delivered_.erase(entry++);
  }
}

void HintDelivery::tell() {
  const HintReport report = keeper_.report();
  const uint64_t given_up = report.dropped + report.expired;
  if (given_up == given_up_told_) return;
  log_text(LogLevel::kWarning,
           std::to_string(given_up - given_up_told_) + " hints were given up ('hint-max-bytes': " +
               std::to_string(report.dropped) + " so far, 'hint-max-age': " + std::to_string(report.expired) +
               "): what those nodes missed is left to the comparison of replicas");
  given_up_told_ = given_up;
  told_at_us_ = server_.clock().monotonic_us();
}

}  // namespace starling::server
