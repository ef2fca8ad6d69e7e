#include "cluster/data/coordinator.h"

#include <doctest/doctest.h>

#include "tests/unit/cluster/coordinator_bench.h"

namespace starling::cluster {

TEST_CASE("a write is acknowledged when W replicas have it, this node among them") {
  Bench bench;
  bench.write();
  REQUIRE(bench.sent.size() == 2);
  CHECK(bench.done.empty());
  bench.answer(1, kStored);
  CHECK(bench.done[1] == "ok");
  CHECK(bench.coordinator.under_way() == 1);
  bench.answer(0, kStored);
  CHECK(bench.coordinator.under_way() == 0);
  CHECK(bench.hints.empty());
}

TEST_CASE("W = 1 does not wait, and a replica that never answers still gets a hint") {
  Bench bench;
  QuorumOptions options;
  options.write = {Level::kOne, 0};
  bench.write(options);
  CHECK(bench.done[1] == "ok");
  bench.answer(0, kStored);
  bench.coordinator.tick(options.timeout_ms * 1000);
  CHECK(bench.coordinator.under_way() == 0);
  CHECK(bench.hints == std::map<NodeIndex, int>{{bench.sent[1].node, 1}});
}

TEST_CASE("sloppy: another node stands in for a replica that cannot be reached, and counts") {
  Bench bench;
  QuorumOptions options;
  options.write = {Level::kAll, 0};
  bench.sick = {bench.replica(1)};
  bench.write(options);
  REQUIRE(bench.sent.size() == 2);
  const size_t hint = bench.sent[0].kind == FrameKind::kHint ? 0 : 1;
  CHECK(bench.sent[hint].kind == FrameKind::kHint);
  CHECK_FALSE(bench.placement->holds(0, bench.sent[hint].node));
  bench.answer(0, kStored);
  CHECK(bench.done.empty());
  bench.answer(1, kStored);
  CHECK(bench.done[1] == "ok");
}

TEST_CASE("a coordinator that is no replica counts its own copy only if it could keep the hint") {
  Bench bench;
  NodeIndex stranger = 0;
  while (bench.placement->holds(0, stranger)) ++stranger;
  bench.placement = placement_of(5, 3, stranger);
  const auto all = bench.placement->replicas(0);
  bench.coordinator.set_placement(bench.placement);
  QuorumOptions options;
  options.write = {Level::kOne, 0};
  for (NodeIndex node = 0; node < 5; ++node) {
    if (node != stranger) bench.sick.insert(node);
  }
  SUBCASE("room") {
    bench.write(options);
    CHECK(bench.done[1] == "ok");
    CHECK(bench.hints.contains(all[0]));
  }
  SUBCASE("no room") {
    bench.room_for_hints = false;
    bench.write(options);
    CHECK(bench.done[1] == "NOQUORUM 0 of 3 replicas answered, 1 needed; the write may still take effect");
  }
  SUBCASE("all replicas are back: they get it at once, and the hint lets this node forget it") {
    bench.sick.clear();
    bench.write(options);
    CHECK(bench.sent.size() == 3);
    CHECK(bench.hints == std::map<NodeIndex, int>{{all[0], 1}});
  }
}

TEST_CASE("strict: a hint is kept, and is no acknowledgement") {
  Bench bench;
  QuorumOptions options;
  options.mode = QuorumMode::kStrict;
  bench.sick = {bench.replica(1), bench.replica(2)};
  bench.write(options);
  REQUIRE(bench.sent.size() == 2);
  bench.answer(0, kStored);
  CHECK(bench.done.empty());
  bench.answer(1, kStored);
  CHECK(bench.done[1] == "NOQUORUM 1 of 3 replicas answered, 2 needed; the write may still take effect");
}

TEST_CASE("a request that runs out of time says so, with its numbers") {
  Bench bench;
  QuorumOptions options;
  options.write = {Level::kAll, 0};
  bench.write(options);
  bench.answer(0, kStored);
  bench.coordinator.tick(options.timeout_ms * 1000 - 1);
  CHECK(bench.done.empty());
  bench.coordinator.tick(options.timeout_ms * 1000);
  CHECK(bench.done[1] ==
        "NOQUORUM 2 of 3 replicas answered, 3 needed, in 1000 ms; the write may still take effect");
}

TEST_CASE("what cannot reach its quorum is known before it begins") {
  Bench bench;
  const Consistency quorum, all{Level::kAll, 0}, too_many{Level::kNumber, 9};
  const auto hopeless = [&](const Consistency& consistency, QuorumMode mode) {
    const auto failure = bench.coordinator.hopeless(0, consistency, mode, true);
    return failure ? failure->message() : "";
  };
  CHECK(hopeless(all, QuorumMode::kStrict).empty());
  CHECK(hopeless(too_many, QuorumMode::kSloppy) ==
        "NOQUORUM 3 of 3 replicas can be reached, 9 needed; nothing was done");
  bench.sick = {bench.replica(1), bench.replica(2)};
  CHECK(hopeless(quorum, QuorumMode::kStrict) ==
        "NOQUORUM 1 of 3 replicas can be reached, 2 needed; nothing was done");
  CHECK_MESSAGE(hopeless(all, QuorumMode::kSloppy).empty(), "two others can stand in");
  for (NodeIndex node = 0; node < 5; ++node) {
    if (!bench.placement->holds(0, node)) bench.sick.insert(node);
  }
  CHECK(hopeless(quorum, QuorumMode::kSloppy) ==
        "NOQUORUM 1 of 3 replicas can be reached, 2 needed; nothing was done");
}

TEST_CASE("a failure waits for those who were asked, so that its numbers are right") {
  Bench bench(3);
  QuorumOptions options;
  options.write = {Level::kAll, 0};
  bench.write(options);
  bench.coordinator.peer_lost(bench.sent[0].node);
  CHECK(bench.done.empty());
  bench.answer(1, kStored);
  CHECK(bench.done[1] == "NOQUORUM 2 of 3 replicas answered, 3 needed; the write may still take effect");
}

TEST_CASE("with nobody left to stand in, the coordinator keeps the hint and gives up at once") {
  Bench bench(3);
  bench.sick = {bench.replica(1), bench.replica(2)};
  bench.write();
  CHECK(bench.done[1] == "NOQUORUM 1 of 3 replicas answered, 2 needed; the write may still take effect");
  CHECK(bench.hints.size() == 2);
  CHECK(bench.coordinator.under_way() == 0);
}

TEST_CASE("a full queue is as good as no connection") {
  Bench bench(3);
  bench.full = {bench.replica(1)};
  bench.write();
  CHECK(bench.sent.size() == 1);
  CHECK(bench.hints[bench.replica(1)] == 1);
  bench.answer(0, kStored);
  CHECK(bench.done[1] == "ok");
}

TEST_CASE("a peer that is lost in the middle gets a hint; the write goes on without it") {
  Bench bench(3);
  bench.write();
  bench.coordinator.peer_lost(bench.sent[0].node);
  CHECK(bench.done.empty());
  CHECK(bench.hints[bench.sent[0].node] == 1);
  bench.answer(1, kStored);
  CHECK(bench.done[1] == "ok");
}

TEST_CASE("a gap is mended, and only then counts") {
  Bench bench(3);
  bench.write();
  bench.answer(0, gap_reply({0}));
  CHECK(bench.gaps == 1);
  CHECK(bench.seen == "seen");
  CHECK(bench.done.empty());
  REQUIRE(bench.sent.size() == 3);
  CHECK(bench.sent[2].node == bench.sent[0].node);
  SUBCASE("stored") {
    bench.answer(2, kStored);
    CHECK(bench.done[1] == "ok");
    bench.answer(1, kStored);
    CHECK(bench.coordinator.under_way() == 0);
    CHECK(bench.hints.empty());
  }
  SUBCASE("the peer wants more, and gets it") {
    bench.answer(2, gap_reply({0}, "more", "7"));
    CHECK(bench.done.empty());
    CHECK(bench.seen == "more");
    CHECK(bench.listed == "7");
    REQUIRE(bench.sent.size() == 4);
    bench.answer(3, kStored);
    CHECK(bench.done[1] == "ok");
  }
  SUBCASE("it never has enough") {
    for (size_t i = 2; i < bench.sent.size(); ++i) bench.answer(i, gap_reply({0}));
    CHECK(bench.sent.size() < 12);
    CHECK(bench.hints == std::map<NodeIndex, int>{{bench.sent[0].node, 1}});
    bench.answer(1, kStored);
    CHECK(bench.done[1] == "ok");
    CHECK(bench.coordinator.under_way() == 0);
  }
  SUBCASE("it refuses, is lost, or says nothing in time") {
    SUBCASE("refuses") {
      bench.answer(2, text_reply(ReplyResult::kRefused, "why"));
    }
    SUBCASE("lost") {
      bench.coordinator.peer_lost(bench.sent[2].node);
    }
    SUBCASE("late") {
      bench.coordinator.tick(1'000'000);
    }
    CHECK(bench.hints.contains(bench.sent[0].node));
    bench.answer(2, kStored);  // Too late, and nobody's any more.
    bench.answer(1, kStored);
    CHECK(bench.coordinator.under_way() == 0);
  }
}

TEST_CASE("one repair of a record at a peer, for all the writes that wait for it") {
  Bench bench(3);
  bench.mends = false;
  for (uint64_t token : {1, 2}) bench.write({}, token);
  // In pairs: what was sent to the one and to the other.
  const NodeIndex peer = bench.sent[0].node;
  REQUIRE(bench.sent[2].node == peer);
  bench.answer(0, gap_reply({0}));
  bench.answer(2, gap_reply({0}));
  CHECK(bench.gaps == 1);
  bench.mend("k", "first");
  REQUIRE(bench.sent.size() == 5);
  // Made when the first difference had left.
  for (uint64_t token : {3, 4}) bench.write({}, token);
  REQUIRE(bench.sent.size() == 9);
  bench.answer(5, gap_reply({0}));
  bench.answer(7, gap_reply({0}));
  CHECK(bench.gaps == 1);
  CHECK(bench.done.empty());
  bench.answer(4, kStored);
  CHECK(bench.done == std::map<uint64_t, std::string>{{1, "ok"}, {2, "ok"}});
  CHECK(bench.gaps == 2);
  CHECK_MESSAGE(bench.seen == "first", "what it has seen is what it was sent");
  bench.mend("k", "second");
  REQUIRE(bench.sent.size() == 10);
  bench.answer(9, kStored);
  CHECK(bench.done.size() == 4);
  CHECK(bench.gaps == 2);
  for (const size_t other : {1, 3, 6, 8}) bench.answer(other, kStored);
  CHECK(bench.coordinator.under_way() == 0);
}

TEST_CASE("another peer, another key: repairs of their own; what has gone needs none") {
  Bench bench(3);
  bench.mends = false;
  QuorumOptions all;
  all.write = {Level::kAll, 0};
  bench.write(all);
  bench.answer(0, gap_reply({0}));
  const uint64_t first = bench.repair;
  bench.answer(1, gap_reply({0}));
  CHECK(bench.gaps == 2);
  CHECK(bench.repair != first);
  bench.coordinator.mend(first, {}, {});
  CHECK(bench.done.empty());
  bench.coordinator.mend(bench.repair, {}, {});
  CHECK(bench.done[1] == "ok");
  CHECK(bench.coordinator.under_way() == 0);
}

// Repair does: each record that was stored brings the next one on its way.
TEST_CASE("who is told of an end may begin anew, as often as it likes") {
  Bench bench(3);
  constexpr uint64_t kMany = 2000;  // More than any table has room for without moving what it holds.
  std::string changes;
  append_change({0, ChangeForm::kRecord, "k", "record"}, &changes);
  const NodeIndex nodes[] = {bench.replica(1), bench.replica(2)};
  uint64_t next = 100;
  bench.on_done = [&](uint64_t token) {
    if (token < 10) bench.coordinator.begin_push(nodes, changes, 1000, 0, next++);
    while (token == 1 && next < kMany) bench.coordinator.begin_push(nodes, changes, 1000, 0, next++);
  };
  for (const int i : {1, 2, 3}) REQUIRE(bench.join(i));
  bench.coordinator.flush(0);
  SUBCASE("an answer") {
    bench.answer(0, kStored);
  }
  SUBCASE("its time is up") {
    bench.coordinator.tick(2'000'000);
  }
  SUBCASE("a node is lost, for all that was sent to it") {
    bench.coordinator.peer_lost(bench.replica(1));
    bench.coordinator.peer_lost(bench.replica(2));
  }
  for (const uint64_t token : {1, 2, 3}) CHECK(bench.done.contains(token));
  CHECK(next >= kMany);
}

TEST_CASE("a read asks as many as it needs and hands on what they know") {
  Bench bench;
  bench.read();
  REQUIRE(bench.sent.size() == 1);
  bench.answer(0, Bench::version("context"));
  CHECK(bench.done[1] == "ok");
  const auto* versions = bench.coordinator.versions(1);
  REQUIRE(versions != nullptr);
  REQUIRE((*versions)[0].size() == 1);
  CHECK((*versions)[0][0].context == "context");
  bench.coordinator.forget_read(1);
  CHECK(bench.coordinator.versions(1) == nullptr);
}

TEST_CASE("a read with R = 1 asks nobody") {
  Bench bench;
  QuorumOptions options;
  options.read = {Level::kNumber, 1};
  bench.read(options);
  CHECK(bench.sent.empty());
  CHECK(bench.done[1] == "ok");
}

TEST_CASE("a read turns to another replica when one is lost, or slow") {
  Bench bench;
  bench.read();
  SUBCASE("lost") {
    bench.coordinator.peer_lost(bench.sent[0].node);
  }
  SUBCASE("slow") {
    bench.coordinator.tick(50'000);
  }
  REQUIRE(bench.sent.size() == 2);
  bench.answer(1, Bench::version(""));
  CHECK(bench.done[1] == "ok");
}

TEST_CASE("a survey has what those answered who could") {
  Bench bench;
  std::string keys, answer = begin_reply(ReplyResult::kOk);
  append_key({0, "k"}, &keys);
  engine::append_string("context", &answer);
  bench.coordinator.begin_survey(0, keys, 100, 0, 1);
  REQUIRE(bench.sent.size() == 2);
  bench.answer(0, answer);
  CHECK(bench.done.empty());
  SUBCASE("one is lost") {
    bench.coordinator.peer_lost(bench.sent[1].node);
  }
  SUBCASE("one is late") {
    bench.coordinator.tick(101'000);
  }
  REQUIRE(bench.done.contains(1));
  const auto* versions = bench.coordinator.versions(1);
  REQUIRE(versions != nullptr);
  REQUIRE(versions->front().size() == 1);
  CHECK(versions->front()[0].context == "context");
  CHECK(versions->front()[0].node == bench.sent[0].node);
  bench.coordinator.forget_read(1);
  bench.sick = {bench.replica(1), bench.replica(2)};
  bench.coordinator.begin_survey(0, keys, 100, 0, 2);
  REQUIRE(bench.done.contains(2));
  CHECK(bench.coordinator.versions(2)->front().empty());
}

TEST_CASE("strict reads take no stand-in's word") {
  Bench bench;
  QuorumOptions options;
  options.mode = QuorumMode::kStrict;
  bench.sick = {bench.replica(1), bench.replica(2)};
  bench.read(options);
  CHECK(bench.sent.empty());
  CHECK(bench.done[1] == "NOQUORUM 1 of 3 replicas answered, 2 needed");
}

TEST_CASE("sloppy reads do") {
  Bench bench;
  bench.sick = {bench.replica(1), bench.replica(2)};
  bench.read();
  REQUIRE(bench.sent.size() == 1);
  bench.answer(0, Bench::version(""));
  CHECK(bench.done[1] == "ok");
}

TEST_CASE("malformed, late and foreign answers change nothing") {
  Bench bench;
  bench.read();
  bench.coordinator.receive(bench.sent[0].node, FrameKind::kVersionReply, 999, Bench::version("x"));
  bench.coordinator.receive(bench.sent[0].node, FrameKind::kWriteReply, bench.sent[0].id, kStored);
  bench.coordinator.receive(bench.placement->self, FrameKind::kVersionReply, bench.sent[0].id,
                            Bench::version("x"));
  CHECK(bench.done.empty());
  bench.answer(0, "");
  CHECK_MESSAGE(bench.sent.size() == 2, "a malformed answer is none: the next replica is asked");
}

TEST_CASE("a stale epoch is no acknowledgement") {
  Bench bench(3);
  bench.write();
  bench.answer(0, stale_epoch_reply(9));
  bench.answer(1, stale_epoch_reply(5));
  CHECK_MESSAGE(bench.done.empty(), "it is asked again under the topology that is to come");
  CHECK(bench.newer_at.size() == 2);
  bench.coordinator.tick(1'000'000);
  CHECK(bench.done[1] ==
        "NOQUORUM 1 of 3 replicas answered, 2 needed, in 1000 ms; the write may still take effect");
}

TEST_CASE("a fetch hands over the record, or nothing") {
  Bench bench;
  bench.coordinator.begin_fetch(bench.replica(1), {0, "k"}, 0, 100, 4);
  REQUIRE(bench.sent.size() == 1);
  SUBCASE("there") {
    bench.answer(0, Bench::version("record"));
    CHECK(bench.done[4] == "record");
  }
  SUBCASE("lost") {
    bench.coordinator.peer_lost(bench.replica(1));
    CHECK(bench.done.at(4).empty());
  }
  SUBCASE("too late") {
    bench.coordinator.tick(100'000);
    CHECK(bench.done.at(4).empty());
  }
  CHECK(bench.coordinator.under_way() == 0);
}

TEST_CASE("a push goes to the nodes named and needs all of them") {
  Bench bench;
  std::string changes;
  append_change({0, ChangeForm::kRecord, "k", "record"}, &changes);
  const NodeIndex nodes[] = {bench.replica(1), bench.replica(2)};
  bench.coordinator.begin_push(nodes, changes, 1000, 0, 3);
  REQUIRE(bench.sent.size() == 2);
  bench.answer(0, kStored);
  CHECK(bench.done.empty());
  bench.answer(1, kStored);
  CHECK(bench.done[3] == "ok");
  CHECK(bench.hints.empty());
}

TEST_CASE(
    "a write that a greater stamp hides is told of before it is done, and counts once it was made anew") {
  Bench b;
  b.write();
  std::string overruled = begin_reply(ReplyResult::kOverruled);
  append_key({0, "k"}, &overruled);
  engine::append_varint(99, &overruled);
  b.answer(0, overruled);
  REQUIRE(b.hidden.size() == 1);
  CHECK(b.hidden[0].tokens == std::vector<uint64_t>{1});
  CHECK(b.hidden[0].keys == std::vector<std::string>{"k"});
  CHECK(b.hidden[0].stamp == 99);
  // The first attempt is stored by as many as needed; whoever was told waits for the second one.
  CHECK(b.done[1] == "ok");
  b.done.clear();
  const size_t sent = b.sent.size();
  std::string changes;
  append_change({0, ChangeForm::kRecord, "k", "anew"}, &changes);
  const uint64_t tokens[] = {1, 2};
  b.coordinator.write_again(0, changes, {}, 500'000, 0, tokens);
  REQUIRE(b.sent.size() == sent + 2);
  CHECK(b.done.empty());
  b.answer(sent, kStored);
  CHECK(b.done[1] == "ok");
  CHECK(b.done[2] == "ok");
  // What others tell of it later changes nothing.
  b.answer(1, overruled);
  CHECK(b.hidden.size() == 1);
}

TEST_CASE("made anew, a write ends in the time that it began in") {
  Bench b;
  std::string changes;
  append_change({0, ChangeForm::kRecord, "k", "anew"}, &changes);
  const uint64_t tokens[] = {1};
  b.coordinator.write_again(0, changes, {}, 900'000, 0, tokens);
  b.coordinator.tick(999'999);
  CHECK(b.done.empty());
  b.coordinator.tick(1'000'000);
  CHECK(b.done[1].starts_with("NOQUORUM"));
}

TEST_CASE("of a batch, what is hidden is named, the last change of a key for all of them") {
  Bench b;
  REQUIRE(b.join(1));
  REQUIRE(b.join(2));
  REQUIRE(b.join(2));
  b.coordinator.flush(0);
  std::string overruled = begin_reply(ReplyResult::kOverruled);
  append_key({0, "k2"}, &overruled);
  engine::append_varint(7, &overruled);
  append_key({0, "strange"}, &overruled);
  engine::append_varint(8, &overruled);
  b.answer(0, overruled);
  REQUIRE(b.hidden.size() == 1);
  CHECK(b.hidden[0].keys == std::vector<std::string>{"k2"});
  CHECK(b.hidden[0].stamp == 7);
}

}  // namespace starling::cluster
