// Writes and reads that share their messages.
#include <doctest/doctest.h>

#include "tests/unit/cluster/coordinator_bench.h"

namespace starling::cluster {

TEST_CASE("writes of a moment with the same replicas are one message to each, and answered together") {
  Bench bench;
  const uint16_t other = bench.sibling_partition();
  REQUIRE(other != 0);
  REQUIRE(bench.join(1));
  REQUIRE(bench.join(2, {}, other));
  REQUIRE(bench.join(3));
  CHECK(bench.sent.empty());
  CHECK(bench.coordinator.writing(0));
  CHECK(bench.coordinator.writing(other));
  bench.coordinator.flush(5);
  REQUIRE(bench.sent.size() == 2);
  CHECK(bench.sent[0].payload == bench.sent[1].payload);
  MessageReader reader(bench.sent[0].payload);
  Epoch epoch;
  REQUIRE(reader.read_epoch(&epoch));
  Change change;
  for (const char* const key : {"k1", "k2", "k3"}) {
    REQUIRE(reader.read_change(&change));
    CHECK(change.key == key);
  }
  CHECK(reader.at_end());
  CHECK(bench.done.empty());
  bench.answer(0, kStored);
  CHECK(bench.done == std::map<uint64_t, std::string>{{1, "ok"}, {2, "ok"}, {3, "ok"}});
  CHECK(bench.coordinator.writing(other));
  bench.answer(1, kStored);
  CHECK_FALSE(bench.coordinator.writing(0));
  CHECK_FALSE(bench.coordinator.writing(other));
  CHECK(bench.coordinator.under_way() == 0);
  CHECK(bench.hints.empty());
}

TEST_CASE("a write that has no token of its own is told of with another one") {
  Bench bench;
  REQUIRE(bench.join(1));
  REQUIRE(bench.join(0));
  bench.coordinator.flush(0);
  bench.answer(0, kStored);
  CHECK(bench.done == std::map<uint64_t, std::string>{{1, "ok"}});
}

TEST_CASE("other options, other replicas: another batch; they leave in their order") {
  Bench bench;
  uint16_t elsewhere = 0;
  for (uint32_t partition = 0; partition < engine::kPartitionCount && elsewhere == 0; ++partition) {
    const auto number = static_cast<uint16_t>(partition);
    const bool own = bench.placement->holds(number, bench.placement->self);
    if (own && bench.coordinator.set_of(number) != bench.coordinator.set_of(0)) elsewhere = number;
  }
  REQUIRE(elsewhere != 0);
  QuorumOptions all;
  all.write = {Level::kAll, 0};
  REQUIRE(bench.join(1, all));
  REQUIRE(bench.join(2));
  REQUIRE(bench.join(3, {}, elsewhere));
  bench.coordinator.flush(0);
  REQUIRE(bench.sent.size() == 6);
  for (size_t i = 0; i < 6; ++i) {
    const std::string key = "k" + std::to_string(1 + i / 2);
    CHECK(bench.sent[i].payload.find(key) != std::string::npos);
  }
  bench.answer(0, kStored);
  CHECK(bench.done.empty());
  bench.answer(1, kStored);
  CHECK(bench.done.size() == 1);
}

TEST_CASE("a write alone does not overtake a batch") {
  Bench bench;
  REQUIRE(bench.join(1));
  bench.write({}, 2);
  REQUIRE(bench.sent.size() == 4);
  CHECK(bench.sent[0].payload.find("k1") != std::string::npos);
  CHECK(bench.sent[2].payload.find("k1") == std::string::npos);
}

TEST_CASE("no batch where a replica is sick, nor at a node that is none") {
  Bench bench;
  bench.sick = {bench.replica(2)};
  CHECK_FALSE(bench.join(1));
  bench.sick.clear();
  uint16_t foreign = 0;
  while (bench.placement->holds(foreign, bench.placement->self)) ++foreign;
  CHECK_FALSE(bench.join(1, {}, foreign));
  CHECK(bench.sent.empty());
}

TEST_CASE("a batch is bounded") {
  Bench bench;
  for (int i = 1; i <= 5000; ++i) REQUIRE(bench.join(i));
  CHECK(bench.sent.size() >= 8);
  bench.coordinator.flush(0);
  size_t changes = 0;
  for (const Bench::Sent& message : bench.sent) {
    CHECK(message.payload.size() < 32 << 10);
    MessageReader reader(message.payload);
    Epoch epoch;
    REQUIRE(reader.read_epoch(&epoch));
    Change change;
    while (!reader.at_end() && reader.read_change(&change)) ++changes;
  }
  CHECK(changes == 2 * 5000);
}

TEST_CASE("a replica lost under a batch: another node stands in for all of it") {
  Bench bench;
  QuorumOptions options;
  options.write = {Level::kAll, 0};
  REQUIRE(bench.join(1, options));
  REQUIRE(bench.join(2, options, bench.sibling_partition()));
  bench.coordinator.flush(0);
  REQUIRE(bench.sent.size() == 2);
  bench.sick = {bench.sent[0].node};
  bench.coordinator.peer_lost(bench.sent[0].node);
  REQUIRE(bench.sent.size() == 3);
  CHECK(bench.sent[2].kind == FrameKind::kHint);
  CHECK(bench.sent[2].payload.find("k1") != std::string::npos);
  CHECK(bench.sent[2].payload.find("k2") != std::string::npos);
  bench.answer(1, kStored);
  CHECK(bench.done.empty());
  bench.answer(2, kStored);
  CHECK(bench.done.size() == 2);
  CHECK(bench.coordinator.under_way() == 0);
}

TEST_CASE("a batch that is out of time fails as a whole, and all of it is hinted") {
  Bench bench(3);
  QuorumOptions options;
  options.write = {Level::kAll, 0};
  REQUIRE(bench.join(1, options));
  REQUIRE(bench.join(2, options));
  bench.coordinator.flush(0);
  bench.answer(0, kStored);
  bench.coordinator.tick(options.timeout_ms * 1000);
  CHECK(bench.done[1] == bench.done[2]);
  CHECK(bench.done[1] ==
        "NOQUORUM 2 of 3 replicas answered, 3 needed, in 1000 ms; the write may still take effect");
  CHECK(bench.hints == std::map<NodeIndex, int>{{bench.sent[1].node, 2}});
  CHECK_FALSE(bench.coordinator.writing(0));
}

TEST_CASE("a queue that is full when the batch leaves: the replica counts as failed") {
  Bench bench(3);
  REQUIRE(bench.join(1));
  bench.full = {bench.replica(1)};
  bench.coordinator.flush(0);
  REQUIRE(bench.sent.size() == 1);
  CHECK(bench.hints == std::map<NodeIndex, int>{{bench.replica(1), 1}});
  bench.answer(0, kStored);
  CHECK(bench.done[1] == "ok");
}

TEST_CASE("a gap in a batch: the records that it names are mended, and then it is acknowledged") {
  Bench bench;
  QuorumOptions options;
  options.write = {Level::kAll, 0};
  for (int i = 1; i <= 3; ++i) REQUIRE(bench.join(i, options));
  bench.coordinator.flush(0);
  bench.answer(0, kStored);
  bench.answer(1, gap_reply({0, 2}));
  CHECK(bench.gap_keys == std::vector<std::string>{"k1", "k3"});
  CHECK(bench.done.empty());
  REQUIRE(bench.sent.size() == 4);
  bench.answer(2, kStored);
  CHECK(bench.done.empty());
  bench.answer(3, kStored);
  CHECK(bench.done.size() == 3);
}

TEST_CASE("W = 1: a batch is done when it leaves") {
  Bench bench;
  QuorumOptions options;
  options.write = {Level::kOne, 0};
  REQUIRE(bench.join(1, options));
  CHECK(bench.done.empty());
  bench.coordinator.flush(0);
  CHECK(bench.done[1] == "ok");
  CHECK(bench.coordinator.under_way() == 1);
}

TEST_CASE("reads of a moment are one question, and each learns of its own keys") {
  Bench bench;
  const auto join = [&](std::initializer_list<std::string_view> names, uint64_t token) {
    std::string keys;
    for (const std::string_view name : names) append_key({0, name}, &keys);
    return bench.coordinator.join_read(0, keys, names.size(), {}, 0, token);
  };
  REQUIRE(join({"a"}, 1));
  REQUIRE(join({"b", "c"}, 2));
  CHECK(bench.sent.empty());
  bench.coordinator.flush(0);
  REQUIRE(bench.sent.size() == 1);  // R = 2, and this node is one of them.
  CHECK(bench.sent[0].kind == FrameKind::kVersion);
  std::string reply = begin_reply(ReplyResult::kOk);
  for (const char* const context : {"va", "vb", "vc"}) engine::append_string(context, &reply);
  bench.answer(0, reply);
  REQUIRE(bench.done == std::map<uint64_t, std::string>{{1, "ok"}, {2, "ok"}});
  const auto* first = bench.coordinator.versions(1);
  const auto* second = bench.coordinator.versions(2);
  REQUIRE((first != nullptr && second != nullptr));
  REQUIRE((first->size() == 1 && second->size() == 2));
  CHECK(first->at(0).at(0).context == "va");
  CHECK(second->at(0).at(0).context == "vb");
  CHECK(second->at(1).at(0).context == "vc");
  CHECK(bench.coordinator.under_way() == 0);
}

TEST_CASE("a batch of reads asks another replica when the first is lost or slow, and fails as a whole") {
  Bench bench(3);
  std::string keys;
  append_key({0, "a"}, &keys);
  REQUIRE(bench.coordinator.join_read(0, keys, 1, {}, 0, 1));
  REQUIRE(bench.coordinator.join_read(bench.sibling_partition(), keys, 1, {}, 0, 2));
  bench.coordinator.flush(0);
  REQUIRE(bench.sent.size() == 1);
  bench.sick = {bench.sent[0].node};
  bench.coordinator.peer_lost(bench.sent[0].node);
  REQUIRE(bench.sent.size() == 2);
  CHECK(bench.sent[1].payload == bench.sent[0].payload);
  bench.sick.insert(bench.sent[1].node);
  bench.coordinator.peer_lost(bench.sent[1].node);
  CHECK(bench.done[1] == "NOQUORUM 1 of 3 replicas answered, 2 needed");
  CHECK(bench.done[2] == bench.done[1]);
  CHECK(bench.coordinator.versions(1) == nullptr);
}

TEST_CASE("a message is counted until its last replica has answered or is given up") {
  OrderedChanges order(1);
  Bench bench(5, 3, &order);
  QuorumOptions options;
  options.write = {Level::kOne, 0};
  bench.write(options);
  CHECK(order.bytes() == bench.sent[0].payload.size());
  bench.answer(0, kStored);
  CHECK(order.bytes() != 0);
  SUBCASE("it answers") {
    bench.answer(1, kStored);
  }
  SUBCASE("it never does") {
    bench.coordinator.tick(options.timeout_ms * 1000);
  }
  SUBCASE("it is lost, and who stands in answers") {
    bench.coordinator.peer_lost(bench.sent[1].node);
    for (size_t i = 2; i < bench.sent.size(); ++i) bench.answer(i, kStored);
  }
  SUBCASE("there is another topology, and then an answer") {
    bench.coordinator.set_placement(bench.placement);
    CHECK(order.bytes() != 0);
    bench.answer(1, kStored);
  }
  CHECK(order.bytes() == 0);
  // A batch, once it has left.
  REQUIRE(bench.join(1, options));
  REQUIRE(bench.join(2, options));
  CHECK(order.bytes() == 0);
  const size_t before = bench.sent.size();
  bench.coordinator.flush(0);
  CHECK(order.bytes() == bench.sent[before].payload.size());
  for (size_t i = before; i < bench.sent.size(); ++i) bench.answer(i, kStored);
  CHECK(order.bytes() == 0);
}

}  // namespace starling::cluster
