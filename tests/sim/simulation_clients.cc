#include "tests/sim/simulation.h"

namespace starling::sim {
namespace {

constexpr int64_t kClientPatienceUs = 3'000'000;

}  // namespace

std::string ClientOperation::to_string() const {
  static constexpr const char* kNames[] = {"GET",        "SET",        "APPEND",     "DEL", "EXPIRE",
                                           "VCLOCK GET", "VCLOCK SET", "VCLOCK DEL", "ALL", "PUT",
                                           "REMOVE",     "ADD",        "SET NX"};
  std::string out = "#" + std::to_string(id) + " " + kNames[static_cast<size_t>(action)] + " " + key;
  for (const std::string& element : elements) out += " " + element;
  if (!value.empty()) out += " " + value;
  if (increment != 0) out += " " + std::to_string(increment);
  if (lifetime_ms != 0) out += " for " + std::to_string(lifetime_ms) + " ms";
  return out + " R " + std::to_string(quorum.read.number) + " W " + std::to_string(quorum.write.number) +
         (strict() ? " strict" : " sloppy");
}

ClientOperation Simulation::draw_operation(size_t client) {
  ClientOperation operation;
  operation.client = client;
  operation.key = keys_[below(keys_.size())];
  if (mutation_ == Mutation::kOverrulingIgnored && percent(70)) operation.key = "w0";
  operation.value = "v" + std::to_string(next_operation_);
  static constexpr int kQuorums[][2] = {{2, 2}, {2, 2}, {2, 2}, {3, 1}, {1, 3}, {1, 1}, {3, 2}, {1, 2}};
  const auto& quorum = kQuorums[below(8)];
  operation.quorum.read = {cluster::Level::kNumber, static_cast<uint8_t>(quorum[0])};
  operation.quorum.write = {cluster::Level::kNumber, static_cast<uint8_t>(quorum[1])};
  operation.quorum.mode =
      percent(mix_.strict_percent) ? cluster::QuorumMode::kStrict : cluster::QuorumMode::kSloppy;
  operation.quorum.timeout_ms = 300 + static_cast<int64_t>(below(700));
  if (is_agreed_on(operation.key)) {
    operation.quorum.read = operation.quorum.write = {cluster::Level::kNumber, 2};
    operation.quorum.mode = cluster::QuorumMode::kStrict;
    operation.value += ";";
    operation.increment = operation.key[0] == 'n' ? 1 : 0;
    switch (operation.key[0]) {
      case 'w':
        operation.action = percent(50) ? Action::kGet : percent(80) ? Action::kSet : Action::kDelete;
        return operation;
      case 'l':
        operation.action = Action::kSetIfAbsent;
        break;
      case 'n':
        operation.action = Action::kAdd;
        break;
      default:
        operation.action = Action::kAppend;
    }
    if (percent(20)) operation.action = Action::kGet;
    return operation;
  }
  if (only_added_to(operation.key) || (operation.key[0] == 'm' && percent(50))) {
    const bool field = of_collection(operation.key);
    if (field) operation.elements.push_back("e" + std::to_string(below(2)));
    operation.action = percent(70) ? Action::kAdd : field ? Action::kMembers : Action::kGet;
    operation.increment = static_cast<int64_t>(below(9)) - 3;
    return operation;
  }
  if (operation.key[0] == 'm') operation.value = std::to_string(next_operation_);
  if (of_collection(operation.key)) {
    static constexpr Action kActions[] = {Action::kMembers, Action::kMembers, Action::kPut,   Action::kPut,
                                          Action::kPut,     Action::kRemove,  Action::kDelete};
    operation.action = kActions[below(percent(20) ? 7 : 6)];
    for (uint64_t i = 1 + below(2); i > 0; --i) operation.elements.push_back("e" + std::to_string(below(5)));
    if (operation.action == Action::kMembers || operation.action == Action::kDelete)
      operation.elements.clear();
    return operation;
  }
  static constexpr Action kActions[] = {Action::kGet,       Action::kGet,          Action::kSet,
                                        Action::kSet,       Action::kAppend,       Action::kDelete,
                                        Action::kExpire,    Action::kVclockGet,    Action::kVclockGet,
                                        Action::kVclockSet, Action::kVclockDelete, Action::kVclockSet};
  operation.action = kActions[below(12)];
  if (operation.key[0] == 'm' && operation.action == Action::kAppend) operation.value = "0";
  if (operation.action == Action::kExpire || (operation.action == Action::kSet && percent(25))) {
    operation.lifetime_ms = 1 + static_cast<int64_t>(below(3000));
  }
  if (operation.action == Action::kVclockSet || operation.action == Action::kVclockDelete) {
    const auto known = clients_[client].contexts.find(operation.key);
    if (known != clients_[client].contexts.end() && percent(80)) {
      operation.context = known->second.context;
      operation.seen = known->second.seen;
    }
  }
  return operation;
}

uint64_t Simulation::submit(ClientOperation operation, size_t node) {
  operation.id = next_operation_++;
  operation.began_us = now_us_;
  const uint64_t id = operation.id;
  if (tracing_) {
    trace(kWorld, "client " + std::to_string(operation.client) + " asks node " + std::to_string(node) + ": " +
                      operation.to_string());
  }
  operations_.emplace(id, std::move(operation));
  ++figures_.operations;
  later(node, static_cast<int64_t>(20 + below(300)), [this, node, id] { slots_[node].node->submit(id); });
  return id;
}

void Simulation::begin_operation(size_t client) {
  if (!clients_go_on_) return;
  size_t node = below(slots_.size());
  for (size_t i = 0; i < slots_.size() && slots_[node].node == nullptr; ++i)
    node = (node + 1) % slots_.size();
  if (slots_[node].node == nullptr) {
    later(kWorld, 100'000, [this, client] { begin_operation(client); });
    return;
  }
  const uint64_t id = submit(draw_operation(client), node);
  clients_[client].waits_for = id;
  later(kWorld, kClientPatienceUs, [this, client, id] {
    if (clients_[client].waits_for != id) return;
    if (tracing_) trace(kWorld, "client " + std::to_string(client) + " gives up #" + std::to_string(id));
    begin_operation(client);
  });
}

void Simulation::answer(size_t node, uint64_t id, std::shared_ptr<const Answer> answer) {
  if (tracing_)
    trace(node, "answers #" + std::to_string(id) + ": " + (answer->error.empty() ? "done" : answer->error));
  // The connection of a node that dies dies with it, though the last answer may just have left.
  later(kWorld, static_cast<int64_t>(20 + below(300)), [this, id, answer] {
    const size_t client = operations_.at(id).client;
    if (client == SIZE_MAX) {
      outcomes_[id] = answer->error;
    } else if (clients_[client].waits_for == id) {
      finish_operation(client, id, *answer);
    }
  });
}

// What strict quorums have agreed on happened once.
void Simulation::check_agreed(const ClientOperation& operation, const Answer& answer) {
  if (!is_agreed_on(operation.key) || !strict_reads_hold()) return;
  const std::string who = " of operation " + std::to_string(operation.id) + " on " + operation.key;
  if (operation.action == Action::kSetIfAbsent && answer.value == "1") {
    const auto [owner, first] = lock_owners_.emplace(operation.key, operation.id);
    if (!first)
      judge({"P8 the lock" + who + " has an owner already: operation " + std::to_string(owner->second)});
  } else if (operation.action == Action::kAdd) {
    const auto [earlier, first] = numbers_[operation.key].emplace(answer.value, operation.id);
    if (!first) {
      judge({"P8 the number " + answer.value + who + " was given out before, to operation " +
             std::to_string(earlier->second)});
    }
  } else if (operation.action == Action::kAppend) {
    appended_[operation.key].push_back(operation.value);
  }
}

void Simulation::finish_operation(size_t client, uint64_t id, const Answer& answer) {
  const ClientOperation& operation = operations_.at(id);
  if (answer.error.ends_with("nothing was done")) denied_.insert(id);
  if (!answer.error.empty()) {
    failed_us_.emplace(id, now_us_);
    if (answer.error.find("did not answer in time") != std::string::npos) timed_out_.insert(id);
    if (Event* event = histories_[operation.key].event_of(id); event != nullptr) event->failed_us = now_us_;
  }
  if (answer.error.empty()) {
    ++figures_.acknowledged;
    check_agreed(operation, answer);
    KeyHistory& history = histories_[operation.key];
    // What was withdrawn is not what was acknowledged: run once more, the operation had nothing to change.
    if (Event* event = history.event_of(id); event != nullptr && !event->withdrawn)
      event->acknowledged_us = now_us_;
    if (operation.strict() && !operation.writes()) {
      for (const Piece& piece : answer.seen)
        history.shown.emplace(std::pair(operation.quorum.read.number, piece), now_us_);
    }
    if (operation.action == Action::kVclockGet || operation.action == Action::kVclockSet ||
        operation.action == Action::kVclockDelete) {
      clients_[client].contexts[operation.key] = {answer.context, answer.seen};
    }
  }
  clients_[client].waits_for = 0;
  later(kWorld, static_cast<int64_t>(below(percent(50) ? 2'000 : 150'000)),
        [this, client] { begin_operation(client); });
}

}  // namespace starling::sim
