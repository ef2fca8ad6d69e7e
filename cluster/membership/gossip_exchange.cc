// What to say in a message, and what to make of one.
#include <algorithm>
#include <bit>
#include <utility>

#include "cluster/membership/membership.h"

namespace starling::cluster {
namespace {

constexpr size_t kDescriptionsPerMessage = 32;
constexpr size_t kSuspicionsPerMessage = 64;
constexpr size_t kMaxNews = 256;
// What a node can have counted beyond what it has said itself, when messages overtake each other.
constexpr uint64_t kOvertaking = 16;
// How far, and how often in an interval, what others remember of it may raise a node's incarnation: more than
// any clock is off (both begin as milliseconds of 1970), and too little to use up the numbers. How far, too, for the
// version of its description.
constexpr uint64_t kLargestRefutation = uint64_t{1} << 41;
constexpr uint64_t kRefutationsPerInterval = 8;

bool further(const GossipEntry& a, const GossipEntry& b) {
  if (a.incarnation != b.incarnation) return a.incarnation > b.incarnation;
  return a.heartbeat > b.heartbeat || a.description_version > b.description_version;
}

}  // namespace

engine::Status Membership::receive(const NodeId& from, std::string_view bytes, int64_t now_us,
                                   GossipOutput* out) {
  notice_pause(now_us);
  ++figures_.messages_received;
  figures_.bytes_received += bytes.size();
  GossipMessage message;
  engine::Status status = decode_gossip(bytes, &message);
  if (status.ok() && message.entries[0].id != from) {
    status = engine::Status(engine::StatusCode::kCorrupt, "gossip message of another node than its sender");
  } else if (status.ok() && (from == self_ || removed_.contains(from))) {
    status = engine::Status(engine::StatusCode::kInvalid, "gossip message of a node that is no member");
  }
  if (!status.ok()) {
    ++figures_.messages_refused;
    return status;
  }

  const uint64_t incarnation_before = own_.incarnation;
  std::vector<NodeId> wants;
  for (const Described& described : message.descriptions) take(from, described, now_us, out);
  for (const GossipEntry& entry : message.entries) take(from, entry, now_us, &wants, out);
  for (const Suspicion& suspicion : message.suspicions) take(from, suspicion, now_us, out);
  Peer* peer = find(from);
  if (peer != nullptr && message.kind == GossipKind::kAnswer && peer->unanswered > 0 &&
      message.sequence >= peer->first_unanswered_sequence && message.sequence < next_sequence_) {
    answered(peer, now_us, out);
  }
  if (peer != nullptr && message.kind == GossipKind::kAnswer) measure_clock(peer, message, now_us, out);
  const bool refuted = own_.incarnation != incarnation_before;
  reply(from, message, std::move(wants), refuted, now_us, out);
  return engine::Status();
}

void Membership::reply(const NodeId& to, const GossipMessage& message, std::vector<NodeId> wants,
                       bool refuted, int64_t now_us, GossipOutput* out) {
  const bool asked = message.kind == GossipKind::kDigest;
  // Nothing is wanted of an update, which closes the exchange.
  if (message.kind == GossipKind::kUpdate) wants.clear();
  if (!asked && !refuted && wants.empty() && message.wants.empty()) return;
  GossipMessage answer =
      start_message(asked ? GossipKind::kAnswer : GossipKind::kUpdate, message.sequence, now_us);
  Peer* peer = find(to);
  if (peer != nullptr) list(peer, &answer);
  if (asked) {
    for (const GossipEntry& entry : message.entries) {
      Peer* listed = find(entry.id);
      if (listed == nullptr || listed->listed_in == messages_built_) continue;
      if (further(listed->entry, entry)) {
        list(listed, &answer);
      } else {
        listed->listed_in = messages_built_;
      }
    }
    fill_entries(&answer);
  }
  add_suspicions(peer, &answer);
  answer.wants = std::move(wants);
  for (const NodeId& wanted : message.wants) {
    if (answer.descriptions.size() < kDescriptionsPerMessage) describe(wanted, &answer);
  }
  send(to, {}, answer, out);
}

// The answer was given at some moment between the question and now.
void Membership::measure_clock(Peer* peer, const GossipMessage& answer, int64_t now_us,
                               GossipOutput* out) const {
  if (peer->clock_sequence == 0 || answer.sequence != peer->clock_sequence) return;
  peer->clock_sequence = 0;
  if (!answer.clock) return;
  const int64_t error_us = (now_us - peer->clock_asked_us + 1) / 2;
  const int64_t then_us = now_us - error_us;
  const ClockReading& told = *answer.clock;
  out->clocks.push_back(
      {peer->entry.id,
       {told.local_us - then_us, told.vote_us - then_us, told.agreed_us - then_us, told.confirmed},
       error_us});
}

GossipMessage Membership::start_message(GossipKind kind, uint64_t sequence, int64_t now_us) {
  ++messages_built_;
  GossipMessage message;
  message.kind = kind;
  message.sequence = sequence;
  message.entries.reserve(std::min(size(), settings_.digest_max_entries));
  message.entries.push_back(own_);
  if (own_clock_ && kind == GossipKind::kAnswer) {
    message.clock = {own_clock_->local_us + now_us, own_clock_->vote_us + now_us,
                     own_clock_->agreed_us + now_us, own_clock_->confirmed};
  }
  return message;
}

void Membership::list(Peer* peer, GossipMessage* message) {
  peer->listed_in = messages_built_;
  message->entries.push_back(peer->entry);
}

// Adds what is new and then whose turn it is, up to the size of a digest; in a small cluster that is
// everyone.
void Membership::fill_entries(GossipMessage* message) {
  std::erase_if(news_, [&](const NodeId& id) {
    Peer* peer = find(id);
    if (peer == nullptr || !counts(id)) return true;
    if (message->entries.size() >= settings_.digest_max_entries / 2) return false;
    if (peer->listed_in != messages_built_) list(peer, message);
    return --peer->tellings_left == 0;
  });
  size_t looked_at = 0;
  for (; looked_at < peers_.size() && message->entries.size() < settings_.digest_max_entries; ++looked_at) {
    Peer& peer = peers_[(next_entry_ + looked_at) % peers_.size()];
    if (peer.listed_in != messages_built_ && counts(peer.entry.id)) list(&peer, message);
  }
  if (!peers_.empty()) next_entry_ = (next_entry_ + looked_at) % peers_.size();
}

// First those of the target: it must hear of them to refute them.
void Membership::add_suspicions(const Peer* target, GossipMessage* message) {
  if (target != nullptr) add_suspicions_of(*target, message);
  if (accused_ == 0 || peers_.empty()) return;
  const size_t start = random_.below(peers_.size());
  for (size_t i = 0; i < peers_.size() && message->suspicions.size() < kSuspicionsPerMessage; ++i) {
    const Peer& peer = peers_[(start + i) % peers_.size()];
    if (&peer != target) add_suspicions_of(peer, message);
  }
}

void Membership::add_suspicions_of(const Peer& accused, GossipMessage* message) const {
  const GossipEntry& entry = accused.entry;
  if (accused.silence != Phase::kAlive) {
    const auto lifetime_ms = static_cast<uint64_t>(settings_.suspicion_lifetime_us / 1000);
    message->suspicions.push_back({self_, entry.id, entry.incarnation, entry.heartbeat,
                                   std::min(lifetime_ms, kMaxSuspicionRemainingMs)});
  }
}

void Membership::describe(const NodeId& id, GossipMessage* message) {
  if (id == self_) {
    message->descriptions.push_back({self_, own_.description_version, own_description_});
  } else if (const Peer* peer = find(id)) {
    message->descriptions.push_back({id, peer->entry.description_version, peer->description});
  }
}

void Membership::send(const NodeId& to, const BusAddress& seed, const GossipMessage& message,
                      GossipOutput* out) {
  GossipOutgoing& outgoing = out->messages.emplace_back();
  outgoing.to = to;
  outgoing.address = seed;
  if (const Peer* peer = find(to)) outgoing.address = {peer->description.host, peer->description.bus_port};
  encode_gossip(message, &outgoing.bytes);
  ++figures_.messages_sent;
  figures_.bytes_sent += outgoing.bytes.size();
}

void Membership::take(const NodeId& from, const Described& described, int64_t now_us, GossipOutput* out) {
  if (described.id == self_) return;
  Peer* peer = find(described.id);
  if (described.id != from) {
    if (peer == nullptr) note_rumour(described, now_us);
    return;
  }
  if (peer == nullptr) {
    add_peer(described.id, described.description, described.version, now_us, out);
    return;
  }
  if (described.version <= peer->entry.description_version) return;
  peer->entry.description_version = described.version;
  if (peer->description == described.description) return;
  peer->description = described.description;
  add_news(peer);
  out->events.push_back({MembershipEventKind::kDescriptionChanged, described.id});
}

void Membership::note_rumour(const Described& described, int64_t now_us) {
  // The members are known, and with them all who may count.
  if (!members_.empty() || !described.id.valid() || removed_.contains(described.id)) return;
  const auto known = std::find_if(rumours_.begin(), rumours_.end(),
                                  [&](const Told& told) { return told.id == described.id; });
  if (known != rumours_.end()) {
    known->description = described.description;
    return;
  }
  if (rumours_.size() >= settings_.max_rumours) rumours_.erase(rumours_.begin());
  rumours_.push_back({described.id, described.description, now_us});
}

void Membership::take(const NodeId& from, const GossipEntry& entry, int64_t now_us,
                      std::vector<NodeId>* wants, GossipOutput* out) {
  if (entry.id == self_) {
    take_own(entry, out);
    return;
  }
  Peer* peer = find(entry.id);
  const bool own = entry.id == from;
  const bool rumoured =
      std::any_of(rumours_.begin(), rumours_.end(), [&](const Told& told) { return told.id == entry.id; });
  const bool unknown = peer == nullptr && !removed_.contains(entry.id) && size() < settings_.max_members &&
                       (own || (members_.empty() && !rumoured));
  const bool outdated = peer != nullptr && own && entry.description_version > peer->entry.description_version;
  if ((unknown || outdated) && wants->size() < kDescriptionsPerMessage) wants->push_back(entry.id);
  if (peer == nullptr) return;
  if (own) return take_word(peer, entry, now_us, out);
  take_hearsay(peer, entry, now_us, out);
}

void Membership::take_word(Peer* peer, const GossipEntry& entry, int64_t now_us, GossipOutput* out) {
  GossipEntry& known = peer->entry;
  // Its first word counts, whatever others have said of it before.
  const bool first = !std::exchange(peer->spoke, true);
  if (entry.incarnation > known.incarnation || (first && entry.incarnation != known.incarnation)) {
    known.incarnation = entry.incarnation;
    known.heartbeat = peer->own_heartbeat = entry.heartbeat;
    begin_incarnation(peer, now_us, out);
  } else if (entry.incarnation == known.incarnation && entry.heartbeat > peer->own_heartbeat) {
    peer->own_heartbeat = entry.heartbeat;
    const bool further = entry.heartbeat > known.heartbeat;
    if (further || known.heartbeat - entry.heartbeat > kOvertaking) known.heartbeat = entry.heartbeat;
    if (further) return progress(peer, now_us, out);
    if (peer->silence != Phase::kDown) heard(peer, now_us, out);
  }
}

void Membership::take_hearsay(Peer* peer, const GossipEntry& entry, int64_t now_us, GossipOutput* out) {
  GossipEntry& known = peer->entry;
  // Who comes back from the dead, or goes on to another life, says so itself; the first word of one that has not
  // spoken yet comes by and by.
  const bool word_needed = peer->spoke || peer->silence == Phase::kDown;
  if (word_needed && entry.description_version > known.description_version) peer->ask_soon = true;
  if (entry.incarnation > known.incarnation) {
    if (word_needed) {
      peer->ask_soon = true;
      return;
    }
    known.incarnation = entry.incarnation;
    known.heartbeat = entry.heartbeat;
    begin_incarnation(peer, now_us, out);
  } else if (entry.incarnation == known.incarnation && entry.heartbeat > known.heartbeat) {
    known.heartbeat = entry.heartbeat;
    progress(peer, now_us, out);
  }
}

// The peer's heartbeat went on.
void Membership::progress(Peer* peer, int64_t now_us, GossipOutput* out) {
  // What comes late about a peer that is down was said before it went down.
  if (peer->silence == Phase::kDown) return;
  if (peer->silence == Phase::kAlive) {
    peer->gaps.add(std::min(now_us - peer->last_progress_us, settings_.suspect_max_us));
  }
  peer->last_progress_us = now_us;
  heard(peer, now_us, out);
}

void Membership::begin_incarnation(Peer* peer, int64_t now_us, GossipOutput* out) {
  const Phase before = peer->phase();
  if (peer->silence != Phase::kAlive) peer->gaps = ArrivalGaps(settings_.interval_us);
  peer->silence = Phase::kAlive;
  peer->knocking = false;
  peer->votes.clear();
  peer->last_heard_us = peer->last_progress_us = now_us;
  add_news(peer);
  if (before != Phase::kAlive && peer->phase() == Phase::kAlive) {
    out->events.push_back({MembershipEventKind::kBack, peer->entry.id});
  }
}

void Membership::take(const NodeId& from, const Suspicion& suspicion, int64_t now_us, GossipOutput* out) {
  // Everybody speaks for itself.
  if (suspicion.observer != from) return;
  if (suspicion.accused == self_) {
    if (suspicion.incarnation >= own_.incarnation) refute(suspicion.incarnation, out);
    return;
  }
  Peer* accused = find(suspicion.accused);
  if (accused == nullptr || find(from) == nullptr || !counts(from) || from == suspicion.accused ||
      suspicion.incarnation != accused->entry.incarnation) {
    return;
  }
  const auto lifetime_us =
      std::min<int64_t>(static_cast<int64_t>(suspicion.remaining_ms) * 1000, settings_.suspicion_lifetime_us);
  const Vote vote{suspicion.observer, suspicion.incarnation, suspicion.heartbeat, now_us + lifetime_us};
  auto place = std::find_if(accused->votes.begin(), accused->votes.end(),
                            [&](const Vote& known) { return known.observer == vote.observer; });
  if (place != accused->votes.end()) {
    if (vote.heartbeat >= place->heartbeat && vote.expires_us > place->expires_us) *place = vote;
  } else if (accused->votes.size() < kMaxVotes) {
    accused->votes.push_back(vote);
  }
  judge(accused, now_us, out);
}

void Membership::take_own(const GossipEntry& entry, GossipOutput* out) {
  if (entry.incarnation > own_.incarnation ||
      (entry.incarnation == own_.incarnation && entry.heartbeat > own_.heartbeat)) {
    refute(entry.incarnation, out);
  }
  if (entry.description_version > own_.description_version &&
      entry.description_version >> kLifeTagBits < kLatestDescription &&
      (entry.description_version - own_.description_version) >> kLifeTagBits <= kLargestRefutation) {
    own_.description_version = ((entry.description_version >> kLifeTagBits) + 1) << kLifeTagBits | life_tag_;
  }
}

void Membership::refute(uint64_t incarnation, GossipOutput* out) {
  if (incarnation + 1 >= kGossipCounterLimit || incarnation > own_.incarnation + kLargestRefutation) return;
  if (++refutations_in_tick_ > kRefutationsPerInterval) return;
  own_.incarnation = incarnation + 1;
  ++figures_.refutations;
  out->events.push_back({MembershipEventKind::kRefuted, self_});
}

void Membership::add_news(Peer* peer) {
  if (peer->tellings_left == 0) {
    if (news_.size() >= kMaxNews) {
      if (Peer* oldest = find(news_.front())) oldest->tellings_left = 0;
      news_.erase(news_.begin());
    }
    news_.push_back(peer->entry.id);
  }
  peer->tellings_left = static_cast<uint32_t>(4 * std::bit_width(size()));
}

}  // namespace starling::cluster
