// Whom to talk to in an interval. However big the cluster is, it is at most `fanout` peers at random, one
// that is nearly late, one that is suspect or down, one rumour, and one seed.
#include <algorithm>

#include "cluster/membership/membership.h"

namespace starling::cluster {
namespace {

// Every how many intervals a peer that is down is asked whether it is back.
constexpr uint64_t kAskDownEvery = 5;
// Seeds are asked in every interval at first, and while nobody is known; then every so many intervals.
constexpr uint64_t kAskSeedsAtFirst = 25;
constexpr uint64_t kAskSeedsEvery = 25;
constexpr int kDraws = 8;
// While few are known; then one by one, as all the others ask, too.
constexpr size_t kFewKnown = 32;
constexpr size_t kRumoursAtFirst = 4;
constexpr int64_t kAskRumourAgainUs = 1'000'000;
// An answer that takes longer says little about a clock, and may never come: the next digest measures.
constexpr int64_t kMeasurementLifetimeUs = 2'000'000;

}  // namespace

void Membership::send_digests(int64_t now_us, GossipOutput* out) {
  for (uint32_t i = 0; i < settings_.fanout; ++i) {
    // In every second interval one that has something to say of itself, in the place of any.
    Peer* peer = i == 0 && ticks_ % 2 == 0 ? draw_peer_to_hear() : nullptr;
    ask(peer != nullptr ? peer : draw_random_peer(), now_us, out);
  }
  ask(most_overdue_peer(now_us), now_us, out);
  ask(draw_unhealthy_peer(), now_us, out);
  ask_rumours(now_us, out);
  ask_seed(now_us, out);
}

Membership::Peer* Membership::draw_random_peer() {
  if (!members_.empty() && peers_.size() > others()) {
    // Strangers are among them, and they may be most.
    Peer* drawn = nullptr;
    uint64_t candidates = 0;
    for (Peer& peer : peers_) {
      if (peer.silence == Phase::kDown || !counts(peer.entry.id)) continue;
      if (random_.below(++candidates) == 0) drawn = &peer;
    }
    return drawn;
  }
  for (int i = 0; i < kDraws && !peers_.empty(); ++i) {
    Peer& peer = peers_[random_.below(peers_.size())];
    if (peer.silence != Phase::kDown) return &peer;
  }
  return nullptr;
}

// Asking the one that is nearest to its deadline turns silence into an answer or into evidence.
Membership::Peer* Membership::most_overdue_peer(int64_t now_us) {
  Peer* most = nullptr;
  double most_overdue = 0;
  for (Peer& peer : peers_) {
    if (peer.phase() != Phase::kAlive || now_us - peer.last_asked_us < settings_.interval_us) continue;
    if (!counts(peer.entry.id)) continue;
    double overdue =
        static_cast<double>(now_us - peer.last_heard_us) / static_cast<double>(deadline_us(peer));
    if (overdue < 0.5 && peer.unanswered == 0) continue;
    if (peer.unanswered > 0) overdue += 0.5;
    if (most == nullptr || overdue > most_overdue) {
      most = &peer;
      most_overdue = overdue;
    }
  }
  return most;
}

Membership::Peer* Membership::draw_unhealthy_peer() {
  Peer* drawn = nullptr;
  uint64_t candidates = 0;
  for (Peer& peer : peers_) {
    const bool due = peer.phase() == Phase::kSuspect ||
                     (peer.phase() == Phase::kDown && (peer.knocking || ticks_ % kAskDownEvery == 0));
    if (due && counts(peer.entry.id) && random_.below(++candidates) == 0) drawn = &peer;
  }
  return drawn;
}

// One of which others know more than it has told this node.
Membership::Peer* Membership::draw_peer_to_hear() {
  Peer* drawn = nullptr;
  uint64_t candidates = 0;
  for (Peer& peer : peers_) {
    if (peer.ask_soon && counts(peer.entry.id) && random_.below(++candidates) == 0) drawn = &peer;
  }
  if (drawn != nullptr) drawn->ask_soon = false;
  return drawn;
}

// Whether they are there, and who they are, they must say themselves.
void Membership::ask_rumours(int64_t now_us, GossipOutput* out) {
  const size_t most = size() < kFewKnown ? kRumoursAtFirst : 1;
  size_t asked = 0;
  for (Told& told : rumours_) {
    if (told.last_asked_us != 0 && now_us - told.last_asked_us < kAskRumourAgainUs) continue;
    if (asked++ == most) return;
    told.last_asked_us = now_us;
    GossipMessage message = start_message(GossipKind::kDigest, next_sequence_++, now_us);
    fill_entries(&message);
    describe(self_, &message);
    send(told.id, {told.description.host, told.description.bus_port}, message, out);
  }
}

void Membership::ask_seed(int64_t now_us, GossipOutput* out) {
  const bool lonely = std::none_of(peers_.begin(), peers_.end(),
                                   [](const Peer& peer) { return peer.phase() == Phase::kAlive; });
  if (!lonely && ticks_ > kAskSeedsAtFirst && ticks_ % kAskSeedsEvery != 0) return;
  for (size_t i = 0; i < seeds_.size(); ++i) {
    const BusAddress& seed = seeds_[next_seed_++ % seeds_.size()];
    const auto is_at_seed = [&seed](const NodeDescription& description) {
      return description.bus_port == seed.port && description.host == seed.host;
    };
    if (is_at_seed(own_description_)) continue;
    if (std::any_of(peers_.begin(), peers_.end(), [&](const Peer& peer) {
          return peer.silence != Phase::kDown && is_at_seed(peer.description);
        })) {
      continue;
    }
    GossipMessage message = start_message(GossipKind::kDigest, next_sequence_++, now_us);
    fill_entries(&message);
    describe(self_, &message);
    send({}, seed, message, out);
    return;
  }
}

void Membership::ask(Peer* peer, int64_t now_us, GossipOutput* out) {
  if (peer == nullptr || (peer->unanswered > 0 && peer->last_asked_us == now_us)) return;
  question(peer, peer->entry.description_version == 0, now_us, out);
}

// Its answer measures the peer's clock, whatever became of earlier questions.
void Membership::greet(const NodeId& id, int64_t now_us, GossipOutput* out) {
  Peer* peer = find(id);
  if (peer == nullptr) return;
  peer->clock_sequence = 0;
  question(peer, true, now_us, out);
}

void Membership::question(Peer* peer, bool introduce, int64_t now_us, GossipOutput* out) {
  const uint64_t sequence = next_sequence_++;
  if (peer->unanswered == 0) {
    peer->first_unanswered_sequence = sequence;
    peer->first_unanswered_us = now_us;
  }
  if (peer->clock_sequence == 0 || now_us - peer->clock_asked_us > kMeasurementLifetimeUs) {
    peer->clock_sequence = sequence;
    peer->clock_asked_us = now_us;
  }
  ++peer->unanswered;
  peer->last_asked_us = now_us;
  peer->knocking = peer->ask_soon = false;
  GossipMessage message = start_message(GossipKind::kDigest, sequence, now_us);
  list(peer, &message);
  fill_entries(&message);
  add_suspicions(peer, &message);
  if (introduce) describe(self_, &message);
  send(peer->entry.id, {}, message, out);
}

}  // namespace starling::cluster
