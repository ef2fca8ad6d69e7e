#include "cluster/data/coordinator.h"

#include <algorithm>
#include <utility>

#include "engine/base/assert.h"

namespace starling::cluster {
namespace {

// A read that has waited for so long asks the other replicas too.
constexpr int64_t kSpeculateAfterUs = 20'000;

}  // namespace

std::string Failure::message() const {
  if (!begun) {
    return "NOQUORUM " + std::to_string(answered) + " of " + std::to_string(replicas) +
           " replicas can be reached, " + std::to_string(needed) + " needed; nothing was done";
  }
  std::string text = "NOQUORUM " + std::to_string(answered) + " of " + std::to_string(replicas) +
                     " replicas answered, " + std::to_string(needed) + " needed";
  if (timed_out) text += ", in " + std::to_string(timeout_ms) + " ms";
  if (write) text += "; the write may still take effect";
  return text;
}

void Coordinator::set_placement(std::shared_ptr<const Placement> placement) {
  STARLING_ASSERT(batches_.empty());
  placement_ = std::move(placement);
  find_sets();
  std::vector<uint64_t> ids;
  for (const auto& [id, request] : requests_) ids.push_back(id);
  for (const auto& [id, repair] : repairs_) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  for (const uint64_t id : ids) follow(id);
  tell();
}

absl::InlinedVector<uint8_t, 5> Coordinator::datacenters_of(std::span<const NodeIndex> nodes) const {
  absl::InlinedVector<uint8_t, 5> datacenters;
  for (const NodeIndex node : nodes) datacenters.push_back(placement_->datacenters[node]);
  return datacenters;
}

Coordinator::Request Coordinator::make(Kind kind, uint16_t partition, const QuorumOptions& options,
                                       int64_t now_us) {
  STARLING_ASSERT(placement_ != nullptr);
  const bool writes = kind == Kind::kWrite || kind == Kind::kAttempt;
  const Writers nodes =
      writes ? placement_->writers(partition) : Writers{placement_->replicas(partition), {}};
  Request request(kind, Tally(writes ? options.write : options.read, datacenters_of(nodes.nodes),
                              placement_->datacenters[placement_->self], nodes.sets));
  request.options = options;
  request.began_us = now_us;
  request.replicas.assign(nodes.nodes.begin(), nodes.nodes.end());
  request.partition = partition;
  return request;
}

Coordinator::Request& Coordinator::begin(Kind kind, uint16_t partition, const QuorumOptions& options,
                                         int64_t now_us, uint64_t token, uint64_t* id) {
  *id = next_id_++;
  Request& request = requests_.emplace(*id, make(kind, partition, options, now_us)).first->second;
  request.tokens.push_back(token);
  return request;
}

bool Coordinator::contacted(const Request& request, NodeIndex node) const {
  return std::any_of(request.contacts.begin(), request.contacts.end(),
                     [node](const Contact& contact) { return contact.node == node; });
}

std::optional<Failure> Coordinator::hopeless(uint16_t partition, const Consistency& consistency,
                                             QuorumMode mode, bool write) const {
  const Writers asked = write ? placement_->writers(partition) : Writers{placement_->replicas(partition), {}};
  const auto replicas = asked.nodes;
  Tally tally(consistency, datacenters_of(replicas), placement_->datacenters[placement_->self], asked.sets);
  size_t missing = 0;
  for (size_t slot = 0; slot < replicas.size(); ++slot) {
    if (replicas[slot] == placement_->self || wire_.healthy(replicas[slot])) {
      tally.acknowledge(slot);
    } else {
      ++missing;
    }
  }
  if (tally.reached()) return std::nullopt;
  if (missing > 0 && mode == QuorumMode::kSloppy) {
    size_t stand_ins = 0;
    placement_->preference.walk(partition, [&](NodeIndex node) {
      const bool asked_itself = std::find(replicas.begin(), replicas.end(), node) != replicas.end();
      if (!asked_itself && (node == placement_->self || wire_.healthy(node))) ++stand_ins;
      return stand_ins < missing;
    });
    for (size_t slot = 0; slot < replicas.size() && stand_ins > 0; ++slot) {
      if (replicas[slot] == placement_->self || wire_.healthy(replicas[slot])) continue;
      tally.acknowledge(slot);
      --stand_ins;
    }
    if (tally.reached()) return std::nullopt;
  }
  Failure failure;
  failure.begun = false;
  failure.answered = tally.acknowledged();
  failure.needed = tally.needed();
  failure.replicas = tally.replicas();
  failure.write = write;
  return failure;
}

void Coordinator::receive(NodeIndex from, FrameKind kind, uint64_t id, std::string_view payload) {
  if (const auto repair = repairs_.find(id); repair != repairs_.end()) {
    if (repair->second.peer == from && repair->second.sent) repair_answered(id, payload);
    return tell();
  }
  const auto found = requests_.find(id);
  if (found == requests_.end()) return;
  Request& request = found->second;
  const bool write = kind == FrameKind::kWriteReply || kind == FrameKind::kHintReply;
  if (write != (request.kind != Kind::kRead && request.kind != Kind::kFetch)) return;
  const auto contact = std::find_if(request.contacts.begin(), request.contacts.end(),
                                    [from](const Contact& c) { return c.node == from && c.open; });
  if (contact == request.contacts.end()) return;
  MessageReader reply(payload);
  ReplyResult result;
  if (!reply.read_result(&result)) result = ReplyResult::kRefused;
  if (result == ReplyResult::kStaleEpoch) {
    answered_stale(id, request, *contact, reply);
    erase_if_settled(id);
    return tell();
  }
  switch (request.kind) {
    case Kind::kWrite:
    case Kind::kPush:
      write_answered(id, request, *contact, reply, result);
      break;
    case Kind::kAttempt:
      attempt_answered(request, *contact, result);
      break;
    case Kind::kRead:
      read_answered(id, request, *contact, reply, result);
      break;
    case Kind::kFetch:
      fetch_answered(id, request, reply, result);
      break;
  }
  erase_if_settled(id);
  tell();
}

// The node will not answer.
void Coordinator::lose(uint64_t id, Request& request, Contact& contact) {
  if (request.kind == Kind::kAttempt) return lose_attempt(request, contact);
  contact.open = false;
  const size_t slot = contact.slot;
  if (request.kind == Kind::kRead) {
    if (request.done) return;
    request.tally.fail(slot);
    ask_more(id, request);
  } else if (request.kind == Kind::kPush) {
    request.tally.fail(slot);
  } else if (!request.done && !contact.stand_in) {
    stand_in(id, request, slot);  // `contact` may have moved.
  } else {
    request.tally.fail(slot);
    owe_hint(request, slot);
  }
  decide(id, request, false);
}

void Coordinator::decide(uint64_t, Request& request, bool timed_out) {
  if (request.done || request.kind == Kind::kFetch) return;
  const bool reached = request.tally.reached();
  const bool open = std::any_of(request.contacts.begin(), request.contacts.end(),
                                [](const Contact& contact) { return contact.open; });
  if (!reached && !timed_out && (open || !request.tally.impossible())) return;
  request.done = true;
  if (request.kind == Kind::kRead) finish_read(request, !reached);
  News news{request.kind, std::move(request.tokens), {}, {}, {}};
  if (!reached) {
    Failure& failure = news.failure.emplace();
    failure.answered = request.tally.acknowledged();
    failure.needed = request.tally.needed();
    failure.replicas = request.tally.replicas();
    failure.timeout_ms = request.options.timeout_ms;
    failure.timed_out = timed_out;
    failure.write = request.kind != Kind::kRead;
  }
  news_.push_back(std::move(news));
}

// What the listener begins in its turn has news of its own.
void Coordinator::tell() {
  if (news_.empty()) return;
  const std::vector<News> told = std::exchange(news_, {});
  for (const News& news : told) tell(news);
}

void Coordinator::tell(const News& news) {
  if (news.repair != 0) {
    return listener_.gap({news.repair, news.peer, keys_in(news.keys).front(), news.record, news.listed,
                          news.kind == Kind::kWrite});
  }
  const Failure* const failure = news.failure ? &*news.failure : nullptr;
  switch (news.kind) {
    case Kind::kWrite:
    case Kind::kPush:
      for (const uint64_t token : news.tokens) listener_.write_done(token, failure);
      return;
    case Kind::kRead:
      for (const uint64_t token : news.tokens) listener_.read_done(token, failure);
      return;
    case Kind::kAttempt:
      return;  // It is told of where it is decided.
    case Kind::kFetch:
      return listener_.fetch_done(news.tokens.front(), keys_in(news.keys).front(), news.record);
  }
}

bool Coordinator::settled(const Request& request) const {
  if (!request.done) return false;
  if (request.kind == Kind::kRead) return true;
  return std::none_of(request.contacts.begin(), request.contacts.end(),
                      [](const Contact& contact) { return contact.open; });
}

void Coordinator::erase_if_settled(uint64_t id) {
  const auto found = requests_.find(id);
  if (found == requests_.end() || !settled(found->second)) return;
  count_out(found->second);
  requests_.erase(found);
  large_.erase(id);
}

// Of writes. For an attempt its client waits, and what is pushed has bounds of its own.
void Coordinator::count_in(Request* request) {
  if (order_ == nullptr) return;
  request->counted = message_of(*request).size();
  request->counted_as_large = request->large != nullptr;
  if (request->counted_as_large) return order_->add_large_bytes(request->counted);
  order_->add_bytes(request->counted);
}

void Coordinator::count_out(const Request& request) {
  if (request.counted != 0) {
    if (request.counted_as_large) {
      order_->remove_large_bytes(request.counted);
    } else {
      order_->remove_bytes(request.counted);
    }
  }
  // What the ring has taken from this node meanwhile cannot be found here.
  const bool held = holds_all(request);
  for (const uint16_t partition : request.owed) {
    if (!request.held) {
      obligations_.end(partition);
      continue;
    }
    obligations_.end_held(partition);
    if (!held) obligations_.note(partition);
  }
  for (const uint16_t partition : request.ordered) order_->end(partition);
}

void Coordinator::count_owed(uint16_t partition, Request* request) {
  if (request->owed.empty()) {
    request->mark = obligations_.last_mark();
    request->held = request->kind == Kind::kWrite && placement_->stores(partition, placement_->self);
  }
  request->owed.push_back(partition);
  if (request->held) {
    obligations_.begin_held(partition);
  } else {
    obligations_.begin(partition);
  }
}

bool Coordinator::holds_all(const Request& request) const {
  return request.held && std::all_of(request.owed.begin(), request.owed.end(), [this](uint16_t partition) {
           return placement_->stores(partition, placement_->self);
         });
}

void Coordinator::add_owed(uint64_t mark, PartitionSet* partitions) const {
  obligations_.add_since(mark, partitions);
  const auto add = [&](const Request& request) {
    // What began after the mark is of events that are later than it.
    if (!request.held || (request.mark >= mark && holds_all(request))) return;
    for (const uint16_t partition : request.owed) partitions->set(partition);
  };
  for (const auto& [id, request] : requests_) add(request);
  for (const Batch& batch : batches_) add(batch.request);
}

void Coordinator::peer_lost(NodeIndex node) {
  forget_repairs(node);
  std::vector<uint64_t> ids;
  for (const auto& [id, request] : requests_) {
    if (contacted(request, node)) ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end());
  for (const uint64_t id : ids) {
    const auto found = requests_.find(id);
    if (found == requests_.end()) continue;
    Request& request = found->second;
    if (request.kind == Kind::kFetch) {
      expire(id);
      continue;
    }
    for (size_t i = 0; i < request.contacts.size(); ++i) {
      if (request.contacts[i].node == node && request.contacts[i].open)
        lose(id, request, request.contacts[i]);
    }
    erase_if_settled(id);
  }
  tell();
}

void Coordinator::expire(uint64_t id) {
  const auto found = requests_.find(id);
  Request request = std::move(found->second);
  requests_.erase(found);
  large_.erase(id);
  count_out(request);
  if (request.kind == Kind::kFetch) {
    news_.push_back({Kind::kFetch, std::move(request.tokens), {}, std::move(request.keys), {}});
    return;
  }
  if (request.kind == Kind::kAttempt) {
    decide_attempt(request, true);
    if (!request.agreed) return;
  } else {
    decide(id, request, true);
    if (request.kind != Kind::kWrite) return;
  }
  for (const Contact& contact : request.contacts) {
    if (contact.open) owe_hint(request, contact.slot);
  }
}

void Coordinator::tick(int64_t now_us) {
  std::vector<uint64_t> late, slow;
  for (const auto& [id, request] : requests_) {
    if (now_us >= until_us(request)) {
      late.push_back(id);
    } else if (request.kind == Kind::kRead && now_us - request.began_us >= kSpeculateAfterUs) {
      slow.push_back(id);
    }
  }
  std::vector<uint64_t> vain;
  for (const auto& [id, repair] : repairs_) {
    if (now_us >= repair.patience.until_us(repair.began_us, repair.timeout_ms * 1000)) vain.push_back(id);
  }
  std::sort(vain.begin(), vain.end());
  for (const uint64_t id : vain) fail_repair(id);
  std::sort(late.begin(), late.end());
  std::sort(slow.begin(), slow.end());
  for (const uint64_t id : late) {
    if (requests_.contains(id)) expire(id);
  }
  for (const uint64_t id : slow) {
    const auto found = requests_.find(id);
    if (found == requests_.end()) continue;
    Request& request = found->second;
    for (size_t slot = 0; slot < request.replicas.size(); ++slot) {
      ask(id, request, request.replicas[slot], slot, false);
    }
  }
  tell();
}

// --- What is large, and slow.

void Coordinator::moved_to(NodeIndex node, int64_t now_us) {
  for (const uint64_t id : large_) {
    const auto found = requests_.find(id);
    if (found == requests_.end()) continue;
    const auto& contacts = found->second.contacts;
    const bool asked = std::any_of(contacts.begin(), contacts.end(), [node](const Contact& contact) {
      return contact.node == node && contact.open;
    });
    if (asked) found->second.patience.note_moved(now_us);
  }
  for (auto& [id, repair] : repairs_) {
    if (repair.peer == node && repair.change.size() >= kLanePayloadBytes) repair.patience.note_moved(now_us);
  }
}

void Coordinator::moved(uint64_t id, int64_t now_us) {
  if (const auto found = requests_.find(id); found != requests_.end())
    found->second.patience.note_moved(now_us);
  if (const auto found = repairs_.find(id); found != repairs_.end())
    found->second.patience.note_moved(now_us);
}

void Coordinator::excuse(int64_t us) {
  for (auto& [id, request] : requests_) request.patience.longer_us += us;
  for (auto& [id, repair] : repairs_) repair.patience.longer_us += us;
}

void Coordinator::visit_large(absl::FunctionRef<void(uint64_t token)> visit) const {
  for (const uint64_t id : large_) {
    const auto found = requests_.find(id);
    if (found == requests_.end() || found->second.done) continue;
    for (const uint64_t token : found->second.tokens) visit(token);
  }
}

}  // namespace starling::cluster
