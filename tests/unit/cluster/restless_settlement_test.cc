#include "cluster/repair/restless_settlement.h"

#include <doctest/doctest.h>

#include <map>

#include "tests/unit/cluster/coordinator_bench.h"

namespace starling::cluster {
namespace {

constexpr engine::Stamp kStamp = 100;

// A round in which all members have answered and nobody owes anything.
Settlement ready(const std::shared_ptr<const Placement>& placement) {
  Settlement round(placement);
  std::vector<Settlement::Message> next, none;
  for (const Settlement::Message& message : round.start())
    round.receive(message.to, encode_mark_reply({message.to + 40u, 9, kStamp + message.to}), &next);
  for (const Settlement::Message& message : next) round.receive(message.to, encode_busy_reply({}, {}), &none);
  REQUIRE(round.state() == Settlement::State::kReady);
  return round;
}

// The leader of a partition and what it asks.
struct Leader {
  explicit Leader(int nodes, Epoch later = 0) : placement(placed(nodes, later)), restless(placement) {
    while (placement->replicas(partition)[0] != 0) ++partition;
    restless.add(PartitionSet().set(partition), ready(placement), 0);
  }

  static std::shared_ptr<const Placement> placed(int nodes, Epoch later) {
    const auto placement = placement_of(nodes, 3, 0);
    Topology topology = placement->topology;
    topology.epoch += later;
    return std::make_shared<const Placement>(std::move(topology), placement->id_of(0));
  }

  // The questions of one turn, by node.
  std::map<NodeIndex, SameRequest> ask(int64_t now_us = 0) {
    std::map<NodeIndex, SameRequest> asked;
    for (const Settlement::Message& message : restless.ask([this](uint16_t) { return sum; }, now_us)) {
      CHECK(decode_same(message.bytes, &asked[message.to]));
    }
    return asked;
  }
  // The replica in the slot had the sum that the turn's question told, of turns that count from 1. What is proven
  // then, by node.
  std::map<NodeIndex, ProvenRequest> same(size_t slot, uint64_t turn) {
    const uint64_t number = (placement->topology.epoch << 32) + turn;
    std::map<NodeIndex, ProvenRequest> proven;
    for (const Settlement::Message& message :
         restless.receive(placement->replicas(partition)[slot], {number, {partition}}))
      CHECK(decode_proven(message.bytes, &proven[message.to]));
    return proven;
  }

  std::shared_ptr<const Placement> placement;
  RestlessSettlement restless;
  uint16_t partition = 0;
  std::optional<uint64_t> sum = 7;
};

}  // namespace

TEST_CASE("restless: each replica's sum was the leader's at some moment, and at one after all of those") {
  Leader leader(5);
  const auto first = leader.ask();
  REQUIRE(first.size() == 2);
  for (const auto& [node, request] : first) {
    CHECK(leader.placement->holds(leader.partition, node));
    CHECK(request.epoch == 1);
    CHECK(request.number == (request.epoch << 32) + 1);
    REQUIRE(request.sums.size() == 1);
    CHECK(request.sums[0] == std::pair<uint16_t, uint64_t>(leader.partition, 7));
  }
  CHECK(leader.same(1, 1).empty());
  leader.sum = 8;
  const auto second = leader.ask();
  REQUIRE(second.size() == 1);
  CHECK_MESSAGE(second.begin()->first == leader.placement->replicas(leader.partition)[2],
                "the other one had it, and need not be asked");
  CHECK(leader.same(2, 2).empty());
  // From here on the leader has all there is.
  CHECK_MESSAGE(leader.same(1, 2).empty(), "asked before that");
  CHECK(leader.ask().size() == 2);
  CHECK(leader.same(2, 3).empty());
  const auto proven = leader.same(1, 3);
  REQUIRE(proven.size() == 3);
  for (const auto& [node, request] : proven) {
    CHECK(request.boot == node + 40u);
    CHECK(request.stamp == kStamp);
    CHECK(request.partitions == std::vector<uint16_t>{leader.partition});
  }
  CHECK(leader.restless.under_way() == 0);
  CHECK(leader.ask().empty());
  CHECK_MESSAGE(leader.same(1, 3).empty(), "an answer that comes twice");
}

TEST_CASE("restless: a sum that is not known is not asked for; patience ends") {
  Leader leader(3);
  leader.sum.reset();
  CHECK(leader.ask().empty());
  CHECK(leader.restless.under_way() == 1);
  CHECK(leader.ask(61'000'000).empty());
  CHECK(leader.restless.under_way() == 0);
}

TEST_CASE("restless: answers to nothing, and of what was asked before it began") {
  Leader leader(5);
  (void)leader.ask();
  CHECK_MESSAGE(leader.same(1, 5).empty(), "a question to come");
  (void)leader.ask(61'000'000);  // It is given up.
  leader.restless.add(PartitionSet().set(leader.partition), ready(leader.placement), 61'000'000);
  CHECK(leader.same(1, 1).empty());
  CHECK(leader.ask(61'000'000).size() == 2);
  for (NodeIndex node = 0; node < 5; ++node) {
    if (!leader.placement->holds(leader.partition, node))
      CHECK(leader.restless.receive(node, {(uint64_t{1} << 32) + 3, {leader.partition}}).empty());
  }
  CHECK_MESSAGE(leader.ask(61'000'000).size() == 2, "a node that is no replica has nothing to say");
}

TEST_CASE("restless: who is alone has nobody to ask") {
  Leader leader(1);
  const auto messages = leader.restless.ask([](uint16_t) { return std::nullopt; }, 0);
  REQUIRE(messages.size() == 1);
  ProvenRequest proven;
  REQUIRE(decode_proven(messages[0].bytes, &proven));
  CHECK(messages[0].to == 0);
  CHECK(proven.stamp == kStamp);
  CHECK(leader.restless.under_way() == 0);
}

TEST_CASE("restless: an answer to a question of an earlier epoch says nothing") {
  Leader earlier(3), now(3, 1);
  const std::map<NodeIndex, SameRequest> asked = earlier.ask();
  REQUIRE(asked.size() == 2);
  REQUIRE(now.ask().size() == 2);
  for (const auto& [node, request] : asked)
    CHECK(now.restless.receive(node, {request.number, {now.partition}}).empty());
  // Had they counted, the first answers of its own would end the second pass.
  for (const size_t slot : {1, 2}) CHECK(now.same(slot, 1).empty());
  CHECK(now.restless.under_way() == 1);
}

TEST_CASE("restless: more partitions than one question has are asked for in turn") {
  const auto placement = placement_of(3, 3, 0);
  RestlessSettlement restless(placement);
  PartitionSet led;
  for (uint32_t i = 0; i < 3 * 1024; ++i) led[i * 5] = true;
  restless.add(led, ready(placement), 0);
  PartitionSet asked;
  for (int turn = 0; turn < 3; ++turn) {
    for (const auto& message : restless.ask([](uint16_t) { return 1; }, 0)) {
      SameRequest request;
      REQUIRE(decode_same(message.bytes, &request));
      for (const auto& [partition, sum] : request.sums) asked.set(partition);
    }
  }
  CHECK(asked == led);
}

}  // namespace starling::cluster
