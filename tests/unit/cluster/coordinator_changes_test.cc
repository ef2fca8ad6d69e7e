// Requests that are under way when the ring begins, or ends, to change.
#include <doctest/doctest.h>

#include "cluster/topology/transition.h"
#include "tests/unit/cluster/coordinator_bench.h"

namespace starling::cluster {
namespace {

// Three nodes with all three replicas of everything; a fourth joins.
struct Joining {
  explicit Joining(int nodes = 3) : bench(nodes) {
    const Topology& present = bench.placement->topology;
    Member joining = present.members[0];
    joining.id.bytes.fill(0xff);  // The last place: the numbers are the places here.
    REQUIRE(begin_transition(present, {{joining}, {}, {}}, &copying).ok());
    placement = std::make_shared<const Placement>(copying, present.members[bench.placement->self].id);
    joins = placement->number_of(joining.id);
  }
  // Of which the one that joins will be a replica, or not.
  uint16_t partition(bool moves) const {
    for (uint32_t i = 0; i < copying.partition_count; ++i) {
      const auto number = static_cast<uint16_t>(i);
      if (placement->stores(number, joins) == moves) return number;
    }
    FAIL("none");
    return 0;
  }
  void write(uint16_t partition, QuorumOptions options = {}) {
    std::string changes;
    append_change({0, ChangeForm::kRecord, "k", "record"}, &changes);
    bench.coordinator.begin_write(partition, changes, options, 0, 0, 1);
  }
  size_t sent_to(NodeIndex node) const {
    return static_cast<size_t>(std::count_if(bench.sent.begin(), bench.sent.end(),
                                             [node](const Bench::Sent& sent) { return sent.node == node; }));
  }

  Bench bench;
  Topology copying;
  std::shared_ptr<const Placement> placement;
  NodeIndex joins;
};

Epoch epoch_of(const Bench::Sent& sent) {
  MessageReader reader(sent.payload);
  Epoch epoch = 0;
  CHECK(reader.read_epoch(&epoch));
  return epoch;
}

}  // namespace

TEST_CASE("while the ring changes a write needs its quorum before and after") {
  Joining change;
  change.bench.coordinator.set_placement(change.placement);
  QuorumOptions options;
  options.write = {Level::kAll, 0};
  change.write(change.partition(true), options);
  REQUIRE(change.bench.sent.size() == 3);
  change.bench.answer(0, kStored);
  change.bench.answer(1, kStored);
  CHECK(change.bench.done.empty());
  change.bench.answer(2, kStored);
  CHECK(change.bench.done[1] == "ok");
}

TEST_CASE("a quorum of one ring is none of the other") {
  Joining change(1);
  change.bench.coordinator.set_placement(change.placement);
  change.write(change.partition(true));
  REQUIRE(change.bench.sent.size() == 1);
  CHECK_MESSAGE(change.bench.done.empty(), "two of two are needed in the next ring");
  change.bench.answer(0, kStored);
  CHECK(change.bench.done[1] == "ok");
}

TEST_CASE("a write that is under way when a node joins goes there too, and waits for it") {
  Joining three;
  QuorumOptions options;
  options.write = {Level::kAll, 0};
  three.write(three.partition(true), options);
  CHECK(three.bench.sent.size() == 2);
  three.bench.coordinator.set_placement(three.placement);
  REQUIRE(three.bench.sent.size() == 3);
  CHECK(three.bench.sent[2].node == three.joins);
  CHECK(epoch_of(three.bench.sent[2]) == three.copying.epoch);
  three.bench.answer(0, kStored);
  three.bench.answer(1, kStored);
  CHECK(three.bench.done.empty());
  three.bench.answer(2, kStored);
  CHECK(three.bench.done[1] == "ok");
}

TEST_CASE("a write that the change does not touch goes on") {
  Joining change;
  change.write(change.partition(false));
  change.bench.coordinator.set_placement(change.placement);
  CHECK(change.bench.sent.size() == 2);
  CHECK(change.bench.done.empty());
  change.bench.answer(0, kStored);
  CHECK(change.bench.done[1] == "ok");
  CHECK(change.bench.hints.empty());
}

TEST_CASE("who has a newer topology is asked again under it, and no hint is kept") {
  Joining change;
  const uint16_t partition = change.partition(false);
  SUBCASE("a write, the answer first") {
    change.write(partition);
    change.bench.answer(0, stale_epoch_reply(change.copying.epoch));
    CHECK(change.bench.newer_at == std::vector<NodeIndex>{change.bench.sent[0].node});
    change.bench.coordinator.set_placement(change.placement);
    REQUIRE(change.bench.sent.size() == 3);
    CHECK(change.bench.sent[2].node == change.bench.sent[0].node);
    CHECK(epoch_of(change.bench.sent[2]) == change.copying.epoch);
    change.bench.answer(2, kStored);
  }
  SUBCASE("a write, the topology first") {
    change.write(partition);
    change.bench.coordinator.set_placement(change.placement);
    change.bench.answer(0, stale_epoch_reply(change.copying.epoch));
    CHECK(change.bench.newer_at.empty());
    REQUIRE(change.bench.sent.size() == 3);
    change.bench.answer(2, kStored);
  }
  SUBCASE("a read") {
    change.bench.read();
    REQUIRE(change.bench.sent.size() == 1);
    change.bench.answer(0, stale_epoch_reply(change.copying.epoch));
    change.bench.coordinator.set_placement(change.placement);
    REQUIRE(change.bench.sent.size() == 2);
    CHECK(change.bench.sent[1].node == change.bench.sent[0].node);
    change.bench.answer(1, Bench::version("x"));
  }
  SUBCASE("a push") {
    std::string changes;
    append_change({0, ChangeForm::kRecord, "k", "record"}, &changes);
    const NodeIndex nodes[] = {change.bench.replica(1)};
    change.bench.coordinator.begin_push(nodes, changes, 1000, 0, 1);
    change.bench.answer(0, stale_epoch_reply(change.copying.epoch));
    CHECK(change.bench.newer_at.size() == 1);
    change.bench.coordinator.set_placement(change.placement);
    REQUIRE(change.bench.sent.size() == 2);
    CHECK(epoch_of(change.bench.sent[1]) == change.copying.epoch);
    change.bench.answer(1, kStored);
  }
  CHECK(change.bench.done[1] == "ok");
  CHECK(change.bench.hints.empty());
}

TEST_CASE("of a batch, who joins gets what will be its own, and what it lacks is found by its number") {
  Joining change;
  const uint16_t moves = change.partition(true), stays = change.partition(false);
  REQUIRE(change.bench.coordinator.set_of(moves) == change.bench.coordinator.set_of(stays));
  QuorumOptions options;
  options.write = {Level::kAll, 0};
  // Names that are of these partitions.
  const auto name_in = [](uint16_t partition) {
    for (int i = 0;; ++i) {
      const std::string name = "n" + std::to_string(i);
      if (engine::partition_of(name) == partition) return name;
    }
  };
  uint64_t token = 1;
  for (const uint16_t partition : {stays, moves}) {
    const uint64_t batch = change.bench.coordinator.batch_for(partition, options, 0);
    REQUIRE(batch != 0);
    std::string one;
    append_change({0, ChangeForm::kDelta, name_in(partition), "delta"}, &one);
    change.bench.coordinator.join(batch, partition, token++) += one;
  }
  change.bench.coordinator.flush(0);
  REQUIRE(change.bench.sent.size() == 2);
  change.bench.coordinator.set_placement(change.placement);
  REQUIRE(change.bench.sent.size() == 3);
  REQUIRE(change.bench.sent[2].node == change.joins);
  MessageReader reader(change.bench.sent[2].payload);
  Epoch epoch;
  Change only;
  REQUIRE(reader.read_epoch(&epoch));
  REQUIRE(reader.read_change(&only));
  CHECK(only.key == name_in(moves));
  CHECK(reader.at_end());
  std::string gap = begin_reply(ReplyResult::kGap);
  append_gap({0, {}, {}}, &gap);
  change.bench.answer(2, gap);
  CHECK(change.bench.gap_keys == std::vector<std::string>{name_in(moves)});
}

TEST_CASE("nobody waits for a node that is no member any more") {
  Joining change;
  const Topology joined = finished(switched(change.copying));
  Topology leaving;
  REQUIRE(begin_transition(joined, {{}, {joined.members[change.joins].id}, {}}, &leaving).ok());
  const NodeId self = joined.members[change.bench.placement->self].id;
  const auto still_there = std::make_shared<const Placement>(leaving, self);
  change.bench.coordinator.set_placement(still_there);
  QuorumOptions options;
  options.write = {Level::kAll, 0};
  uint16_t partition = 0;
  while (!still_there->stores(partition, change.joins)) ++partition;
  change.write(partition, options);
  for (size_t i = 0; i < change.bench.sent.size(); ++i) {
    if (change.bench.sent[i].node != change.joins) change.bench.answer(i, kStored);
  }
  CHECK(change.bench.done.empty());
  change.bench.coordinator.set_placement(
      std::make_shared<const Placement>(finished(switched(leaving)), self));
  CHECK(change.bench.done[1] == "ok");
  CHECK(change.bench.hints.empty());
  CHECK(change.bench.coordinator.under_way() == 0);
}

}  // namespace starling::cluster
