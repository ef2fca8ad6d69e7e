#include "cluster/repair/anti_entropy.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <optional>

#include "engine/base/seeded_random.h"
#include "engine/record/record_codec.h"

namespace starling::cluster {
namespace {

using engine::VersionVector;
using Kind = Exchange::Action::Kind;

uint64_t seed_of_run() {
  const char* given = std::getenv("STARLING_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 20261120;
  MESSAGE("STARLING_SEED=" << seed);
  return seed;
}

std::string encoded(const VersionVector& context) {
  std::string bytes;
  engine::encode_context(context, &bytes);
  return bytes;
}

// One replica: contexts stand for records, and joining them for merging.
struct Side {
  using Name = std::pair<int, std::string>;
  std::map<uint16_t, std::map<Name, VersionVector>> partitions;
  std::vector<uint32_t> changes = std::vector<uint32_t>(engine::kPartitionCount);
  VersionIndex index;

  void write(const Name& name, const VersionVector& context) {
    const uint16_t partition = engine::partition_of(name.second);
    partitions[partition][name].join(context);
    ++changes[partition];
  }
  void bring(const Name& name, Side* to) const {
    const uint16_t partition = engine::partition_of(name.second);
    to->write(name, partitions.at(partition).at(name));
  }
  void observe() {
    for (uint32_t i = 0; i < engine::kPartitionCount; ++i)
      index.observe(static_cast<uint16_t>(i), changes[i]);
  }
  void compute() {
    compute_again();
    index.begin_comparison();
  }
  // In the middle of a comparison.
  void compute_again() {
    observe();
    for (const uint16_t partition : index.in_doubt(PartitionSet().set())) {
      engine::VersionTally tally;
      for (const auto& [name, context] : partitions[partition])
        tally.sum += engine::version_hash(name.first, name.second, encoded(context));
      index.set(partition, tally, changes[partition]);
    }
  }
  // As engine::scan_versions() would, up to `limit` keys; sets *until.
  std::vector<VersionEntry> list(uint16_t partition, Position from, Position* until, size_t limit) const {
    std::vector<VersionEntry> entries;
    if (const auto found = partitions.find(partition); found != partitions.end()) {
      for (const auto& [name, context] : found->second)
        entries.push_back({name.first, name.second, encoded(context)});
    }
    std::sort(entries.begin(), entries.end(),
              [](const auto& a, const auto& b) { return a.position() < b.position(); });
    std::erase_if(entries, [&](const auto& e) { return e.position() < from || e.position() >= *until; });
    if (entries.size() > limit) {
      *until = entries[limit].position();
      entries.resize(limit);
    }
    return entries;
  }
};

// The shell of both: answers, scans and brings records at once.
struct Pair {
  Side asker, answerer;
  ExchangeFigures figures;
  std::vector<uint16_t> unfounded;
  size_t scan_limit = 256;
  size_t brought = 0;
  int interrupt_after = -1;  // Messages sent.
  std::string lost;          // The name of what does not arrive, either way.
  PartitionSet equal, complete;

  std::string answer(const std::string& payload) {
    Epoch epoch;
    TreeKind kind;
    REQUIRE(peek_tree(payload, &epoch, &kind));
    if (kind == TreeKind::kSums) {
      SumsRequest request;
      REQUIRE(decode_sums(payload, &request));
      return encode_sums_reply(answer_sums(request, answerer.index));
    }
    ListRequest request;
    REQUIRE(decode_list(payload, &request));
    ListReply reply;
    reply.reached = request.until;
    std::vector<VersionEntry> mine =
        answerer.list(request.partition, request.from, &reply.reached, scan_limit);
    std::erase_if(request.entries, [&](const auto& e) { return e.position() >= reply.reached; });
    Comparison comparison;
    REQUIRE(compare_lists(request.entries, request.settled, mine, 0, &comparison));
    reply.differences = comparison.differences;
    reply.wanted = comparison.wanted;
    for (const auto& name : comparison.push) {
      if (name.second == lost) {
        ++reply.failed;
      } else {
        answerer.bring(name, &asker);
      }
    }
    brought += comparison.push.size() + comparison.wanted.size();
    return encode_list_reply(reply);
  }

  // False: interrupted.
  bool run() {
    asker.compute();
    answerer.compute();
    return exchange();
  }
  bool exchange() {
    Exchange exchange(1, false, PartitionSet().set());
    Exchange::Action action = exchange.start(asker.index);
    for (int sent = 0;;) {
      if (action.kind == Kind::kSend) {
        if (sent++ == interrupt_after) return false;
        action = exchange.receive(answer(action.message), asker.index);
      } else if (action.kind == Kind::kList) {
        Position until = kEndPosition;
        auto entries = asker.list(action.partition, action.from, &until, scan_limit);
        action = exchange.listed(std::move(entries), until, 0);
      } else if (action.kind == Kind::kPush) {
        uint64_t failed = 0;
        for (const auto& name : action.keys) {
          if (name.second == lost) {
            ++failed;
          } else {
            asker.bring(name, &answerer);
          }
        }
        action = exchange.pushed(failed);
      } else {
        CHECK_MESSAGE(action.kind == Kind::kDone, action.reason);
        figures = exchange.figures();
        unfounded = exchange.unfounded();
        equal = exchange.equal();
        complete = exchange.brought();
        return true;
      }
    }
  }

  bool same() const {
    const auto records = [](const Side& side) {
      std::map<Side::Name, VersionVector> all;
      for (const auto& [partition, names] : side.partitions) all.insert(names.begin(), names.end());
      return all;
    };
    return records(asker) == records(answerer);
  }
};

void fill(Pair* pair, int keys) {
  for (int i = 0; i < keys; ++i) {
    const Side::Name name{i % 3, "key:" + std::to_string(i)};
    const VersionVector context{{static_cast<engine::Stamp>(i + 1), 5}};
    pair->asker.write(name, context);
    pair->answerer.write(name, context);
  }
}

TEST_CASE("anti-entropy: equal sides exchange sums of groups and nothing else") {
  Pair pair;
  fill(&pair, 20000);
  REQUIRE(pair.run());
  CHECK(pair.figures.messages == 2);
  CHECK(pair.figures.bytes < 3200);
  CHECK(pair.figures.differences == 0);
  CHECK(pair.brought == 0);
}

TEST_CASE("anti-entropy: two sides with random differences hold the same afterwards") {
  const uint64_t seed = seed_of_run();
  for (uint64_t round = 0; round < 30; ++round) {
    CAPTURE(round);
    engine::SeededRandom random(seed + round);
    Pair pair;
    pair.scan_limit = 1 + random.below(20);
    fill(&pair, 500);
    const bool crowded = random.below(2) == 0;  // In few partitions: lists of many stretches.
    const uint64_t count = random.below(400);
    for (uint64_t i = 0; i < count; ++i) {
      const std::string tag = crowded ? "{t" + std::to_string(random.below(2)) + "}" : "";
      const Side::Name name{static_cast<int>(random.below(16)),
                            tag + "key:" + std::to_string(random.below(600))};
      const engine::Dot dot{1000 + random.below(50), 5 + random.below(3)};
      if (random.below(3) != 0) pair.asker.write(name, {dot});
      if (random.below(3) != 0) pair.answerer.write(name, {dot});
    }
    const bool different = !pair.same();
    REQUIRE(pair.run());
    REQUIRE(pair.same());
    CHECK((pair.figures.differences != 0) == different);
    REQUIRE(pair.run());
    CHECK(pair.figures.messages == 2);
  }
}

TEST_CASE("anti-entropy: each kind of difference moves what it must, in the right direction") {
  Pair pair;
  pair.asker.write({0, "only at the asker"}, {{1, 5}});
  pair.answerer.write({0, "only at the answerer"}, {{2, 5}});
  pair.asker.write({3, "newer at the asker"}, {{4, 5}});
  pair.answerer.write({3, "newer at the asker"}, {{3, 5}});
  pair.asker.write({3, "newer at the answerer"}, {{3, 5}});
  pair.answerer.write({3, "newer at the answerer"}, {{3, 5}, {9, 6}});
  pair.asker.write({15, "concurrent"}, {{7, 5}});
  pair.answerer.write({15, "concurrent"}, {{7, 6}});
  REQUIRE(pair.run());
  CHECK(pair.same());
  CHECK(pair.figures.differences == 5);
  CHECK(pair.brought == 6);  // The concurrent one both ways.
}

TEST_CASE("anti-entropy: a partition is brought when all that the asker lacked has arrived") {
  Pair pair;
  pair.scan_limit = 2;
  const std::string theirs = "{answerer's}", mine = "{asker's}";
  for (int i = 0; i < 9; ++i) {
    pair.answerer.write({0, theirs + std::to_string(i)}, {{1, 5}});
    pair.asker.write({0, mine + std::to_string(i)}, {{1, 5}});
  }
  const uint16_t of_answerer = engine::partition_of(theirs), of_asker = engine::partition_of(mine);
  const auto run = [&] {
    REQUIRE(pair.run());
    CHECK(pair.figures.failed == (pair.lost.empty() ? 0 : 1));
    CHECK((pair.equal | pair.complete).count() >= engine::kPartitionCount - 1);
  };
  SUBCASE("one of several stretches has not") {
    pair.lost = theirs + "4";
    run();
    CHECK_FALSE(pair.complete[of_answerer]);
    CHECK_FALSE(pair.equal[of_answerer]);
    CHECK(pair.complete[of_asker]);
  }
  SUBCASE("what the answerer lacks does not matter") {
    pair.lost = mine + "4";
    run();
  }
  pair.lost.clear();
  run();
  CHECK((pair.equal | pair.complete).all());
  CHECK(pair.same());
}

TEST_CASE("anti-entropy: the cost is in proportion to the difference") {
  uint64_t bytes[2];
  for (const int keys : {20000, 80000}) {
    Pair pair;
    fill(&pair, keys);
    for (int i = 0; i < 10; ++i) pair.asker.write({0, "new:" + std::to_string(i)}, {{1, 9}});
    REQUIRE(pair.run());
    CHECK(pair.same());
    CHECK(pair.figures.differences == 10);
    CHECK(pair.figures.partitions <= 10);
    bytes[keys == 80000] = pair.figures.bytes;
  }
  MESSAGE("10 differences: " << bytes[0] << " bytes among 20000 keys, " << bytes[1] << " among 80000");
  CHECK(bytes[0] < 20000);
  CHECK(bytes[1] < 20000);
}

TEST_CASE("anti-entropy: an interrupted exchange goes on where it stopped") {
  Pair pair;
  fill(&pair, 1000);
  for (int i = 0; i < 50; ++i) pair.answerer.write({0, "new:" + std::to_string(i)}, {{1, 9}});
  size_t moved = 0;
  for (int round = 0; round < 100; ++round) {
    pair.interrupt_after = 6;
    if (pair.run()) break;
    CHECK(pair.brought > moved);  // Every attempt makes progress.
    moved = pair.brought;
  }
  CHECK(pair.same());
  CHECK(pair.brought == 50);  // Nothing twice.
}

TEST_CASE("anti-entropy: a refusal, or an answer that makes no sense, ends the exchange") {
  Pair pair;
  fill(&pair, 100);
  pair.asker.write({0, "new"}, {{1, 9}});
  pair.asker.compute();
  pair.answerer.compute();
  const auto outcome_of = [&](const std::string& answer) {
    Exchange exchange(1, false, PartitionSet().set());
    (void)exchange.start(pair.asker.index);
    return exchange.receive(answer, pair.asker.index);
  };
  CHECK(outcome_of("").kind == Kind::kFailed);
  CHECK(outcome_of("x").kind == Kind::kFailed);
  CHECK(outcome_of(stale_epoch_reply(9)).kind == Kind::kFailed);
  CHECK(outcome_of(text_reply(ReplyResult::kUnavailable, "busy")).reason == "busy");
  CHECK(outcome_of(encode_list_reply({})).kind == Kind::kFailed);
  CHECK(outcome_of(encode_sums_reply({})).kind == Kind::kDone);

  // Of a list: another stretch, another partition, no progress.
  const auto list_outcome_of = [&](const ListReply& reply) {
    Exchange exchange(1, false, PartitionSet().set());
    Exchange::Action action = exchange.start(pair.asker.index);
    action = exchange.receive(pair.answer(action.message), pair.asker.index);
    REQUIRE(action.kind == Kind::kList);
    CHECK(action.partition == engine::partition_of("new"));
    action = exchange.listed({}, 1000, 0);
    REQUIRE(action.kind == Kind::kSend);
    return exchange.receive(encode_list_reply(reply), pair.asker.index).kind;
  };
  CHECK(list_outcome_of({0, 0, 1000, {}}) == Kind::kList);
  CHECK(list_outcome_of({0, 0, 0, {}}) == Kind::kFailed);
  CHECK(list_outcome_of({0, 0, 1001, {}}) == Kind::kFailed);
  CHECK(list_outcome_of({0, 0, 1000, {{0, "new"}}}) == Kind::kPush);
  CHECK(list_outcome_of({0, 0, 1000, {{0, "of another partition"}}}) == Kind::kFailed);

  Exchange exchange(1, false, PartitionSet().set());
  CHECK(exchange.receive(encode_sums_reply({}), pair.asker.index).kind == Kind::kFailed);
}

TEST_CASE("anti-entropy: what changes while it is compared waits for its turn, unless it is urgent") {
  Pair pair;
  fill(&pair, 100);
  pair.asker.write({0, "new"}, {{1, 9}});
  const uint16_t partition = engine::partition_of("new");
  for (uint32_t i = 0; i <= partition % VersionIndex::kTurns; ++i) pair.asker.index.begin_round();
  pair.asker.compute();
  pair.answerer.compute();
  const auto outcome = [&](bool urgent) {
    Exchange exchange(1, urgent, PartitionSet().set());
    const Exchange::Action action = exchange.start(pair.asker.index);
    pair.asker.write({0, "new"}, {{2, 9}});
    pair.asker.compute_again();
    const Kind kind = exchange.receive(pair.answer(action.message), pair.asker.index).kind;
    CHECK_FALSE(exchange.equal()[partition]);
    CHECK(exchange.equal().count() == engine::kPartitionCount - 1);
    return kind;
  };
  CHECK(outcome(false) == Kind::kDone);
  CHECK(outcome(true) == Kind::kList);
  for (uint32_t i = 1; i < VersionIndex::kTurns; ++i) pair.asker.index.begin_round();
  CHECK(outcome(false) == Kind::kList);
}

TEST_CASE("anti-entropy: what one of them has no sum of counts neither as equal nor as different") {
  Pair pair;
  fill(&pair, 100);
  pair.asker.write({0, "one"}, {{1, 9}});
  pair.asker.write({0, "other"}, {{1, 9}});
  pair.asker.compute();
  pair.answerer.compute();
  const uint16_t one = engine::partition_of("one"), other = engine::partition_of("other");
  pair.asker.index.forget(one);
  pair.answerer.index.forget(other);
  Exchange exchange(1, false, PartitionSet().set());
  const Exchange::Action action = exchange.start(pair.asker.index);
  CHECK(exchange.receive(pair.answer(action.message), pair.asker.index).kind == Kind::kDone);
  CHECK(exchange.equal() == PartitionSet().set().reset(one).reset(other));
  CHECK(exchange.figures().partitions == 0);
}

TEST_CASE("anti-entropy: sums that differ though no version does are told of") {
  Pair pair;
  fill(&pair, 100);
  pair.asker.write({0, "new"}, {{1, 9}});
  pair.asker.compute();
  pair.answerer.compute();
  const uint16_t wrong = engine::partition_of("key:7");
  engine::VersionTally tally;
  tally.sum = 1;
  pair.asker.index.set(wrong, tally, pair.asker.changes[wrong]);
  REQUIRE(pair.exchange());
  CHECK(pair.unfounded == std::vector<uint16_t>{wrong});
  CHECK(pair.figures.differences == 1);
}

TEST_CASE("anti-entropy: a list keeps within its bounds and never parts what shares a position") {
  std::vector<VersionEntry> entries;
  for (int i = 0; i < 600; ++i) entries.push_back({0, "k" + std::to_string(i), "c"});
  std::vector<VersionEntry> cut = entries;
  const Position until = fit_list(&cut, kEndPosition);
  CHECK(cut.size() == kMaxListEntries / 2);
  for (const VersionEntry& entry : cut) CHECK(entry.position() < until);
  for (const VersionEntry& entry : entries)
    CHECK((entry.position() < until) == (std::count(cut.begin(), cut.end(), entry) == 1));

  std::vector<VersionEntry> large{{0, std::string(kMaxListBytes, 'a'), "c"}, {1, "b", "c"}};
  CHECK(fit_list(&large, kEndPosition) == engine::version_position(1, "b"));
  CHECK(large.size() == 1);
  std::vector<VersionEntry> none;
  CHECK(fit_list(&none, 77) == 77);
}

TEST_CASE("tree messages: come back as they were, and nothing else is accepted") {
  SumsRequest sums;
  sums.epoch = 300;
  sums.urgent = true;
  sums.included.set(0).set(9).set(16383);
  sums.sums[0] = 1;
  sums.sums[127] = ~uint64_t{0};
  const std::string sums_bytes = encode_sums(sums);
  ListRequest list{7, engine::partition_of("{a}1"), 0, kEndPosition, {{3, "{a}1", "context"}}};
  const std::string list_bytes = encode_list(list);

  SumsRequest sums_again;
  REQUIRE(decode_sums(sums_bytes, &sums_again));
  CHECK(encode_sums(sums_again) == sums_bytes);
  CHECK(sums_again.included == sums.included);
  ListRequest list_again;
  REQUIRE(decode_list(list_bytes, &list_again));
  CHECK(list_again.entries == list.entries);
  Epoch epoch;
  TreeKind kind;
  REQUIRE(peek_tree(list_bytes, &epoch, &kind));
  CHECK(epoch == 7);
  CHECK(kind == TreeKind::kList);

  // Cut anywhere, or with something behind.
  for (size_t size = 0; size < sums_bytes.size(); ++size) {
    SumsRequest cut;
    CHECK_FALSE(decode_sums(sums_bytes.substr(0, size), &cut));
  }
  CHECK_FALSE(decode_sums(sums_bytes + "x", &sums_again));
  // Cutting off the whole entry leaves a shorter list.
  const size_t entry_start = list_bytes.size() - (1 + 5 + 8);
  for (size_t size = 0; size < list_bytes.size(); ++size) {
    ListRequest cut;
    CHECK(decode_list(list_bytes.substr(0, size), &cut) == (size == entry_start));
  }
  const auto accepts = [](const ListRequest& request) {
    ListRequest again;
    return decode_list(encode_list(request), &again);
  };
  CHECK(accepts({1, 0, 0, kEndPosition, {}}));
  CHECK_FALSE(accepts({1, 16384, 0, kEndPosition, {}}));
  CHECK_FALSE(accepts({1, 0, 5, 5, {}}));
  CHECK_FALSE(accepts({1, 0, 0, uint64_t{1} << 60, {}}));
  CHECK_FALSE(accepts({1, static_cast<uint16_t>(list.partition + 1), 0, kEndPosition, list.entries}));
  CHECK_FALSE(accepts({1, list.partition, 0, 10, list.entries}));
  CHECK_FALSE(accepts({1, list.partition, 0, kEndPosition, {{16, "{a}1", "c"}}}));
  const std::vector<VersionEntry> unordered{{1, "{a}1", "c"}, {0, "{a}1", "c"}};
  CHECK_FALSE(accepts({1, list.partition, 0, kEndPosition, unordered}));
  const std::vector<VersionEntry> many(kMaxListEntries + 1, list.entries.front());
  CHECK_FALSE(accepts({1, list.partition, 0, kEndPosition, many}));

  Comparison comparison;
  CHECK_FALSE(compare_lists(list.entries, 0, {}, 0, &comparison));  // "context" is none.

  SumsReply doubtful;
  doubtful.in_doubt = {5, 300, 16383};
  SumsReply read;
  REQUIRE(decode_sums_reply(std::string_view(encode_sums_reply(doubtful)).substr(1), &read));
  CHECK(read.in_doubt == doubtful.in_doubt);
  for (const std::vector<uint16_t>& wrong : {std::vector<uint16_t>{5, 5}, {7, 5}, {16384}}) {
    doubtful.in_doubt = wrong;
    SumsReply none;
    CHECK_FALSE(decode_sums_reply(std::string_view(encode_sums_reply(doubtful)).substr(1), &none));
  }
  SumsReply unsorted;
  unsorted.groups.resize(2);
  SumsReply again;
  CHECK_FALSE(decode_sums_reply(encode_sums_reply(unsorted).substr(1), &again));
}

}  // namespace
}  // namespace starling::cluster
