// Changes on their way to the replicas: the writes, batches and pushes of the coordinator.
#include "cluster/data/coordinator.h"

#include <algorithm>

#include "engine/base/assert.h"

namespace starling::cluster {
namespace {

// What one batch takes: as much as goes into one piece of a link's output.
constexpr size_t kBatchBytes = 28 << 10;
constexpr size_t kBatchMembers = 1024;

std::vector<NodeIndex> sorted(std::span<const NodeIndex> nodes) {
  std::vector<NodeIndex> result(nodes.begin(), nodes.end());
  std::sort(result.begin(), result.end());
  return result;
}

}  // namespace

void Coordinator::begin_write(uint16_t partition, std::string_view changes, const QuorumOptions& options,
                              int64_t now_us, int64_t began_us, uint64_t token, size_t ordered) {
  flush(now_us);  // So that it does not overtake what it may build on.
  uint64_t id;
  Request& request = begin(Kind::kWrite, partition, options, began_us, token, &id);
  request.ordered.assign(ordered, partition);
  ship(id, request, partition, changes);
}

void Coordinator::write_again(uint16_t partition, std::string_view changes, const QuorumOptions& options,
                              int64_t now_us, int64_t began_us, std::span<const uint64_t> tokens) {
  flush(now_us);
  uint64_t id;
  Request& request = begin(Kind::kWrite, partition, options, began_us, 0, &id);
  request.tokens.assign(tokens.begin(), tokens.end());
  ship(id, request, partition, changes);
}

void Coordinator::ship(uint64_t id, Request& request, uint16_t partition, std::string_view changes) {
  const QuorumOptions options = request.options;
  set_changes(changes, &request);
  count_in(&request);
  count_owed(partition, &request);
  bool own_copy_counted = false;
  for (size_t slot = 0; slot < request.replicas.size(); ++slot) {
    if (request.replicas[slot] == placement_->self) {
      request.tally.acknowledge(slot);
      own_copy_counted = true;
    } else if (!send_write(id, request, slot)) {
      // A coordinator that holds no replica stands in for the first that is missing.
      if (!own_copy_counted && !placement_->stores(partition, placement_->self)) {
        own_copy_counted = true;
        const bool kept = listener_.hint(request.replicas[slot], keys_of(changes));
        if (kept && options.mode == QuorumMode::kSloppy) {
          request.tally.acknowledge(slot);
        } else {
          request.tally.fail(slot);
        }
      } else {
        stand_in(id, request, slot);
      }
    }
  }
  // Though all replicas could be sent it: by the hint they surely get what is here, and this node need not
  // keep it.
  if (!own_copy_counted && !placement_->stores(partition, placement_->self)) {
    (void)listener_.hint(request.replicas.front(), keys_of(changes));
  }
  decide(id, request, false);
  erase_if_settled(id);
  tell();
}

void Coordinator::set_changes(std::string_view changes, Request* request) const {
  std::string message = begin_request(placement_->topology.epoch);
  request->changes_from = message.size();
  message.reserve(message.size() + changes.size());
  message += changes;
  const bool large = message.size() >= kLanePayloadBytes;
  request->patience.longer_us = std::max(request->patience.longer_us, work_us(message.size(), 0));
  request->large = large ? std::make_shared<const std::string>(std::move(message)) : nullptr;
  request->message = large ? std::string() : std::move(message);
}

bool Coordinator::send_message(NodeIndex node, uint64_t id, const Request& request) {
  if (request.large == nullptr) return wire_.send(node, FrameKind::kWrite, id, request.message);
  if (!wire_.send_shared(node, FrameKind::kWrite, id, request.large)) return false;
  large_.insert(id);
  return true;
}

// --- Batches.

void Coordinator::find_sets() {
  sets_.clear();
  set_of_.resize(engine::kPartitionCount);
  absl::flat_hash_map<std::vector<NodeIndex>, uint16_t> known;
  std::vector<NodeIndex> nodes;
  for (uint32_t i = 0; i < engine::kPartitionCount; ++i) {
    const auto partition = static_cast<uint16_t>(i);
    nodes = sorted(placement_->replicas(partition));
    ReplicaSet set{{nodes.begin(), nodes.end()}, placement_->holds(partition, placement_->self)};
    if (placement_->moving(partition)) {
      const std::vector<NodeIndex> all = sorted(placement_->writers(partition).nodes);
      const std::vector<NodeIndex> next = sorted(placement_->other_replicas(partition));
      set.nodes.assign(all.begin(), all.end());
      nodes.push_back(kNoNode);
      nodes.insert(nodes.end(), next.begin(), next.end());
    }
    const auto [found, added] = known.try_emplace(nodes, static_cast<uint16_t>(sets_.size()));
    if (added) sets_.push_back(std::move(set));
    set_of_[partition] = found->second;
  }
}

// Null: none can be had. Valid until the next one is opened.
Coordinator::Batch* Coordinator::open_batch(Kind kind, uint16_t partition, const QuorumOptions& options,
                                            int64_t now_us) {
  const uint16_t set = set_of_[partition];
  for (Batch& batch : batches_) {
    const Request& request = batch.request;
    if (batch.set != set || request.kind != kind || request.options != options) continue;
    if (request.message.size() + request.keys.size() < kBatchBytes && batch.members < kBatchMembers)
      return &batch;
    flush(now_us);
    break;
  }
  const ReplicaSet& replicas = sets_[set];
  const auto reachable = [this](NodeIndex node) { return node == placement_->self || wire_.healthy(node); };
  if (!replicas.own || !std::all_of(replicas.nodes.begin(), replicas.nodes.end(), reachable)) return nullptr;
  batches_.push_back({++last_batch_, set, 0, make(kind, partition, options, now_us)});
  return &batches_.back();
}

uint64_t Coordinator::batch_for(uint16_t partition, const QuorumOptions& options, int64_t now_us,
                                bool ordered) {
  // With other options it would be in another batch than what it may build on.
  const auto overtaken = [&](const Batch& batch) {
    return batch.set == set_of_[partition] && !batch.request.ordered.empty() &&
           batch.request.options != options;
  };
  if (ordered && std::any_of(batches_.begin(), batches_.end(), overtaken)) flush(now_us);
  Batch* const batch = open_batch(Kind::kWrite, partition, options, now_us);
  if (batch == nullptr) return 0;
  if (batch->members == 0) set_changes({}, &batch->request);
  return batch->number;
}

std::string& Coordinator::join(uint64_t number, uint16_t partition, uint64_t token, size_t ordered) {
  const auto batch = std::find_if(batches_.begin(), batches_.end(),
                                  [number](const Batch& candidate) { return candidate.number == number; });
  STARLING_ASSERT(batch != batches_.end());
  ++batch->members;
  Request& request = batch->request;
  count_owed(partition, &request);
  request.ordered.insert(request.ordered.end(), ordered, partition);
  if (token != 0) request.tokens.push_back(token);
  return request.message;
}

void Coordinator::began(uint64_t number, int64_t began_us) {
  const auto batch = std::find_if(batches_.begin(), batches_.end(),
                                  [number](const Batch& candidate) { return candidate.number == number; });
  STARLING_ASSERT(batch != batches_.end());
  batch->began_us = std::min(batch->began_us, began_us);
}

bool Coordinator::join_read(uint16_t partition, std::string_view keys, size_t count,
                            const QuorumOptions& options, int64_t now_us, uint64_t token) {
  Batch* const batch = open_batch(Kind::kRead, partition, options, now_us);
  if (batch == nullptr) return false;
  ++batch->members;
  Request& request = batch->request;
  request.keys += keys;
  request.tokens.push_back(token);
  request.key_counts.push_back(count);
  request.versions.resize(request.versions.size() + count);
  return true;
}

void Coordinator::flush(int64_t now_us) {
  if (batches_.empty()) return;
  for (Batch& batch : batches_) {
    batch.request.began_us = std::min(now_us, batch.began_us);
    count_in(&batch.request);
    const uint64_t id = next_id_++;
    send_batch(id, requests_.emplace(id, std::move(batch.request)).first->second);
    erase_if_settled(id);
  }
  batches_.clear();
  tell();
}

void Coordinator::send_batch(uint64_t id, Request& request) {
  for (size_t slot = 0; slot < request.replicas.size(); ++slot) {
    if (request.replicas[slot] == placement_->self) {
      request.tally.acknowledge(slot);
    } else if (request.kind == Kind::kWrite && !send_write(id, request, slot)) {
      stand_in(id, request, slot);
    }
  }
  if (request.kind == Kind::kRead) ask_more(id, request);
  decide(id, request, false);
}

bool Coordinator::send_write(uint64_t id, Request& request, size_t slot) {
  const NodeIndex node = request.replicas[slot];
  if (!wire_.healthy(node)) return false;
  Contact contact{node, static_cast<uint8_t>(slot), false, true};
  if (request.uneven) {
    const std::string changes = changes_for(request, node, &contact.numbers);
    if (!wire_.send(node, FrameKind::kWrite, id, begin_request(placement_->topology.epoch) + changes))
      return false;
  } else if (!send_message(node, id, request)) {
    return false;
  }
  request.contacts.push_back(std::move(contact));
  return true;
}

// Finds another node to keep the change for the replica in `slot`, with a hint.
void Coordinator::stand_in(uint64_t id, Request& request, size_t slot) {
  const NodeIndex target = request.replicas[slot];
  bool found = false;
  if (!placement_->is_member(target)) return request.tally.fail(slot);
  std::vector<uint32_t> numbers;
  const std::string changes = changes_for(request, target, &numbers);
  placement_->preference.walk(request.partition, [&](NodeIndex node) {
    if (node == placement_->self || contacted(request, node) || !wire_.healthy(node)) return true;
    if (std::find(request.replicas.begin(), request.replicas.end(), node) != request.replicas.end())
      return true;
    const std::string message =
        begin_hint(placement_->topology.epoch, placement_->id_of(target)).append(changes);
    if (!wire_.send(node, FrameKind::kHint, id, message)) return true;
    if (message.size() >= kLanePayloadBytes) large_.insert(id);
    request.contacts.push_back({node, static_cast<uint8_t>(slot), true, true, 0, false, numbers});
    found = true;
    return false;
  });
  if (found) return;
  request.tally.fail(slot);
  owe_hint(request, slot);
}

void Coordinator::begin_push(std::span<const NodeIndex> nodes, std::string_view changes, int64_t timeout_ms,
                             int64_t now_us, uint64_t token) {
  const uint64_t id = next_id_++;
  QuorumOptions options;
  options.timeout_ms = timeout_ms;
  Request request(Kind::kPush, Tally({Level::kAll, 0}, std::vector<uint8_t>(nodes.size(), 0), 0));
  request.tokens.push_back(token);
  request.options = options;
  request.began_us = now_us;
  request.replicas.assign(nodes.begin(), nodes.end());
  set_changes(changes, &request);
  Request& kept = requests_.emplace(id, std::move(request)).first->second;
  for (size_t slot = 0; slot < nodes.size(); ++slot) {
    if (!send_write(id, kept, slot)) kept.tally.fail(slot);
  }
  decide(id, kept, false);
  erase_if_settled(id);
  tell();
}

void Coordinator::tell_overruled(Request& request, MessageReader& reply) {
  if (request.kind != Kind::kWrite || request.done || request.tokens.empty()) return;
  std::vector<Change> changes;
  MessageReader reader(changes_of(request));
  Change change;
  while (!reader.at_end() && reader.read_change(&change)) changes.push_back(change);
  std::string hidden;
  engine::Stamp greatest = 0;
  KeyName key;
  uint64_t stamp;
  while (!reply.at_end() && reply.read_key(&key) && reply.read_number(&stamp)) {
    // The last one of the key: it has superseded the others.
    size_t number = changes.size();
    while (number > 0 && (changes[number - 1].database != key.database || changes[number - 1].key != key.key))
      --number;
    if (number-- == 0) continue;
    auto& told = request.overruled;
    const auto known =
        std::find_if(told.begin(), told.end(), [&](const auto& t) { return t.first == number; });
    if (known != told.end() && known->second >= stamp) continue;
    if (known == told.end()) {
      told.emplace_back(number, stamp);
    } else {
      known->second = stamp;
    }
    append_change(changes[number], &hidden);
    greatest = std::max(greatest, stamp);
  }
  if (hidden.empty()) return;
  listener_.overruled(request.tokens, hidden, greatest, request.options, request.began_us);
}

void Coordinator::write_answered(uint64_t id, Request& request, Contact& contact, MessageReader& reply,
                                 ReplyResult result) {
  if (result == ReplyResult::kGap) {
    const std::string all = keys_of(changes_of(request));
    const std::vector<KeyName> keys = keys_in(all);
    GapItem gap;
    const std::vector<uint32_t>& numbers = contact.numbers;
    while (!reply.at_end() && reply.read_gap(&gap)) {
      if (!numbers.empty()) gap.number = gap.number < numbers.size() ? numbers[gap.number] : keys.size();
      if (gap.number >= keys.size()) break;
      ++contact.gaps;
      begin_repair(id, request, contact, keys[gap.number], gap);
    }
    // A gap of nothing makes no sense.
    if (contact.gaps == 0) lose(id, request, contact);
    return;
  }
  if (result != ReplyResult::kOk && result != ReplyResult::kOverruled) return lose(id, request, contact);
  stored(id, request, contact, result == ReplyResult::kOverruled ? &reply : nullptr);
}

// `hidden`: what of it the peer does not show.
void Coordinator::stored(uint64_t id, Request& request, Contact& contact, MessageReader* hidden) {
  contact.open = false;
  if (hidden != nullptr) tell_overruled(request, *hidden);
  if (!contact.stand_in || request.options.mode == QuorumMode::kSloppy) {
    request.tally.acknowledge(contact.slot);
  } else {
    request.tally.fail(contact.slot);
  }
  decide(id, request, false);
}

}  // namespace starling::cluster
