#include "cluster/repair/settlement.h"

#include <doctest/doctest.h>

#include "cluster/data/obligations.h"
#include "cluster/topology/planner.h"

namespace starling::cluster {
namespace {

using State = Settlement::State;

std::shared_ptr<const Placement> placement_of(size_t nodes) {
  Topology topology;
  topology.epoch = 7;
  topology.cluster_id = 1;
  topology.replicas = 3;
  for (size_t i = 0; i < nodes; ++i) {
    Member member;
    member.id.bytes[0] = static_cast<uint8_t>(i + 1);
    member.host = "10.0.0." + std::to_string(i + 1);
    topology.members.push_back(member);
  }
  topology.owners = plan(topology.members, nullptr, 3);
  const NodeId self = topology.members[0].id;
  return std::make_shared<const Placement>(std::move(topology), self);
}

// What the members say, and a round in which all of it arrives.
struct Round {
  explicit Round(size_t nodes)
      : placement(placement_of(nodes)), settlement(placement), busy(nodes), guarded(nodes) {
    for (uint32_t i = 0; i < engine::kPartitionCount; ++i) {
      const auto replicas = placement->replicas(static_cast<uint16_t>(i));
      if (replicas.front() == 0) led.push_back(static_cast<uint16_t>(i));
    }
    for (const uint16_t partition : led) {
      engine::VersionTally tally;
      tally.sum = partition * 3u;
      tally.ripe = 50;  // A tombstone that stamp 50 lets go.
      index.observe(partition, 1);
      index.set(partition, tally, 1);
    }
  }

  State ask() {
    std::vector<Settlement::Message> messages = settlement.start(), next;
    REQUIRE(messages.size() == busy.size());
    for (const Settlement::Message& message : messages) {
      CHECK(message.bytes == encode_mark(7));
      settlement.receive(message.to, encode_mark_reply({message.to + 40u, 9, 100u + message.to}), &next);
    }
    for (const Settlement::Message& message : next) {
      Mark since;
      REQUIRE(decode_busy(message.bytes, &since));
      CHECK(since.boot == message.to + 40u);
      CHECK(since.number == 9);
      std::vector<Settlement::Message> none;
      settlement.receive(message.to, encode_busy_reply(busy[message.to], guarded[message.to]), &none);
      CHECK(none.empty());
    }
    return settlement.state();
  }

  // What the members are asked to adopt.
  std::vector<AdoptRequest> proposals() {
    std::vector<AdoptRequest> requests(busy.size());
    for (const Settlement::Message& message : settlement.proposals(index))
      REQUIRE(decode_adopt(message.bytes, &requests[message.to]));
    return requests;
  }
  bool proposes(uint16_t partition) {
    for (const AdoptRequest& request : proposals()) {
      for (const auto& [p, sum] : request.sums) {
        if (p == partition) return true;
      }
    }
    return false;
  }

  std::shared_ptr<const Placement> placement;
  Settlement settlement;
  std::vector<PartitionSet> busy, guarded;
  std::vector<uint16_t> led;
  VersionIndex index;
};

TEST_CASE("settlement: what is equal on all replicas and owed by nobody is settled up to the least mark") {
  Round round(5);
  REQUIRE(round.ask() == State::kReady);
  CHECK(round.settlement.stamp() == 100);
  CHECK(round.proposals()[0].sums.empty());  // Nothing has been compared.
  for (NodeIndex peer = 1; peer < 5; ++peer) round.settlement.compared(peer, PartitionSet().set());
  const std::vector<AdoptRequest> requests = round.proposals();
  CHECK(requests[0].sums.size() == round.led.size());
  size_t asked = 0;
  for (size_t node = 0; node < 5; ++node) {
    CHECK(requests[node].stamp == 100);
    for (const auto& [partition, sum] : requests[node].sums) {
      CHECK(round.placement->holds(partition, static_cast<NodeIndex>(node)));
      CHECK(sum == partition * 3u);
      ++asked;
    }
  }
  CHECK(asked == 3 * round.led.size());
}

TEST_CASE(
    "settlement: what differs somewhere, is owed by anybody, has changed or gains nothing is left alone") {
  Round round(4);
  const uint16_t differs = round.led[0], owed = round.led[1], changed = round.led[2], young = round.led[3],
                 fine = round.led[4], empty = round.led[5], guarded = round.led[6];
  round.busy[3].set(owed);
  round.guarded[2].set(guarded).set(owed).set(differs);
  REQUIRE(round.ask() == State::kReady);
  PartitionSet all_but_one = PartitionSet().set();
  all_but_one[differs] = false;
  for (NodeIndex peer = 1; peer < 4; ++peer) {
    const bool last = peer == round.placement->replicas(differs).back();
    round.settlement.compared(peer, last ? all_but_one : PartitionSet().set());
  }
  round.index.observe(changed, 2);
  engine::VersionTally tally;
  round.index.set(empty, tally, 1);
  round.index.set(guarded, tally, 1);
  tally.ripe = 101;
  round.index.set(young, tally, 1);
  CHECK(round.proposes(fine));
  CHECK_FALSE(round.proposes(differs));
  CHECK_FALSE(round.proposes(owed));
  CHECK_FALSE(round.proposes(changed));
  CHECK_FALSE(round.proposes(young));
  CHECK_FALSE(round.proposes(empty));
  CHECK(round.proposes(guarded));
}

TEST_CASE("settlement: what has had something to gain for a while is overdue, equal or not") {
  Round round(4);
  const uint16_t owed = round.led[0], young = round.led[1], old = round.led[2], guarded = round.led[3];
  CHECK(round.settlement.overdue(round.index, 70).none());
  round.busy[3].set(owed);
  round.guarded[2].set(guarded);
  REQUIRE(round.ask() == State::kReady);
  engine::VersionTally tally;
  tally.ripe = 71;
  round.index.set(young, tally, 1);
  round.index.set(guarded, tally, 1);
  round.index.observe(old, 2);
  const PartitionSet overdue = round.settlement.overdue(round.index, 70);
  CHECK(overdue.count() == round.led.size() - 2);
  CHECK(overdue[old]);
  CHECK_FALSE(overdue[owed]);
  CHECK_FALSE(overdue[young]);
  CHECK(overdue[guarded]);
  tally.ripe = 101;
  round.index.set(young, tally, 1);
  CHECK_MESSAGE(!round.settlement.overdue(round.index, engine::kNeverRipe)[young], "later than all marks");
}

TEST_CASE("settlement: a member that is silent, malformed or has started anew ends it") {
  std::vector<Settlement::Message> next;
  Round silent(3);
  (void)silent.settlement.start();
  silent.settlement.receive(0, encode_mark_reply({1, 1, 10}), &next);
  silent.settlement.receive(0, encode_mark_reply({1, 1, 10}), &next);
  silent.settlement.receive(1, encode_mark_reply({1, 1, 10}), &next);
  CHECK(silent.settlement.state() == State::kMarking);
  CHECK(next.empty());
  for (NodeIndex peer = 1; peer < 3; ++peer) silent.settlement.compared(peer, PartitionSet().set());
  CHECK(silent.settlement.proposals(silent.index).empty());

  const std::string answers[] = {"",
                                 "\x07",
                                 encode_mark_reply({1, 1, 10}).substr(0, 5),
                                 encode_adopt_reply(1),
                                 text_reply(ReplyResult::kUnavailable, "has started anew since"),
                                 stale_epoch_reply(8)};
  for (const std::string& answer : answers) {
    Round round(3);
    (void)round.settlement.start();
    CHECK(round.settlement.receive(2, answer, &next) == State::kFailed);
    Round later(3);
    std::vector<Settlement::Message> asked;
    (void)later.settlement.start();
    for (NodeIndex i = 0; i < 3; ++i) later.settlement.receive(i, encode_mark_reply({1, 1, 10}), &asked);
    CHECK(asked.size() == 3);
    CHECK(later.settlement.receive(1, answer, &next) == State::kFailed);
    CHECK(later.settlement.receive(0, encode_busy_reply({}, {}), &next) == State::kFailed);
  }
}

TEST_CASE("obligations: a debt that was there at a mark, or since, is told of, though it was passed on") {
  Obligations obligations;
  const auto since = [&](uint64_t number) {
    PartitionSet set;
    obligations.add_since(number, &set);
    return set;
  };
  obligations.begin(3);
  obligations.end(3);
  obligations.mark(1);
  CHECK(since(1).none());
  obligations.begin(3);
  obligations.begin(3);
  CHECK(obligations.owed(3));
  obligations.end(3);
  obligations.end(3);
  obligations.begin(9);
  CHECK_FALSE(obligations.owed(3));
  CHECK(since(1) == PartitionSet().set(3).set(9));
  obligations.mark(2);
  CHECK(since(2) == PartitionSet().set(9));
  CHECK(since(1) == PartitionSet().set(3).set(9));
  obligations.end(9);
  CHECK(since(2) == PartitionSet().set(9));
}

TEST_CASE("settle messages: what is read is what is written") {
  Mark mark;
  REQUIRE(decode_busy(encode_busy(300, {5, 6, 0}), &mark));
  CHECK(mark.boot == 5);
  CHECK(mark.number == 6);
  CHECK_FALSE(decode_busy(encode_busy(300, {5, 6, 0}) + "x", &mark));
  REQUIRE(decode_mark_reply(std::string_view(encode_mark_reply({1, 2, 3})).substr(1), &mark));
  CHECK(mark.stamp == 3);
  AdoptRequest request{9, 77, {{1, 5}, {4, 6}}}, read;
  REQUIRE(decode_adopt(encode_adopt(request), &read));
  CHECK(read.sums == request.sums);
  CHECK(read.stamp == 77);
  request.sums = {{4, 6}, {4, 5}};
  CHECK_FALSE(decode_adopt(encode_adopt(request), &read));
  SameRequest same{9, 77, {{1, 5}, {4, 6}}}, same_read;
  REQUIRE(decode_same(encode_same(same), &same_read));
  CHECK(same_read.number == 77);
  CHECK(same_read.sums == same.sums);
  same.sums = {{4, 6}, {1, 5}};
  CHECK_FALSE(decode_same(encode_same(same), &same_read));
  SameReply same_reply;
  REQUIRE(decode_same_reply(std::string_view(encode_same_reply({3, {1, 700}})).substr(1), &same_reply));
  CHECK(same_reply.number == 3);
  CHECK(same_reply.partitions == std::vector<uint16_t>{1, 700});
  CHECK_FALSE(decode_same_reply(std::string_view(encode_same_reply({3, {7, 7}})).substr(1), &same_reply));
  ProvenRequest proven;
  REQUIRE(decode_proven(encode_proven({9, 5, 77, {1, 16383}}), &proven));
  CHECK(proven.boot == 5);
  CHECK(proven.stamp == 77);
  CHECK(proven.partitions == std::vector<uint16_t>{1, 16383});
  CHECK_FALSE(decode_proven(encode_proven({9, 5, 77, {1, 0}}), &proven));
  const PartitionSet busy = PartitionSet().set(0).set(16383), guarded = PartitionSet().set(1).set(300);
  PartitionSet busy_read, guarded_read;
  const std::string bytes = encode_busy_reply(busy, guarded);
  REQUIRE(decode_busy_reply(std::string_view(bytes).substr(1), &busy_read, &guarded_read));
  CHECK(busy_read == busy);
  CHECK(guarded_read == guarded);
  CHECK_FALSE(decode_busy_reply(std::string_view(bytes + "\x01").substr(1), &busy_read, &guarded_read));
  CHECK_FALSE(decode_busy_reply("\x04short", &busy_read, &guarded_read));
}

}  // namespace
}  // namespace starling::cluster
