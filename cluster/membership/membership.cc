#include "cluster/membership/membership.h"

#include <algorithm>
#include <utility>

#include "engine/base/assert.h"

namespace starling::cluster {
namespace {

// Silence alone may be an accident of whom others chose to talk to: a peer is suspected for it only when it
// has also not answered this often, or when somebody else suspects it.
constexpr uint32_t kUnansweredToSuspect = 3;
// Whom others hear but who does not answer us: asked more often, since only our own view depends on it.
constexpr uint32_t kUnansweredToRouteAround = 5;
constexpr int64_t kRatePeriodUs = 1'000'000;

}  // namespace

Membership::Membership(const NodeId& self, NodeDescription description, uint64_t first_incarnation,
                       const GossipSettings& settings, int64_t now_us, engine::Random& random)
    : self_(self),
      settings_(settings),
      random_(random),
      life_tag_(random.next() & kLifeTag),
      own_{self, first_incarnation, 0,
           std::min(first_incarnation, kLatestDescription) << kLifeTagBits | life_tag_},
      own_description_(std::move(description)),
      last_tick_us_(now_us),
      rates_since_us_(now_us) {
  STARLING_ASSERT(self.valid() && own_description_.well_formed());
  STARLING_ASSERT(first_incarnation > 0 && first_incarnation < kGossipCounterLimit / 2);
  STARLING_ASSERT(settings.interval_us > 0 && settings.digest_max_entries >= 4 &&
                  settings.digest_max_entries <= kMaxGossipEntries);
}

void Membership::add_seed(const BusAddress& seed) {
  if (std::find(seeds_.begin(), seeds_.end(), seed) == seeds_.end()) seeds_.push_back(seed);
}

bool Membership::learn(const NodeId& id, const NodeDescription& description, int64_t now_us,
                       GossipOutput* out) {
  if (id == self_) return true;
  if (Peer* known = find(id)) {
    if (known->entry.description_version == 0 && description.well_formed()) known->description = description;
    return true;
  }
  return description.well_formed() && add_peer(id, description, 0, now_us, out) != nullptr;
}

void Membership::prove_address(const NodeId& id, const BusAddress& address, GossipOutput* out) {
  Peer* peer = find(id);
  if (peer == nullptr) return;
  NodeDescription present = peer->description;
  present.host = address.host;
  present.bus_port = address.port;
  if (present == peer->description || !present.well_formed()) return;
  peer->description = std::move(present);
  out->events.push_back({MembershipEventKind::kDescriptionChanged, id});
}

void Membership::set_description(const NodeDescription& description) {
  STARLING_ASSERT(description.well_formed());
  if (description == own_description_) return;
  own_description_ = description;
  own_.description_version += uint64_t{1} << kLifeTagBits;
}

void Membership::remove(const NodeId& id) {
  if (id == self_) return;
  removed_.insert(id);
  std::erase_if(rumours_, [&id](const Told& told) { return told.id == id; });
  const auto found = index_.find(id);
  if (found != index_.end()) erase_peer(found->second);
}

void Membership::erase_peer(size_t place) {
  const NodeId id = peers_[place].entry.id;
  for (Peer& peer : peers_)
    std::erase_if(peer.votes, [&id](const Vote& vote) { return vote.observer == id; });
  index_.erase(id);
  if (place + 1 != peers_.size()) {
    peers_[place] = std::move(peers_.back());
    index_[peers_[place].entry.id] = place;
  }
  peers_.pop_back();
}

void Membership::set_members(const std::vector<NodeId>& ids) {
  members_ = {ids.begin(), ids.end()};
  rumours_.clear();
  for (Peer& peer : peers_)
    std::erase_if(peer.votes, [this](const Vote& vote) { return !counts(vote.observer); });
}

size_t Membership::others() const {
  return members_.empty() ? peers_.size() : members_.size() - (members_.contains(self_) ? 1 : 0);
}

std::vector<Rumour> Membership::rumours() const {
  std::vector<Rumour> told;
  for (const Told& rumour : rumours_)
    told.push_back({rumour.id, {rumour.description.host, rumour.description.bus_port}});
  return told;
}

void Membership::forget_rumours(int64_t now_us) {
  std::erase_if(rumours_,
                [&](const Told& told) { return now_us - told.since_us >= settings_.rumour_lifetime_us; });
}

void Membership::forget_strangers(int64_t now_us, GossipOutput* out) {
  if (members_.empty()) return;
  for (size_t place = peers_.size(); place-- > 0;) {
    const Peer& peer = peers_[place];
    if (counts(peer.entry.id) || now_us - peer.last_heard_us < settings_.stranger_lifetime_us) continue;
    out->events.push_back({MembershipEventKind::kForgotten, peer.entry.id, now_us - peer.last_heard_us});
    erase_peer(place);
  }
}

void Membership::tick(int64_t now_us, GossipOutput* out) {
  notice_pause(now_us);
  refutations_in_tick_ = 0;
  forget_rumours(now_us);
  forget_strangers(now_us, out);
  last_tick_us_ = now_us;
  ++ticks_;
  ++own_.heartbeat;
  accused_ = 0;
  for (Peer& peer : peers_) {
    std::erase_if(peer.votes, [now_us](const Vote& vote) { return vote.expires_us <= now_us; });
    judge(&peer, now_us, out);
    if (peer.silence != Phase::kAlive || !peer.votes.empty()) ++accused_;
  }
  send_digests(now_us, out);
  count_rates(now_us);
}

void Membership::report_unreachable(const NodeId& id, int64_t now_us, GossipOutput* out) {
  notice_pause(now_us);
  Peer* peer = find(id);
  if (peer == nullptr) return;
  if (peer->unanswered == 0) {
    peer->first_unanswered_sequence = next_sequence_;
    peer->first_unanswered_us = now_us;
  }
  peer->unanswered = std::max(peer->unanswered, kUnansweredToSuspect);
  const Phase before = peer->phase();
  peer->unreachable = true;
  if (before == Phase::kAlive) {
    out->events.push_back({MembershipEventKind::kSuspected, id, now_us - peer->last_heard_us});
  }
}

void Membership::report_heard(const NodeId& id, int64_t now_us, GossipOutput* out) {
  notice_pause(now_us);
  if (Peer* peer = find(id)) heard(peer, now_us, out);
}

void Membership::report_answered(const NodeId& id, int64_t now_us, GossipOutput* out) {
  notice_pause(now_us);
  if (Peer* peer = find(id)) answered(peer, now_us, out);
}

bool Membership::healthy(const NodeId& id) const {
  return phase(id) == Phase::kAlive;
}

std::optional<Phase> Membership::phase(const NodeId& id) const {
  if (id == self_) return Phase::kAlive;
  const Peer* peer = find(id);
  if (peer == nullptr) return std::nullopt;
  return peer->phase();
}

const NodeDescription* Membership::description(const NodeId& id) const {
  if (id == self_) return &own_description_;
  const Peer* peer = find(id);
  return peer == nullptr ? nullptr : &peer->description;
}

std::vector<MemberView> Membership::members() const {
  std::vector<MemberView> views;
  views.reserve(size());
  views.push_back(
      {self_, own_description_, counts(self_), own_.incarnation, own_.heartbeat, Phase::kAlive, 0, 0, 0});
  for (const Peer& peer : peers_) {
    views.push_back({peer.entry.id, peer.description, counts(peer.entry.id), peer.entry.incarnation,
                     peer.entry.heartbeat, peer.phase(),
                     std::max<int64_t>(0, last_tick_us_ - peer.last_heard_us), deadline_us(peer),
                     valid_votes(peer, last_tick_us_) + (peer.silence == Phase::kAlive ? 0 : 1)});
  }
  std::sort(views.begin(), views.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return views;
}

GossipFigures Membership::figures() const {
  GossipFigures figures = figures_;
  for (const Peer& peer : peers_) {
    if (!counts(peer.entry.id)) continue;
    if (peer.phase() == Phase::kSuspect) ++figures.suspects;
    if (peer.phase() == Phase::kDown) ++figures.down;
  }
  return figures;
}

Membership::Peer* Membership::find(const NodeId& id) {
  const auto found = index_.find(id);
  return found == index_.end() ? nullptr : &peers_[found->second];
}

const Membership::Peer* Membership::find(const NodeId& id) const {
  const auto found = index_.find(id);
  return found == index_.end() ? nullptr : &peers_[found->second];
}

Membership::Peer* Membership::add_peer(const NodeId& id, const NodeDescription& description, uint64_t version,
                                       int64_t now_us, GossipOutput* out) {
  if (!id.valid() || removed_.contains(id) || size() >= settings_.max_members) return nullptr;
  if (!counts(id)) {
    const auto strangers = static_cast<size_t>(std::count_if(
        peers_.begin(), peers_.end(), [this](const Peer& peer) { return !counts(peer.entry.id); }));
    if (strangers >= settings_.max_strangers) return nullptr;
  }
  std::erase_if(rumours_, [&id](const Told& told) { return told.id == id; });
  index_[id] = peers_.size();
  Peer& peer = peers_.emplace_back(ArrivalGaps(settings_.interval_us));
  peer.entry = {id, 0, 0, version};
  peer.description = description;
  peer.last_heard_us = now_us;
  peer.last_progress_us = now_us;
  add_news(&peer);
  out->events.push_back({MembershipEventKind::kDiscovered, id});
  return &peer;
}

int64_t Membership::deadline_us(const Peer& peer) const {
  return peer.gaps.deadline_us(settings_.suspect_min_us, settings_.suspect_max_us);
}

void Membership::notice_pause(int64_t now_us) {
  const int64_t slept_us = now_us - last_tick_us_ - settings_.interval_us;
  if (slept_us < settings_.pause_threshold_us) return;
  ++figures_.pauses;
  for (Peer& peer : peers_) {
    peer.last_heard_us = std::min(now_us, peer.last_heard_us + slept_us);
    peer.last_progress_us = std::min(now_us, peer.last_progress_us + slept_us);
    peer.unanswered = 0;
  }
  last_tick_us_ = now_us;
}

void Membership::heard(Peer* peer, int64_t now_us, GossipOutput* out) {
  peer->last_heard_us = std::max(peer->last_heard_us, now_us);
  if (peer->silence == Phase::kDown) {
    // Others hold it for down too: only the peer can tell all of them that it is not.
    peer->knocking = true;
    return;
  }
  const Phase before = peer->phase();
  peer->silence = Phase::kAlive;
  // Who does not count is asked nothing (strangers, above all who is to join), so no answer would ever end this.
  if (!counts(peer->entry.id)) peer->unreachable = false;
  if (before != peer->phase()) out->events.push_back({MembershipEventKind::kBack, peer->entry.id});
}

void Membership::answered(Peer* peer, int64_t now_us, GossipOutput* out) {
  const Phase before = peer->phase();
  peer->unanswered = 0;
  peer->unreachable = false;
  if (before == Phase::kSuspect && peer->phase() == Phase::kAlive) {
    out->events.push_back({MembershipEventKind::kBack, peer->entry.id});
  }
  heard(peer, now_us, out);
}

void Membership::judge(Peer* peer, int64_t now_us, GossipOutput* out) {
  if (peer->silence == Phase::kDown) return;
  const int64_t deadline = deadline_us(*peer);
  const int64_t silence_us = now_us - peer->last_heard_us;
  const size_t votes = valid_votes(*peer, now_us);
  const Phase before = peer->phase();
  if (silence_us >= deadline && (peer->unanswered >= kUnansweredToSuspect || votes > 0)) {
    peer->silence = Phase::kSuspect;
  }
  if (peer->unanswered >= kUnansweredToRouteAround && now_us - peer->first_unanswered_us >= deadline) {
    peer->unreachable = true;
  }
  if (before == Phase::kAlive && peer->phase() == Phase::kSuspect) {
    out->events.push_back({MembershipEventKind::kSuspected, peer->entry.id, silence_us});
  }
  // This node is the first observer; in a cluster of two there is no second.
  if (peer->silence == Phase::kSuspect && (votes > 0 || others() == 1)) {
    peer->silence = Phase::kDown;
    figures_.last_detection_us = silence_us;
    out->events.push_back({MembershipEventKind::kDown, peer->entry.id, silence_us});
  }
}

size_t Membership::valid_votes(const Peer& peer, int64_t now_us) const {
  // A suspicion older than the last sign of life that reached this node is answered by it.
  return static_cast<size_t>(std::count_if(peer.votes.begin(), peer.votes.end(), [&](const Vote& vote) {
    return vote.incarnation == peer.entry.incarnation && vote.heartbeat >= peer.entry.heartbeat &&
           vote.expires_us > now_us;
  }));
}

void Membership::count_rates(int64_t now_us) {
  const int64_t elapsed_us = now_us - rates_since_us_;
  if (elapsed_us < kRatePeriodUs) return;
  const auto rate = [elapsed_us](uint64_t after, uint64_t before) {
    return (after - before) * 1'000'000 / static_cast<uint64_t>(elapsed_us);
  };
  figures_.messages_sent_per_s = rate(figures_.messages_sent, at_rates_since_.messages_sent);
  figures_.messages_received_per_s = rate(figures_.messages_received, at_rates_since_.messages_received);
  figures_.bytes_sent_per_s = rate(figures_.bytes_sent, at_rates_since_.bytes_sent);
  figures_.bytes_received_per_s = rate(figures_.bytes_received, at_rates_since_.bytes_received);
  at_rates_since_ = figures_;
  rates_since_us_ = now_us;
}

}  // namespace starling::cluster
