// What becomes of requests that are under way when the topology changes.
//
//   write, attempt   its partitions' replicas are others now: those that it did not go to get it, and the quorums that
//                    it waits for are those of the present sets. Who has stored it has stored it
//   read, fetch      goes on: what its replicas have was enough when it began, and it asks nobody else
//   any              whoever has answered that our topology is old is asked again
#include <algorithm>

#include "cluster/data/coordinator.h"
#include "engine/base/key.h"

namespace starling::cluster {
namespace {

constexpr size_t kMostReplicas = 64;  // Bits of a set.

}  // namespace

void Coordinator::follow(uint64_t id) {
  if (const auto repair = repairs_.find(id); repair != repairs_.end()) {
    const bool gone = !placement_->is_member(repair->second.peer);
    if (gone || (repair->second.stale && !send_mend(id, repair->second))) fail_repair(id);
    return;
  }
  const auto found = requests_.find(id);
  if (found == requests_.end()) return;
  Request& request = found->second;
  const bool write = request.kind == Kind::kWrite || request.kind == Kind::kAttempt;
  if (write || request.kind == Kind::kPush) {
    const std::string changes(changes_of(request));
    set_changes(changes, &request);
  }
  if (write && !request.done && !widen(id, request)) return expire(id);
  for (size_t i = 0; i < request.contacts.size(); ++i) {
    const Contact& contact = request.contacts[i];
    if (!contact.open) continue;
    if (!placement_->is_member(contact.node)) {
      if (request.kind == Kind::kFetch) return expire(id);
      lose(id, request, request.contacts[i]);
    } else if (contact.stale) {
      ask_again(id, request, i);
    }
  }
  if (request.kind == Kind::kAttempt) {
    decide_attempt(request, false);
  } else {
    decide(id, request, false);
  }
  erase_if_settled(id);
}

// False: it would have more replicas than can be counted.
bool Coordinator::widen(uint64_t id, Request& request) {
  absl::InlinedVector<uint16_t, 2> partitions = request.owed;
  std::sort(partitions.begin(), partitions.end());
  partitions.erase(std::unique(partitions.begin(), partitions.end()), partitions.end());
  const size_t known = request.replicas.size();
  std::vector<uint64_t> sets;
  for (const uint16_t partition : partitions) {
    const Writers writers = placement_->writers(partition);
    absl::InlinedVector<size_t, 8> slots;
    if (request.replicas.size() + writers.nodes.size() > kMostReplicas) return false;
    for (const NodeIndex node : writers.nodes) {
      const auto place = std::find(request.replicas.begin(), request.replicas.end(), node);
      slots.push_back(static_cast<size_t>(place - request.replicas.begin()));
      if (place == request.replicas.end()) request.replicas.push_back(node);
    }
    for (const uint64_t set : writers.sets) {
      uint64_t present = 0;
      for (size_t i = 0; i < slots.size(); ++i) present |= (set >> i & 1) << slots[i];
      if (std::find(sets.begin(), sets.end(), present) == sets.end()) sets.push_back(present);
    }
  }
  const std::span<const NodeIndex> added = std::span<const NodeIndex>(request.replicas).subspan(known);
  request.tally.widen(datacenters_of(added), sets);
  request.uneven = partitions.size() > 1;
  for (size_t slot = known; slot < request.replicas.size(); ++slot) {
    if (request.replicas[slot] == placement_->self) {
      request.tally.acknowledge(slot);
      request.taken |= uint64_t{1} << slot;
    } else if (send_write(id, request, slot)) {
      continue;
    } else if (request.kind == Kind::kAttempt) {
      request.tally.fail(slot);
    } else {
      stand_in(id, request, slot);
    }
  }
  return true;
}

// It stores a partition that the write changes.
bool Coordinator::concerns(const Request& request, NodeIndex node) const {
  return std::any_of(request.owed.begin(), request.owed.end(),
                     [&](uint16_t partition) { return placement_->stores(partition, node); });
}

// The changes of the partitions that the node stores. Their numbers in the request, unless it is all of them.
std::string Coordinator::changes_for(const Request& request, NodeIndex node,
                                     std::vector<uint32_t>* numbers) const {
  if (!request.uneven) return std::string(changes_of(request));
  std::string some;
  MessageReader reader(changes_of(request));
  Change change;
  for (uint32_t number = 0; !reader.at_end() && reader.read_change(&change); ++number) {
    if (!placement_->stores(engine::partition_of(change.key), node)) continue;
    append_change(change, &some);
    if (numbers != nullptr) numbers->push_back(number);
  }
  return some;
}

std::string Coordinator::keys_for(const Request& request, NodeIndex node) const {
  return request.uneven ? keys_of(changes_for(request, node, nullptr)) : keys_of(changes_of(request));
}

// Who is no replica any more is owed nothing.
void Coordinator::owe_hint(const Request& request, size_t slot) {
  const NodeIndex target = request.replicas[slot];
  if (!placement_->is_member(target) || !concerns(request, target)) return;
  if (const std::string keys = keys_for(request, target); !keys.empty()) (void)listener_.hint(target, keys);
}

void Coordinator::answered_stale(uint64_t id, Request& request, Contact& contact, MessageReader& reply) {
  uint64_t epoch;
  if (!reply.read_number(&epoch)) return lose(id, request, contact);
  contact.stale = true;
  // It may have been asked before the topology came here.
  if (epoch > placement_->topology.epoch) return listener_.newer_epoch(contact.node);
  ask_again(id, request, static_cast<size_t>(&contact - request.contacts.data()));
  if (request.kind != Kind::kAttempt) decide(id, request, false);
}

void Coordinator::ask_again(uint64_t id, Request& request, size_t place) {
  Contact& contact = request.contacts[place];
  contact.stale = false;
  const Epoch epoch = placement_->topology.epoch;
  bool sent = false;
  if (request.kind == Kind::kRead || request.kind == Kind::kFetch) {
    const std::vector<KeyName> keys = keys_in(request.keys);
    const bool current = contact.stand_in || request.kind == Kind::kFetch ||
                         std::all_of(keys.begin(), keys.end(), [&](const KeyName& key) {
                           return placement_->stores(engine::partition_of(key.key), contact.node);
                         });
    const FrameKind kind = request.kind == Kind::kRead ? FrameKind::kVersion : FrameKind::kState;
    sent = current && wire_.send(contact.node, kind, id, begin_request(epoch) + request.keys);
  } else if (request.kind == Kind::kPush) {
    sent = send_message(contact.node, id, request);
  } else {
    const NodeIndex target = request.replicas[contact.slot];
    if (!placement_->is_member(target) || !concerns(request, target)) {
      contact.open = false;
      request.tally.fail(contact.slot);  // Of no set that counts.
      return;
    }
    contact.numbers.clear();
    const std::string changes = changes_for(request, target, &contact.numbers);
    sent = contact.stand_in ? wire_.send(contact.node, FrameKind::kHint, id,
                                         begin_hint(epoch, placement_->id_of(target)) + changes)
                            : wire_.send(contact.node, FrameKind::kWrite, id, begin_request(epoch) + changes);
  }
  if (sent) return;
  if (request.kind == Kind::kFetch) return;  // Its time will be up.
  lose(id, request, contact);
}

}  // namespace starling::cluster
