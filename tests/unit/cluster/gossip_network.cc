#include "tests/unit/cluster/gossip_network.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

namespace starling::cluster {

uint64_t gossip_seed() {
  const char* given = std::getenv("STARLING_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  MESSAGE("STARLING_SEED=" << seed);
  return seed;
}

GossipNetwork::GossipNetwork(uint64_t seed, GossipSettings settings) : random(seed), settings_(settings) {}

NodeId GossipNetwork::id_of(size_t node) {
  engine::SeededRandom bytes(node + 1);
  NodeId id;
  for (uint8_t& byte : id.bytes) byte = static_cast<uint8_t>(bytes.next());
  return id;
}

NodeDescription GossipNetwork::description_of(size_t node) {
  NodeDescription description;
  description.host = "10.0.0.1";
  description.port = static_cast<uint16_t>(7000 + node);
  description.bus_port = static_cast<uint16_t>(17000 + node);
  description.rack = "rack-" + std::to_string(node % 3);
  return description;
}

size_t GossipNetwork::add(uint64_t first_incarnation) {
  nodes_.emplace_back();
  index_[id_of(nodes_.size() - 1)] = nodes_.size() - 1;
  start(nodes_.size() - 1, first_incarnation);
  return nodes_.size() - 1;
}

void GossipNetwork::add_acquainted(size_t count) {
  for (size_t i = 0; i < count; ++i) add();
  GossipOutput out;
  for (size_t i = 0; i < count; ++i) {
    // Each in an order of its own, as they would have met.
    const size_t first = random.below(count);
    for (size_t j = 0; j < count; ++j) {
      const size_t other = (first + j) % count;
      at(i).learn(id_of(other), description_of(other), now_us_, &out);
    }
  }
}

void GossipNetwork::start(size_t node, uint64_t first_incarnation) {
  Node& started = nodes_[node];
  started.random = std::make_unique<engine::SeededRandom>(random.next());
  started.membership = std::make_unique<Membership>(id_of(node), description_of(node), first_incarnation,
                                                    settings_, now_us_, *started.random);
  started.running = true;
  started.paused = false;
  ++started.life;
  if (node != 0) started.membership->add_seed({"10.0.0.1", 17000});
  const auto offset_us = static_cast<int64_t>(random.below(static_cast<uint64_t>(settings_.interval_us)));
  due_.push({now_us_ + offset_us, ++order_, node, SIZE_MAX, started.life, {}});
}

void GossipNetwork::crash(size_t node) {
  nodes_[node].running = false;
  nodes_[node].waiting.clear();
}

void GossipNetwork::restart(size_t node, uint64_t first_incarnation) {
  start(node, first_incarnation);
}

void GossipNetwork::pause(size_t node) {
  nodes_[node].paused = true;
}

void GossipNetwork::resume(size_t node) {
  nodes_[node].paused = false;
  ++nodes_[node].life;
  // The overdue tick and what waits in the sockets come in no fixed order.
  const auto waiting = std::move(nodes_[node].waiting);
  nodes_[node].waiting.clear();
  for (const auto& [from, bytes] : waiting)
    put(now_us_ + static_cast<int64_t>(random.below(500)), from, node, bytes);
  due_.push(
      {now_us_ + static_cast<int64_t>(random.below(500)), ++order_, node, SIZE_MAX, nodes_[node].life, {}});
}

void GossipNetwork::replay(size_t from, size_t to, const std::string& bytes) {
  deliver(from, to, bytes);
}

bool GossipNetwork::run_until(int64_t limit_us, const std::function<bool()>& done) {
  const int64_t end_us = now_us_ + limit_us;
  while (!done()) {
    if (now_us_ >= end_us) return false;
    run_for(50'000);
  }
  return true;
}

void GossipNetwork::run_for(int64_t duration_us) {
  const int64_t end_us = now_us_ + duration_us;
  while (!due_.empty() && due_.top().at_us <= end_us) {
    Due due = due_.top();
    due_.pop();
    now_us_ = std::max(now_us_, due.at_us);
    handle(std::move(due));
  }
  now_us_ = end_us;
}

void GossipNetwork::handle(Due due) {
  if (due.from != SIZE_MAX) {
    deliver(due.from, due.to, due.bytes);
    return;
  }
  Node& node = nodes_[due.to];
  if (!node.running || node.paused || node.life != due.life) return;
  GossipOutput out;
  node.membership->tick(now_us_, &out);
  carry(due.to, &out);
  due_.push({now_us_ + settings_.interval_us, ++order_, due.to, SIZE_MAX, node.life, {}});
}

void GossipNetwork::deliver(size_t from, size_t to, const std::string& bytes) {
  Node& node = nodes_[to];
  if (!node.running) return;
  if (node.paused) {
    node.waiting.emplace_back(from, bytes);
    return;
  }
  GossipOutput out;
  (void)node.membership->receive(id_of(from), bytes, now_us_, &out);
  carry(to, &out);
}

void GossipNetwork::carry(size_t from, GossipOutput* out) {
  for (const MembershipEvent& event : out->events) {
    events.push_back({now_us_, from, event.kind, event.node, event.silence_us});
  }
  for (const ClockMeasurement& clock : out->clocks) clocks.push_back({from, clock});
  for (const GossipOutgoing& message : out->messages) {
    if (from == recorded) sent_by_last.push_back(message.bytes);
    // A seed has only an address: ports tell nodes apart.
    const auto known = index_.find(message.to);
    const size_t to =
        known != index_.end() ? known->second : static_cast<size_t>(message.address.port) - 17000;
    if (to >= nodes_.size() || (cut && cut(from, to))) continue;
    const int copies = 1 + (chance(duplication) ? 1 : 0);
    for (int i = 0; i < copies; ++i) {
      if (chance(loss)) continue;
      const auto spread = static_cast<uint64_t>(max_delay_us - min_delay_us + 1);
      put(now_us_ + min_delay_us + static_cast<int64_t>(random.below(spread)), from, to, message.bytes);
    }
  }
}

void GossipNetwork::put(int64_t at_us, size_t from, size_t to, const std::string& bytes) {
  due_.push({at_us, ++order_, to, from, 0, bytes});
}

bool GossipNetwork::chance(double probability) {
  return probability > 0 && static_cast<double>(random.next() >> 11) * 0x1p-53 < probability;
}

bool GossipNetwork::all_see(size_t node, Phase phase_wanted, const std::vector<size_t>& observers) {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i].running || nodes_[i].paused || i == node) continue;
    if (!observers.empty() && std::find(observers.begin(), observers.end(), i) == observers.end()) continue;
    if (phase(i, node) != phase_wanted) return false;
  }
  return true;
}

bool GossipNetwork::all_know_all() {
  for (const Node& node : nodes_) {
    if (!node.running || node.membership->size() != nodes_.size()) return false;
  }
  return true;
}

size_t GossipNetwork::count(MembershipEventKind kind) const {
  return static_cast<size_t>(
      std::count_if(events.begin(), events.end(), [kind](const Event& event) { return event.kind == kind; }));
}

}  // namespace starling::cluster
