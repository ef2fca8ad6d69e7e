// Questions to replicas: which versions they hold, and their records.
#include "cluster/data/coordinator.h"

#include <algorithm>
#include <iterator>

#include "engine/base/assert.h"

namespace starling::cluster {

void Coordinator::begin_read(uint16_t partition, std::string_view keys, const QuorumOptions& options,
                             int64_t now_us, uint64_t token) {
  uint64_t id;
  Request& request = begin(Kind::kRead, partition, options, now_us, token, &id);
  request.keys = keys;
  request.key_counts.push_back(keys_in(keys).size());
  request.versions.resize(request.key_counts.front());
  for (size_t slot = 0; slot < request.replicas.size(); ++slot) {
    if (request.replicas[slot] == placement_->self) request.tally.acknowledge(slot);
  }
  ask_more(id, request);
  decide(id, request, false);
  erase_if_settled(id);
  tell();
}

void Coordinator::begin_survey(uint16_t partition, std::string_view keys, int64_t timeout_ms, int64_t now_us,
                               uint64_t token) {
  QuorumOptions options;
  options.read = {Level::kAll, 0};
  options.mode = QuorumMode::kStrict;
  options.timeout_ms = timeout_ms;
  uint64_t id;
  Request& request = begin(Kind::kRead, partition, options, now_us, token, &id);
  request.survey = true;
  request.keys = keys;
  request.key_counts.push_back(keys_in(keys).size());
  request.versions.resize(request.key_counts.front());
  for (size_t slot = 0; slot < request.replicas.size(); ++slot) {
    if (request.replicas[slot] == placement_->self) {
      request.tally.acknowledge(slot);
    } else if (!ask(id, request, request.replicas[slot], slot, false)) {
      request.tally.fail(slot);
    }
  }
  decide(id, request, false);
  erase_if_settled(id);
  tell();
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

void Coordinator::begin_fetch(NodeIndex peer, const KeyName& key, int64_t now_us, int64_t timeout_ms,
                              uint64_t token) {
  uint64_t id;
  QuorumOptions options;
  options.timeout_ms = timeout_ms;
  Request& request = begin(Kind::kFetch, 0, options, now_us, token, &id);
  append_key(key, &request.keys);
  if (wire_.send(peer, FrameKind::kState, id, begin_request(placement_->topology.epoch) + request.keys)) {
    request.contacts.push_back({peer, 0, false, true});
    return;
  }
  expire(id);
  tell();
}

// What peers said is kept for whoever asked.
void Coordinator::finish_read(Request& request, bool failed) {
  size_t first = 0;
  for (size_t i = 0; i < request.tokens.size(); ++i) {
    const uint64_t token = request.tokens[i];
    const size_t count = request.key_counts[i];
    if (!failed || request.survey) {
      const auto begin = std::make_move_iterator(request.versions.begin() + static_cast<ptrdiff_t>(first));
      finished_reads_.emplace(
          token, std::vector<std::vector<PeerVersion>>(begin, begin + static_cast<ptrdiff_t>(count)));
    }
    first += count;
  }
}

const std::vector<std::vector<PeerVersion>>* Coordinator::versions(uint64_t token) const {
  const auto found = finished_reads_.find(token);
  return found == finished_reads_.end() ? nullptr : &found->second;
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
  uint64_t stamp;
  if (request.options.mode == QuorumMode::kStrict && !reply.at_end() && reply.read_number(&stamp))
    listener_.peer_stamp(stamp);
  request.tally.acknowledge(contact.slot);
  decide(id, request, false);
}

void Coordinator::fetch_answered(uint64_t id, Request& request, MessageReader& reply, ReplyResult result) {
  std::string_view record;
  if (result != ReplyResult::kOk || !reply.read_string(&record)) record = {};
  news_.push_back(
      {Kind::kFetch, std::move(request.tokens), {}, std::move(request.keys), std::string(record)});
  requests_.erase(id);
}

}  // namespace starling::cluster
