// Changes that replicas are asked to agree to.
#include <doctest/doctest.h>

#include "tests/unit/cluster/coordinator_bench.h"

namespace starling::cluster {
namespace {

const std::string kConflict = begin_reply(ReplyResult::kConflict);
const std::string kFull = text_reply(ReplyResult::kUnavailable, "full");

QuorumOptions strict(Level level = Level::kQuorum) {
  QuorumOptions options;
  options.read = {level, 0};
  options.write = {level, 0};
  options.mode = QuorumMode::kStrict;
  return options;
}

void begin(Bench& b, const QuorumOptions& options = strict()) {
  std::string changes;
  const std::string body = condition_body({"base", "after", "record"});
  append_change({0, ChangeForm::kIf, "k", body}, &changes);
  b.coordinator.begin_attempt(0, changes, options, 0, 0, 1);
}

}  // namespace

TEST_CASE("an attempt is agreed when W have it, this node counted though it stores nothing before") {
  Bench b(3);
  begin(b);
  CHECK(b.sent.size() == 2);
  CHECK(b.done.empty());
  CHECK(b.coordinator.writing(0));
  b.answer(0, kStored);
  CHECK(b.done[1] == "agreed");
  CHECK(b.hints.empty());
  b.answer(1, kStored);
  CHECK(b.coordinator.under_way() == 0);
  CHECK_FALSE(b.coordinator.writing(0));
}

TEST_CASE("refused by all, it is nowhere; refused by one, the others decide") {
  Bench refused(3);
  begin(refused);
  refused.answer(0, kConflict);
  CHECK(refused.done.empty());
  refused.answer(1, kConflict);
  CHECK(refused.done[1] == "refused");
  CHECK(refused.hints.empty());

  Bench b(3);
  begin(b);
  b.answer(0, kConflict);
  b.answer(1, kStored);
  CHECK(b.done[1] == "agreed");
  // Who refused it gets it all the same, beside what it holds.
  CHECK(b.hints[b.sent[0].node] == 1);
}

TEST_CASE("who refuses it later, or is lost, gets a hint") {
  Bench b(3);
  begin(b);
  b.answer(0, kStored);
  b.answer(1, kConflict);
  CHECK(b.hints[b.sent[1].node] == 1);

  Bench lost(3);
  begin(lost);
  lost.answer(0, kStored);
  lost.coordinator.peer_lost(lost.sent[1].node);
  CHECK(lost.hints[lost.sent[1].node] == 1);

  Bench late(3);
  begin(late);
  late.answer(0, kStored);
  late.coordinator.tick(1'000'000);
  CHECK(late.hints[late.sent[1].node] == 1);
  CHECK(late.coordinator.under_way() == 0);
}

TEST_CASE("a replica that cannot be asked gets a hint once it is agreed, and nobody stands in") {
  Bench b(5);
  b.sick.insert(b.replica(2));
  begin(b);
  REQUIRE(b.sent.size() == 1);
  CHECK(b.hints.empty());
  b.answer(0, kStored);
  CHECK(b.done[1] == "agreed");
  CHECK(b.hints[b.replica(2)] == 1);
}

TEST_CASE("what a lost or silent replica may have taken is not known") {
  Bench lost(3);
  begin(lost);
  lost.answer(0, kConflict);
  lost.coordinator.peer_lost(lost.sent[1].node);
  CHECK(lost.done[1].starts_with("unknown: NOQUORUM 1 of 3"));
  CHECK(lost.done[1].ends_with("may still take effect"));

  Bench silent(3);
  begin(silent);
  silent.answer(0, kConflict);
  silent.coordinator.tick(1'000'000);
  CHECK(silent.done[1].starts_with("unknown: "));
  CHECK(silent.coordinator.under_way() == 0);
}

TEST_CASE("where one has taken it and too few follow, it is not known either") {
  Bench b(5, 5);
  begin(b);
  REQUIRE(b.sent.size() == 4);
  b.answer(0, kStored);
  for (size_t i = 1; i < 4; ++i) b.answer(i, kConflict);
  CHECK(b.done[1].starts_with("unknown: "));
  CHECK(b.hints.empty());
}

TEST_CASE("a replica whose log fails may have it all the same") {
  Bench b(3);
  begin(b);
  b.answer(0, kFull);
  b.answer(1, kConflict);
  CHECK(b.done[1].starts_with("unknown: NOQUORUM 1 of 3"));
  CHECK(b.done[1].ends_with("may still take effect"));
}

TEST_CASE("replicas of a later topology have done nothing, and that is why it failed") {
  Bench b(3);
  begin(b);
  b.answer(0, stale_epoch_reply(2));
  b.answer(1, stale_epoch_reply(2));
  CHECK_MESSAGE(b.done.empty(), "they are asked again under the topology that is to come");
  b.coordinator.tick(1'000'000);
  CHECK(b.done[1].starts_with("refused: NOQUORUM 1 of 3"));
  CHECK(b.done[1].ends_with("nothing was done"));
}

TEST_CASE("a strict read tells of the answerers' clocks, a sloppy one does not") {
  Bench b;
  b.read(strict());
  std::string answer = Bench::version("ctx");
  engine::append_varint(77, &answer);
  b.answer(0, answer);
  CHECK(b.peer_stamps == std::vector<engine::Stamp>{77});
  b.read({}, 2);
  b.answer(1, answer);
  CHECK(b.peer_stamps.size() == 1);
  CHECK(b.done[2] == "ok");
}

}  // namespace starling::cluster
