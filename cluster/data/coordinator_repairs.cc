// Records that a replica has to be brought up to date with, because a delta did not fit: one repair of a record
// at a peer at a time, whatever the number of writes that wait for it.
//
//   state            waits for                 leaves it by
//   asked            the listener's mend()     mend(): sent
//   sent             the peer's answer         stored: ended, or asked anew for what was written meanwhile
//                                              gap: asked, with what the peer says, a few times
//                                              anything else: failed
//   failed, or its time is up                  the peer is lost to the writes that wait
#include <algorithm>
#include <utility>

#include "cluster/data/coordinator.h"
#include "engine/base/assert.h"

namespace starling::cluster {
namespace {

// One for what was missed, one for what was removed, and some for what others write meanwhile.
constexpr int kMaxRounds = 6;

}  // namespace

void Coordinator::begin_repair(uint64_t id, const Request& request, const Contact& contact,
                               const KeyName& key, const GapItem& gap) {
  const NodeIndex target = contact.stand_in ? request.replicas[contact.slot] : kNoNode;
  std::string place;
  engine::append_varint(contact.node, &place);
  engine::append_varint(target, &place);
  append_key(key, &place);
  const uint64_t number = next_id_;
  const auto [known, added] = repair_of_.try_emplace(place, number);
  if (!added) {
    Repair& repair = repairs_.find(known->second)->second;
    (repair.sent ? repair.later : repair.covered).push_back(id);
    return;
  }
  ++next_id_;
  Repair& repair = repairs_[number];
  repair.place = std::move(place);
  append_key(key, &repair.key);
  repair.peer = contact.node;
  repair.target = target;
  repair.written = request.kind == Kind::kWrite;
  repair.began_us = request.began_us;
  repair.timeout_ms = request.options.timeout_ms;
  repair.covered.push_back(id);
  ask_for_difference(number, gap.seen, gap.listed);
}

// Each round has a number of its own: answers to an earlier one may come late, or twice.
void Coordinator::ask_for_difference(uint64_t id, std::string_view seen, std::string_view listed) {
  auto node = repairs_.extract(id);
  id = next_id_++;
  node.key() = id;
  Repair& repair = repairs_.insert(std::move(node)).position->second;
  repair_of_[repair.place] = id;
  repair.sent = false;
  // What has come meanwhile is in what will be sent.
  repair.covered.insert(repair.covered.end(), repair.later.begin(), repair.later.end());
  repair.later.clear();
  News news{repair.written ? Kind::kWrite : Kind::kPush,
            {},
            {},
            repair.key,
            std::string(seen),
            id,
            repair.peer,
            std::string(listed)};
  news_.push_back(std::move(news));
}

void Coordinator::mend(uint64_t id, std::string_view change, std::string_view context) {
  const auto found = repairs_.find(id);
  if (found == repairs_.end() || found->second.sent) return;
  Repair& repair = found->second;
  if (change.empty()) {
    end_repair(id);
    return tell();
  }
  repair.sent = true;
  repair.context = context;
  repair.change = change;
  if (!send_mend(id, repair)) fail_repair(id);
  tell();
}

// False: it cannot be sent.
bool Coordinator::send_mend(uint64_t id, Repair& repair) {
  repair.stale = false;
  const bool hint = repair.target != kNoNode;
  // It may be no member any more.
  if (!placement_->is_member(repair.peer) || (hint && !placement_->is_member(repair.target))) return false;
  std::string message = hint ? begin_hint(placement_->topology.epoch, placement_->id_of(repair.target))
                             : begin_request(placement_->topology.epoch);
  message += repair.change;
  repair.patience.longer_us = std::max(repair.patience.longer_us, work_us(message.size(), 0));
  return wire_.send(repair.peer, hint ? FrameKind::kHint : FrameKind::kWrite, id, message);
}

void Coordinator::repair_answered(uint64_t id, std::string_view payload) {
  Repair& repair = repairs_.find(id)->second;
  MessageReader reply(payload);
  ReplyResult result;
  if (!reply.read_result(&result)) result = ReplyResult::kRefused;
  uint64_t epoch;
  if (result == ReplyResult::kStaleEpoch && reply.read_number(&epoch)) {
    if (epoch > placement_->topology.epoch) {
      repair.stale = true;
      return listener_.newer_epoch(repair.peer);
    }
    if (!send_mend(id, repair)) fail_repair(id);
    return;
  }
  GapItem gap;
  if (result == ReplyResult::kGap && reply.read_gap(&gap) && ++repair.rounds < kMaxRounds)
    return ask_for_difference(id, gap.seen, gap.listed);
  if (result != ReplyResult::kOk && result != ReplyResult::kOverruled) return fail_repair(id);
  if (result == ReplyResult::kOverruled) {
    for (const uint64_t request : repair.covered) {
      MessageReader hidden = reply;
      if (const auto found = requests_.find(request); found != requests_.end())
        tell_overruled(found->second, hidden);
    }
  }
  if (repair.later.empty()) return end_repair(id);
  for (const uint64_t request : std::exchange(repair.covered, {})) mended(request, repair.peer);
  // What waits now has its own time.
  const auto lives = [this](uint64_t request) { return requests_.contains(request); };
  const auto oldest = std::find_if(repair.later.begin(), repair.later.end(), lives);
  if (oldest == repair.later.end()) return end_repair(id);
  repair.began_us = requests_.find(*oldest)->second.began_us;
  repair.rounds = 0;
  const std::string context = repair.context;
  ask_for_difference(id, context, {});
}

// One change of the request that waited is stored at the peer.
void Coordinator::mended(uint64_t id, NodeIndex peer) {
  const auto found = requests_.find(id);
  if (found == requests_.end()) return;
  for (Contact& contact : found->second.contacts) {
    if (contact.node != peer || !contact.open || contact.gaps == 0) continue;
    if (--contact.gaps == 0) stored(id, found->second, contact);
    break;
  }
  erase_if_settled(id);
}

void Coordinator::end_repair(uint64_t id) {
  const auto node = repairs_.extract(id);
  repair_of_.erase(node.mapped().place);
  for (const uint64_t request : node.mapped().covered) mended(request, node.mapped().peer);
  for (const uint64_t request : node.mapped().later) mended(request, node.mapped().peer);
}

void Coordinator::fail_repair(uint64_t id) {
  const auto node = repairs_.extract(id);
  const Repair& repair = node.mapped();
  repair_of_.erase(repair.place);
  std::vector<uint64_t> waiting = repair.covered;
  waiting.insert(waiting.end(), repair.later.begin(), repair.later.end());
  for (const uint64_t request : waiting) {
    const auto found = requests_.find(request);
    if (found == requests_.end()) continue;
    for (Contact& contact : found->second.contacts) {
      if (contact.node != repair.peer || !contact.open || contact.gaps == 0) continue;
      lose(request, found->second, contact);
      break;
    }
    erase_if_settled(request);
  }
}

// The writes that wait lose the peer by themselves.
void Coordinator::forget_repairs(NodeIndex peer) {
  for (auto repair = repairs_.begin(); repair != repairs_.end();) {
    if (repair->second.peer != peer) {
      ++repair;
      continue;
    }
    repair_of_.erase(repair->second.place);
    repairs_.erase(repair++);
  }
}

}  // namespace starling::cluster
