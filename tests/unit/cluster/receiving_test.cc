// What a node compares with whom while the ring changes, and when it has done its part.
#include <doctest/doctest.h>

#include <memory>

#include "cluster/handoff/receiving.h"
#include "cluster/topology/planner.h"
#include "cluster/topology/transition.h"

namespace starling::cluster {
namespace {

NodeId node_id(uint8_t number) {
  NodeId id;
  id.bytes[0] = number;
  return id;
}

Member member(uint8_t number) {
  Member member;
  member.id = node_id(number);
  member.host = "h";
  return member;
}

// Three nodes, and node 4 joins: as that one sees it, or another one.
struct Node final : ReceivingHost {
  Topology topology;
  Receiving receiving{*this, {2, 4096, 1000}};
  bool hints = false;
  Epoch served = 2;
  NodeIndex lost = kNoNode, gone = kNoNode;

  explicit Node(uint8_t self) {
    Topology before;
    before.epoch = 1;
    before.cluster_id = 1;
    for (uint8_t i = 1; i <= 3; ++i) before.members.push_back(member(i));
    before.owners = plan(before.members, nullptr, before.replicas);
    RingChange change;
    change.joins.push_back(member(4));
    CHECK(begin_transition(before, change, &topology).ok());
    receiving.follow(std::make_shared<const Placement>(topology, node_id(self)));
  }
  bool down(NodeIndex node) const override { return node == gone; }
  bool reachable(NodeIndex node) const override { return node != lost && node != gone; }
  bool keeps_hints() const override { return hints; }
  Epoch served_epoch() const override { return served; }

  // All that can be asked for now arrives.
  void bring(int64_t now_us) {
    while (const auto stretch = receiving.next(now_us))
      receiving.ended(stretch->number, stretch->partitions, now_us);
  }
};

TEST_CASE("receiving: done when everything was brought by everybody, and not before") {
  Node node(4);
  CHECK(node.receiving.total() != 0);
  CHECK_FALSE(node.receiving.finish());
  node.lost = 1;
  node.bring(0);
  CHECK(node.receiving.remaining() != 0);
  CHECK_FALSE(node.receiving.finish());
  node.lost = kNoNode;
  node.bring(0);
  CHECK(node.receiving.remaining() == 0);
  CHECK(node.receiving.finish());
  CHECK_FALSE(node.receiving.finish());
  CHECK(node.receiving.received() == 2);
}

TEST_CASE("receiving: without one that is down, as a majority is left; not without two") {
  Node node(4);
  node.gone = 1;
  node.bring(0);
  CHECK(node.receiving.finish());
  Node other(4);
  other.gone = 1;
  other.lost = 2;
  other.bring(0);
  CHECK_FALSE(other.receiving.finish());
}

TEST_CASE("receiving: nothing is asked for while a loop serves by the topology before") {
  Node node(4);
  node.served = 1;
  CHECK_FALSE(node.receiving.next(0));
  CHECK_FALSE(node.receiving.finish());
}

TEST_CASE(
    "receiving: so many at once, no partition of a node twice, a pause after one that brought too little") {
  Node node(4);
  const auto first = node.receiving.next(0), second = node.receiving.next(0);
  REQUIRE(first);
  REQUIRE(second);
  CHECK_FALSE(node.receiving.next(0));
  CHECK((first->peer != second->peer || (first->partitions & second->partitions).none()));
  node.receiving.ended(first->number, {}, 0);
  CHECK_FALSE(node.receiving.next(999));
  CHECK(node.receiving.next(1000));
}

TEST_CASE("receiving: what was asked for under an earlier step does not count") {
  Node node(4);
  const auto stretch = node.receiving.next(0);
  REQUIRE(stretch);
  const size_t before = node.receiving.remaining();
  Topology later = node.topology;
  later.epoch = 5;
  node.receiving.follow(std::make_shared<const Placement>(later, node_id(4)));
  node.receiving.ended(stretch->number, stretch->partitions, 0);
  CHECK(node.receiving.remaining() == before);
}

TEST_CASE("receiving: who leaves stays as long as it keeps hints for others") {
  Node node(1);
  node.topology.members[0].state = MemberState::kLeaving;
  node.topology.transition.phase = TransitionPhase::kSwitched;
  node.receiving.follow(std::make_shared<const Placement>(node.topology, node_id(1)));
  node.hints = true;
  CHECK_FALSE(node.receiving.finish());
  node.hints = false;
  CHECK(node.receiving.finish());
}

}  // namespace
}  // namespace starling::cluster
