#include "cluster/coordinator.h"

#include <algorithm>

#include "engine/assert.h"

namespace starling::cluster {
namespace {

// A read that has waited for so long asks the other replicas too.
constexpr int64_t kSpeculateAfterUs = 20'000;

std::vector<KeyName> parse_keys(std::string_view keys) {
  std::vector<KeyName> parsed;
  MessageReader reader(keys);
  KeyName key;
  while (!reader.at_end() && reader.read_key(&key)) parsed.push_back(key);
  return parsed;
}

std::string keys_of(std::string_view changes) {
  std::string keys;
  MessageReader reader(changes);
  Change change;
  while (!reader.at_end() && reader.read_change(&change)) append_key({change.database, change.key}, &keys);
  return keys;
}

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
  std::vector<uint64_t> ids;
  for (const auto& [id, request] : requests_) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  for (const uint64_t id : ids) expire(id);
  placement_ = std::move(placement);
}

Coordinator::Request Coordinator::make(Kind kind, uint16_t partition, const QuorumOptions& options,
                                       int64_t now_us, uint64_t token) {
  STARLING_ASSERT(placement_ != nullptr);
  const auto replicas = placement_->replicas(partition);
  absl::InlinedVector<uint8_t, 5> datacenters;
  for (const NodeIndex node : replicas) datacenters.push_back(placement_->datacenters[node]);
  Request request(kind, Tally(kind == Kind::kWrite ? options.write : options.read, datacenters,
                              placement_->datacenters[placement_->self]));
  request.partition = partition;
  request.token = token;
  request.options = options;
  request.began_us = now_us;
  request.replicas.assign(replicas.begin(), replicas.end());
  return request;
}

bool Coordinator::contacted(const Request& request, NodeIndex node) const {
  return std::any_of(request.contacts.begin(), request.contacts.end(),
                     [node](const Contact& contact) { return contact.node == node; });
}

std::optional<Failure> Coordinator::hopeless(uint16_t partition, const Consistency& consistency,
                                             QuorumMode mode, bool write) const {
  const auto replicas = placement_->replicas(partition);
  absl::InlinedVector<uint8_t, 5> datacenters;
  for (const NodeIndex node : replicas) datacenters.push_back(placement_->datacenters[node]);
  Tally tally(consistency, datacenters, placement_->datacenters[placement_->self]);
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
      if (!placement_->holds(partition, node) && (node == placement_->self || wire_.healthy(node)))
        ++stand_ins;
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
  failure.replicas = static_cast<int>(replicas.size());
  failure.write = write;
  return failure;
}

void Coordinator::begin_write(uint16_t partition, std::string_view changes, const QuorumOptions& options,
                              int64_t now_us, uint64_t token) {
  const uint64_t id = next_id_++;
  Request& request =
      requests_.emplace(id, make(Kind::kWrite, partition, options, now_us, token)).first->second;
  request.keys = keys_of(changes);
  request.changes = changes;
  obligations_.begin(partition);
  bool own_copy_counted = false;
  for (size_t slot = 0; slot < request.replicas.size(); ++slot) {
    if (request.replicas[slot] == placement_->self) {
      request.tally.acknowledge(slot);
      own_copy_counted = true;
    } else if (!send_write(id, request, slot)) {
      // A coordinator that holds no replica stands in for the first that is missing.
      if (!own_copy_counted && !placement_->holds(partition, placement_->self)) {
        own_copy_counted = true;
        const bool kept = listener_.hint(request.replicas[slot], request.keys);
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
  if (!own_copy_counted && !placement_->holds(partition, placement_->self)) {
    (void)listener_.hint(request.replicas.front(), request.keys);
  }
  decide(id, request, false);
  erase_if_settled(id);
}

bool Coordinator::send_write(uint64_t id, Request& request, size_t slot) {
  const NodeIndex node = request.replicas[slot];
  if (!wire_.healthy(node)) return false;
  if (!wire_.send(node, FrameKind::kWrite, id, begin_request(placement_->topology.epoch) + request.changes))
    return false;
  request.contacts.push_back({node, static_cast<uint8_t>(slot), false, true});
  return true;
}

// Finds another node to keep the change for the replica in `slot`, with a hint.
void Coordinator::stand_in(uint64_t id, Request& request, size_t slot) {
  const NodeIndex target = request.replicas[slot];
  bool found = false;
  placement_->preference.walk(request.partition, [&](NodeIndex node) {
    if (node == placement_->self || contacted(request, node) || !wire_.healthy(node)) return true;
    if (std::find(request.replicas.begin(), request.replicas.end(), node) != request.replicas.end())
      return true;
    const std::string message =
        begin_hint(placement_->topology.epoch, placement_->topology.members[target].id) + request.changes;
    if (!wire_.send(node, FrameKind::kHint, id, message)) return true;
    request.contacts.push_back({node, static_cast<uint8_t>(slot), true, true});
    found = true;
    return false;
  });
  if (found) return;
  request.tally.fail(slot);
  (void)listener_.hint(target, request.keys);
}

void Coordinator::begin_read(uint16_t partition, std::string_view keys, const QuorumOptions& options,
                             int64_t now_us, uint64_t token) {
  const uint64_t id = next_id_++;
  Request& request =
      requests_.emplace(id, make(Kind::kRead, partition, options, now_us, token)).first->second;
  request.keys = keys;
  request.versions.resize(parse_keys(keys).size());
  for (size_t slot = 0; slot < request.replicas.size(); ++slot) {
    if (request.replicas[slot] == placement_->self) request.tally.acknowledge(slot);
  }
  ask_more(id, request);
  decide(id, request, false);
  erase_if_settled(id);
}

void Coordinator::begin_survey(uint16_t partition, std::string_view keys, int64_t timeout_ms, int64_t now_us,
                               uint64_t token) {
  QuorumOptions options;
  options.read = {Level::kAll, 0};
  options.mode = QuorumMode::kStrict;
  options.timeout_ms = timeout_ms;
  const uint64_t id = next_id_++;
  Request& request =
      requests_.emplace(id, make(Kind::kRead, partition, options, now_us, token)).first->second;
  request.survey = true;
  request.keys = keys;
  request.versions.resize(parse_keys(keys).size());
  for (size_t slot = 0; slot < request.replicas.size(); ++slot) {
    if (request.replicas[slot] == placement_->self) {
      request.tally.acknowledge(slot);
    } else if (!ask(id, request, request.replicas[slot], slot, false)) {
      request.tally.fail(slot);
    }
  }
  decide(id, request, false);
  erase_if_settled(id);
}

bool Coordinator::ask(uint64_t id, Request& request, NodeIndex node, size_t slot, bool as_stand_in) {
  if (node == placement_->self || contacted(request, node) || !wire_.healthy(node)) return false;
  if (!wire_.send(node, FrameKind::kVersion, id, begin_request(placement_->topology.epoch) + request.keys))
    return false;
  request.contacts.push_back({node, static_cast<uint8_t>(slot), as_stand_in, true});
  return true;
}

// Asks as many more as could satisfy the tally if they all answer.
void Coordinator::ask_more(uint64_t id, Request& request) {
  Tally hoped = request.tally;
  for (const Contact& contact : request.contacts) {
    if (contact.open) hoped.acknowledge(contact.slot);
  }
  for (size_t slot = 0; slot < request.replicas.size() && !hoped.reached(); ++slot) {
    Tally with = hoped;
    with.acknowledge(slot);
    if (with.acknowledged() == hoped.acknowledged()) continue;  // Asked, answered or failed already.
    bool asked = ask(id, request, request.replicas[slot], slot, false);
    if (!asked && request.options.mode == QuorumMode::kSloppy) {
      placement_->preference.walk(request.partition, [&](NodeIndex node) {
        const auto& replicas = request.replicas;
        if (std::find(replicas.begin(), replicas.end(), node) != replicas.end()) return true;
        asked = ask(id, request, node, slot, true);
        return !asked;
      });
    }
    if (asked) {
      hoped.acknowledge(slot);
    } else {
      request.tally.fail(slot);
      hoped.fail(slot);
    }
  }
}

void Coordinator::begin_push(std::span<const NodeIndex> nodes, std::string_view changes, int64_t timeout_ms,
                             int64_t now_us, uint64_t token) {
  const uint64_t id = next_id_++;
  QuorumOptions options;
  options.timeout_ms = timeout_ms;
  Request request(Kind::kPush, Tally({Level::kAll, 0}, std::vector<uint8_t>(nodes.size(), 0), 0));
  request.token = token;
  request.options = options;
  request.began_us = now_us;
  request.replicas.assign(nodes.begin(), nodes.end());
  request.keys = keys_of(changes);
  request.changes = changes;
  Request& kept = requests_.emplace(id, std::move(request)).first->second;
  for (size_t slot = 0; slot < nodes.size(); ++slot) {
    if (!send_write(id, kept, slot)) kept.tally.fail(slot);
  }
  decide(id, kept, false);
  erase_if_settled(id);
}

void Coordinator::begin_fetch(NodeIndex peer, const KeyName& key, int64_t now_us, int64_t timeout_ms,
                              uint64_t token) {
  const uint64_t id = next_id_++;
  QuorumOptions options;
  options.timeout_ms = timeout_ms;
  Request& request = requests_.emplace(id, make(Kind::kFetch, 0, options, now_us, token)).first->second;
  append_key(key, &request.keys);
  if (wire_.send(peer, FrameKind::kState, id, begin_request(placement_->topology.epoch) + request.keys)) {
    request.contacts.push_back({peer, 0, false, true});
    return;
  }
  requests_.erase(id);
  listener_.fetch_done(token, key, {});
}

const std::vector<std::vector<PeerVersion>>* Coordinator::versions(uint64_t token) const {
  const auto found = finished_reads_.find(token);
  return found == finished_reads_.end() ? nullptr : &found->second;
}

void Coordinator::resend(uint64_t id, NodeIndex peer, std::string_view changes) {
  const auto found = requests_.find(id);
  if (found == requests_.end()) return;
  for (Contact& contact : found->second.contacts) {
    if (contact.node != peer || !contact.open) continue;
    std::string message =
        contact.stand_in ? begin_hint(placement_->topology.epoch,
                                      placement_->topology.members[found->second.replicas[contact.slot]].id)
                         : begin_request(placement_->topology.epoch);
    message += changes;
    if (!wire_.send(peer, contact.stand_in ? FrameKind::kHint : FrameKind::kWrite, id, message)) {
      lose(id, found->second, contact);
      break;
    }
  }
  erase_if_settled(id);
}

void Coordinator::receive(NodeIndex from, FrameKind kind, uint64_t id, std::string_view payload) {
  const auto found = requests_.find(id);
  if (found == requests_.end()) return;
  Request& request = found->second;
  const bool write = kind == FrameKind::kWriteReply || kind == FrameKind::kHintReply;
  if (write != (request.kind == Kind::kWrite || request.kind == Kind::kPush)) return;
  const auto contact = std::find_if(request.contacts.begin(), request.contacts.end(),
                                    [from](const Contact& c) { return c.node == from && c.open; });
  if (contact == request.contacts.end()) return;
  MessageReader reply(payload);
  ReplyResult result;
  if (!reply.read_result(&result)) result = ReplyResult::kRefused;
  if (result == ReplyResult::kStaleEpoch) {
    uint64_t epoch;
    if (reply.read_number(&epoch)) newer_epoch_ = std::max(newer_epoch_, epoch);
  }
  switch (request.kind) {
    case Kind::kWrite:
    case Kind::kPush:
      write_answered(id, request, *contact, reply, result);
      break;
    case Kind::kRead:
      read_answered(id, request, *contact, reply, result);
      break;
    case Kind::kFetch:
      fetch_answered(id, request, reply, result);
      return;
  }
  erase_if_settled(id);
}

void Coordinator::write_answered(uint64_t id, Request& request, Contact& contact, MessageReader& reply,
                                 ReplyResult result) {
  if (result == ReplyResult::kGap) {
    const std::vector<KeyName> keys = parse_keys(request.keys);
    std::string wanted;
    uint64_t number;
    while (!reply.at_end() && reply.read_number(&number) && number < keys.size())
      append_key(keys[number], &wanted);
    listener_.gap(id, contact.node, wanted);
    return;
  }
  if (result != ReplyResult::kOk) return lose(id, request, contact);
  contact.open = false;
  if (!contact.stand_in || request.options.mode == QuorumMode::kSloppy) {
    request.tally.acknowledge(contact.slot);
  } else {
    request.tally.fail(contact.slot);
  }
  decide(id, request, false);
}

void Coordinator::read_answered(uint64_t id, Request& request, Contact& contact, MessageReader& reply,
                                ReplyResult result) {
  std::vector<std::string_view> contexts(request.versions.size());
  bool good = result == ReplyResult::kOk;
  for (std::string_view& context : contexts) good = good && reply.read_string(&context);
  if (!good) return lose(id, request, contact);
  contact.open = false;
  for (size_t i = 0; i < contexts.size(); ++i)
    request.versions[i].push_back({contact.node, std::string(contexts[i])});
  request.tally.acknowledge(contact.slot);
  decide(id, request, false);
}

void Coordinator::fetch_answered(uint64_t id, Request& request, MessageReader& reply, ReplyResult result) {
  std::string_view record;
  if (result != ReplyResult::kOk || !reply.read_string(&record)) record = {};
  const Request finished = std::move(request);
  requests_.erase(id);
  listener_.fetch_done(finished.token, parse_keys(finished.keys).front(), record);
}

// The node will not answer.
void Coordinator::lose(uint64_t id, Request& request, Contact& contact) {
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
    (void)listener_.hint(request.replicas[slot], request.keys);
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
  Failure failure;
  failure.answered = request.tally.acknowledged();
  failure.needed = request.tally.needed();
  failure.replicas = static_cast<int>(request.tally.replicas());
  failure.timeout_ms = request.options.timeout_ms;
  failure.timed_out = timed_out;
  failure.write = request.kind != Kind::kRead;
  const Failure* told = reached ? nullptr : &failure;
  if (request.kind != Kind::kRead) return listener_.write_done(request.token, told);
  if (reached || request.survey) finished_reads_.emplace(request.token, std::move(request.versions));
  listener_.read_done(request.token, told);
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
}

void Coordinator::count_out(const Request& request) {
  if (request.kind != Kind::kWrite) return;
  obligations_.end(request.partition);
}

void Coordinator::peer_lost(NodeIndex node) {
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
}

void Coordinator::expire(uint64_t id) {
  const auto found = requests_.find(id);
  Request request = std::move(found->second);
  requests_.erase(found);
  count_out(request);
  if (request.kind == Kind::kFetch) {
    listener_.fetch_done(request.token, parse_keys(request.keys).front(), {});
    return;
  }
  decide(id, request, true);
  if (request.kind != Kind::kWrite) return;
  for (const Contact& contact : request.contacts) {
    if (contact.open) (void)listener_.hint(request.replicas[contact.slot], request.keys);
  }
}

void Coordinator::tick(int64_t now_us) {
  std::vector<uint64_t> late, slow;
  for (const auto& [id, request] : requests_) {
    const int64_t age_us = now_us - request.began_us;
    if (age_us >= request.options.timeout_ms * 1000) {
      late.push_back(id);
    } else if (request.kind == Kind::kRead && age_us >= kSpeculateAfterUs) {
      slow.push_back(id);
    }
  }
  std::sort(late.begin(), late.end());
  std::sort(slow.begin(), slow.end());
  for (const uint64_t id : late) expire(id);
  for (const uint64_t id : slow) {
    const auto found = requests_.find(id);
    if (found == requests_.end()) continue;
    Request& request = found->second;
    for (size_t slot = 0; slot < request.replicas.size(); ++slot) {
      ask(id, request, request.replicas[slot], slot, false);
    }
  }
}

}  // namespace starling::cluster
