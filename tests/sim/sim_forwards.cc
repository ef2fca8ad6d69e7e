// Requests that other nodes run, and those of others that run here: sent, asked again when a link breaks,
// answered. Follows server/cluster/cluster_forward.cc and tunnels.cc, around the same bookkeeping. A client
// has one request at a time, so here they need no order among them.
#include <algorithm>
#include <utility>

#include "engine/base/assert.h"
#include "engine/base/byte_codec.h"
#include "tests/sim/sim_node.h"

namespace starling::sim {

using cluster::FrameKind;
using cluster::NodeIndex;
using server::Forward;
using server::OperationTable;
using server::Retry;

namespace {}  // namespace

// --- The asker

void SimNode::forward(const ClientOperation& asked, NodeIndex target) {
  Forward forward;
  forward.client_id = asked.id;
  forward.node = node_id(target);
  forward.first_sent_us = now_us();
  forward.deadline_us = now_us() + asked.quorum.timeout_ms * 1000 + server::kForwardSlackUs;
  forward.writes = asked.writes();
  forward.retry = asked.writes() ? Retry::kSameNode : Retry::kAnywhere;
  forward.partitions.push_back(engine::Key(asked.key).partition);
  forward.node_life = world_.life_of(target);
  engine::append_varint(asked.id, &forward.requests);
  const uint64_t correlation = forwards_.add(std::move(forward));
  if (transmit(correlation, *forwards_.find(correlation), false)) return;
  Forward unsent;
  (void)forwards_.take(correlation, &unsent);
  Execution execution;
  execution.operation = unsent.client_id;
  fail(execution, "the coordinating node cannot be reached; nothing was done");
}

bool SimNode::transmit(uint64_t correlation, const Forward& forward, bool repeated) {
  server::ForwardFrame frame;
  frame.origin = forward.client_id;
  frame.life = forward.retry == Retry::kSameNode ? boot_ : 0;
  frame.settled = forwards_.settled(false);
  frame.repeated = repeated;
  frame.requests = forward.requests;
  const size_t node = slot_of(forward.node);
  const auto peer_clock = peer_clocks_.find(node);
  if (peer_clock == peer_clocks_.end()) return false;
  frame.deadline_us = peer_clock->second.least_at(forward.run_before_us() + clock_us() - now_us());
  return post_to(node, FrameKind::kForward, correlation, server::encode_forward(frame));
}

void SimNode::time_out(uint64_t correlation) {
  const Forward* forward = forwards_.find(correlation);
  if (forward == nullptr) return;
  const size_t node = slot_of(forward->node);
  if (forward->writes && connected_.contains(node) && setting_.mutation != Mutation::kLateLinkStays &&
      world_.reset_unless_arrived(setting_.index, node)) {
    disconnected(node);
  }
  lose_forward(correlation, "did not answer in time");
}

bool SimNode::refused_as_late(const Execution& execution) {
  if (clock_us() < execution.deadline_us || setting_.mutation == Mutation::kLateForwardRuns) return false;
  fail(execution, "the request came to its coordinating node too late; nothing was done");
  return true;
}

void SimNode::lose_forward(uint64_t correlation, const std::string& how) {
  Forward lost;
  if (!forwards_.take(correlation, &lost)) return;
  Execution execution;
  execution.operation = lost.client_id;
  fail(execution, "the coordinating node " + how + "; the write may still take effect");
}

void SimNode::break_forwards(size_t peer) {
  for (const uint64_t correlation : forwards_.lost(node_id(peer))) {
    Forward& forward = *forwards_.find(correlation);
    if (forward.retry == Retry::kAnywhere && go_elsewhere(correlation, forward)) continue;
    parked_.push_back(correlation);
  }
}

bool SimNode::go_elsewhere(uint64_t correlation, Forward& forward) {
  for (const NodeIndex node : placement().replicas(forward.partitions[0])) {
    const cluster::NodeId id = node_id(node);
    if (id == forward.node || node == placement().self || !healthy(node)) continue;
    const cluster::NodeId lost = std::exchange(forward.node, id);
    if (transmit(correlation, forward, false)) return true;
    forward.node = lost;
  }
  return false;
}

void SimNode::resend_parked() {
  std::vector<uint64_t> parked = std::exchange(parked_, {});
  std::sort(parked.begin(), parked.end());
  for (const uint64_t correlation : parked) {
    const Forward* forward = forwards_.find(correlation);
    if (forward == nullptr) continue;
    // Another process at the same node remembers nothing of it.
    const bool same_life = forward->node_life == world_.life_of(slot_of(forward->node));
    if (forward->retry == Retry::kSameNode && !same_life &&
        setting_.mutation != Mutation::kFormerLifeForgotten) {
      lose_forward(correlation, "was lost");
      continue;
    }
    if (!transmit(correlation, *forward, true)) {
      parked_.push_back(correlation);
      continue;
    }
    if (world_.tracing()) trace("asks again for #" + std::to_string(forward->client_id));
    world_.count_repeated();
  }
}

void SimNode::take_forward_reply(const Packet& packet) {
  Forward answered;
  if (!forwards_.take(packet.correlation, &answered)) return;
  world_.answer(setting_.index, answered.client_id, packet.answer);
}

// --- Who runs it

void SimNode::take_forward(size_t from, uint64_t correlation, const std::string& payload) {
  server::ForwardFrame frame;
  STARLING_ASSERT(server::decode_forward(payload, &frame));
  if (!begin_forwarded(from, correlation, frame)) return;
  const auto execution = std::make_shared<Execution>();
  engine::ByteReader reader(frame.requests);
  STARLING_ASSERT(reader.read_varint(&execution->operation));
  execution->from = from;
  execution->correlation = correlation;
  execution->link = links_[from];
  execution->life = frame.life;
  execution->deadline_us = frame.deadline_us;
  run(execution);
}

// Whether it is to be run; if it ran before, its answer is seen to.
bool SimNode::begin_forwarded(size_t from, uint64_t correlation, const server::ForwardFrame& frame) {
  if (frame.life == 0 || setting_.mutation == Mutation::kForwardRunsAgain) return true;
  const uint64_t link = links_[from];
  auto uncertain = std::make_shared<Answer>();
  uncertain->error = "the coordinating node was lost; the write may still take effect";
  const auto again = [this, from, link, correlation, uncertain](std::string_view reply) {
    engine::ByteReader reader(reply);
    uint64_t number;
    reply_forward(from, link, correlation, reader.read_varint(&number) ? answers_[number] : uncertain);
  };
  const OperationTable::Answer answer =
      operations_.begin({frame.life, correlation}, frame.settled, frame.repeated, now_ms(), again);
  if (answer == OperationTable::Answer::kUncertain) again({});
  return answer == OperationTable::Answer::kNew;
}

std::string SimNode::remembered(std::shared_ptr<const Answer> answer) {
  std::string number;
  engine::append_varint(answers_.size(), &number);
  answers_.push_back(std::move(answer));
  return number;
}

void SimNode::reply_forward(size_t to, uint64_t link, uint64_t correlation,
                            std::shared_ptr<const Answer> answer) {
  if (links_[to] != link) return;
  loop().outbox.push_back({to, {FrameKind::kForwardReply, correlation, {}, std::move(answer), 0, true}});
}

}  // namespace starling::sim
