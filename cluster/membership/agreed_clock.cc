#include "cluster/membership/agreed_clock.h"

#include <algorithm>
#include <cstdlib>

namespace starling::cluster {
namespace {

constexpr int64_t kMillion = 1'000'000;

int64_t lower_median(std::vector<int64_t>* values) {
  const auto middle = values->begin() + static_cast<std::ptrdiff_t>((values->size() - 1) / 2);
  std::nth_element(values->begin(), middle, values->end());
  return *middle;
}

}  // namespace

AgreedClock::AgreedClock(const NodeId& self, bool in_cluster, const ClockSettings& settings, int64_t now_us,
                         int64_t wall_us)
    : self_(self),
      in_cluster_(in_cluster),
      settings_(settings),
      own_{wall_us - now_us, wall_us - now_us, wall_us - now_us, !in_cluster},
      last_tick_us_(now_us) {}

void AgreedClock::set_members(std::span<const NodeId> members, int64_t now_us) {
  if (!members_known_) waiting_since_us_ = now_us;
  members_known_ = true;
  std::map<NodeId, Peer> peers;
  for (const NodeId& id : members) {
    if (id == self_) continue;
    const auto known = peers_.find(id);
    peers[id] = known == peers_.end() ? Peer() : known->second;
  }
  peers_ = std::move(peers);
}

void AgreedClock::measured(const NodeId& peer, const ClockReading& bases, int64_t error_us, int64_t now_us) {
  const auto place = peers_.find(peer);
  if (place == peers_.end()) return;
  Peer& known = place->second;
  const int64_t age_us = now_us - known.measured_us;
  const auto as_before = [&](int64_t now, int64_t before) {
    return std::abs(now - before) <= error_us + known.error_us;
  };
  const bool same = known.heard && bases.confirmed == known.bases.confirmed &&
                    as_before(bases.local_us, known.bases.local_us) &&
                    as_before(bases.vote_us, known.bases.vote_us) &&
                    as_before(bases.agreed_us, known.bases.agreed_us);
  known.heard = true;
  known.heard_us = now_us;
  // A slow answer says less than a quick one did before, unless the clock has moved since.
  if (same && error_us > known.error_us + age_us * settings_.drift_ppm / kMillion) return;
  known.bases = bases;
  known.error_us = error_us;
  known.measured_us = now_us;
}

void AgreedClock::tick(int64_t now_us, int64_t wall_us, std::vector<ClockEvent>* events) {
  follow_own(now_us, wall_us - now_us, events);
  const Middle votes = middle(now_us);
  if (!own_.confirmed) {
    own_.agreed_us = own_.vote_us;
    confirm(votes, now_us, events);
  } else {
    approach(votes, now_us, events);
  }
  last_tick_us_ = now_us;
  judge(events);
}

// The own vote: the own clock, unless it has jumped.
void AgreedClock::follow_own(int64_t now_us, int64_t local_us, std::vector<ClockEvent>* events) {
  own_.local_us = local_us;
  const int64_t offset_us = local_us - own_.vote_us;
  if (std::abs(offset_us) <= settings_.jump_us) {
    if (jump_) events->push_back({ClockEventKind::kJumpOver, {}, jump_->base_us - own_.vote_us});
    jump_.reset();
    own_.vote_us = local_us;
  } else if (!jump_ || std::abs(local_us - jump_->base_us) > settings_.jump_us) {
    ++jumps_;
    jump_ = Jump{local_us, now_us};
    events->push_back({ClockEventKind::kJumped, {}, offset_us});
  } else if (now_us - jump_->since_us >= settings_.hold_us) {
    jump_.reset();
    own_.vote_us = local_us;
    events->push_back({ClockEventKind::kJumpFollowed, {}, offset_us});
  }
}

AgreedClock::Middle AgreedClock::middle(int64_t now_us) const {
  // Each vote lies between these.
  std::vector<int64_t> votes{own_.vote_us}, least{own_.vote_us}, most{own_.vote_us};
  for (const auto& [id, peer] : peers_) {
    if (!peer.heard || now_us - peer.heard_us >= settings_.vote_lifetime_us) continue;
    votes.push_back(peer.bases.vote_us);
    least.push_back(peer.bases.vote_us - peer.error_us);
    most.push_back(peer.bases.vote_us + peer.error_us);
  }
  std::sort(least.begin(), least.end());
  std::sort(most.begin(), most.end());
  Middle middle;
  middle.votes = votes.size();
  middle.heard_us = lower_median(&votes);
  // Who has heard nobody has nothing but its own.
  const size_t all = votes.size() == 1 ? 1 : peers_.size() + 1, missing = all - votes.size();
  const size_t lower = (all - 1) / 2, upper = all / 2;
  if (lower >= missing) middle.low_us = least[lower - missing];
  if (upper < most.size()) middle.high_us = most[upper];
  return middle;
}

// Where the agreed time should be: between the middle votes, and there where others have it already.
int64_t AgreedClock::target(const Middle& middle, int64_t now_us) const {
  std::vector<int64_t> agreed;
  if (own_.confirmed) agreed.push_back(own_.agreed_us);
  for (const auto& [id, peer] : peers_) {
    if (peer.heard && peer.bases.confirmed && now_us - peer.heard_us < settings_.fresh_us)
      agreed.push_back(peer.bases.agreed_us);
  }
  int64_t common_us = agreed.empty() ? middle.heard_us : lower_median(&agreed);
  // Else errors of measurement would add up: everybody would follow the one whom they make seem the slowest.
  if (own_.confirmed && std::abs(common_us - own_.agreed_us) <= settings_.tolerance_us)
    common_us = own_.agreed_us;
  return std::clamp(common_us, middle.low_us, middle.high_us);
}

void AgreedClock::confirm(const Middle& middle, int64_t now_us, std::vector<ClockEvent>* events) {
  if (!members_known_) return;
  const bool bounded = middle.low_us != INT64_MIN && middle.high_us != INT64_MAX;
  const bool clear = middle.votes > 1 || peers_.empty();
  const bool known = bounded && clear && middle.high_us - middle.low_us <= settings_.jump_us;
  if (!known && now_us - waiting_since_us_ < settings_.patience_us) return;
  own_.agreed_us = target(middle, now_us);
  own_.confirmed = true;
  events->push_back({ClockEventKind::kConfirmed, {}, own_.agreed_us - own_.vote_us});
}

void AgreedClock::approach(const Middle& middle, int64_t now_us, std::vector<ClockEvent>* events) {
  const int64_t offset_us = target(middle, now_us) - own_.agreed_us;
  const bool alone = middle.votes == 1;
  if (std::abs(offset_us) > (alone ? settings_.jump_us : settings_.bound_us)) {
    own_.agreed_us += offset_us;
    if (!alone) ready_from_us_ = now_us + settings_.pause_us;
    events->push_back({ClockEventKind::kStepped, {}, offset_us});
    return;
  }
  const int64_t passed_us = std::min(now_us - last_tick_us_, kMillion);
  const int64_t most_us = passed_us * settings_.slew_ppm / kMillion;
  own_.agreed_us += std::clamp(offset_us, -most_us, most_us);
}

// Only what is certain is told.
void AgreedClock::tell_skew(const NodeId& node, int64_t skew_us, int64_t error_us, int64_t* told_us,
                            std::vector<ClockEvent>* events) const {
  const int64_t skew = std::max<int64_t>(std::abs(skew_us) - error_us, 0), told = std::abs(*told_us);
  if (skew >= settings_.jump_us && (told == 0 || skew >= 2 * told || (skew_us < 0) != (*told_us < 0))) {
    *told_us = skew_us;
    events->push_back({ClockEventKind::kSkewed, node, skew_us});
  } else if (told != 0 && skew < settings_.jump_us / 2) {
    *told_us = 0;
    events->push_back({ClockEventKind::kSkewOver, node, skew_us});
  }
}

void AgreedClock::judge(std::vector<ClockEvent>* events) {
  if (!own_.confirmed || !in_cluster_) return;
  tell_skew(self_, skew_us(), 0, &told_us_, events);
  for (auto& [id, peer] : peers_) {
    if (peer.heard) tell_skew(id, peer.bases.local_us - own_.agreed_us, peer.error_us, &peer.told_us, events);
  }
  const bool fit = std::abs(skew_us()) <= settings_.bound_us;
  if (fit == fit_) return;
  fit_ = fit;
  events->push_back({fit ? ClockEventKind::kWithinBound : ClockEventKind::kBeyondBound, self_, skew_us()});
}

std::vector<ClockView> AgreedClock::peers(int64_t now_us) const {
  std::vector<ClockView> views;
  for (const auto& [id, peer] : peers_) {
    if (!peer.heard) continue;
    views.push_back({id, peer.bases.local_us - own_.agreed_us, peer.error_us, now_us - peer.heard_us});
  }
  return views;
}

}  // namespace starling::cluster
