#include "engine/record/hyperloglog.h"

#include <doctest/doctest.h>

#include <string>

#include "engine/base/seeded_random.h"
#include "engine/record/join.h"
#include "engine/record/record.h"
#include "engine/record/record_delta.h"
#include "tests/unit/engine/random_run.h"
#include "tests/unit/engine/replicated_run.h"

namespace starling::engine {
namespace {

constexpr int64_t kNow = 1000;

std::string with_registers(std::initializer_list<std::pair<size_t, uint8_t>> raised) {
  std::string value = empty_hyperloglog();
  for (const auto& [index, to] : raised) REQUIRE(raise(index, to, &value) == Raise::kRaised);
  return value;
}

Registers registers_of(std::string_view value) {
  Registers registers{};
  REQUIRE(is_hyperloglog(value));
  REQUIRE(raise_all(value, &registers));
  return registers;
}

struct Copy {
  ActorId actor;
  Record record;

  void set(Stamp stamp, std::string_view value) {
    Change change(&record, {stamp, actor}, kNow);
    change.put_string(record.context(), value, 0);
    (void)change.finish();
  }
  void erase(Stamp stamp) {
    Change change(&record, {stamp, actor}, kNow);
    change.erase(record.context());
    (void)change.finish();
  }
  std::string shown() const { return record.string(kNow).value_or("(none)"); }
};

void exchange(Copy& a, Copy& b) {
  a.record.merge(b.record);
  b.record.merge(a.record);
  REQUIRE(a.record == b.record);
}

}  // namespace

TEST_CASE("a sparse value has the registers that it was given, until it is dense and afterwards") {
  SeededRandom random(first_seed());
  for (int run = 0; run < 20; ++run) {
    std::string value = empty_hyperloglog();
    Registers expected{};
    const uint64_t indexes = run % 2 == 0 ? 64 : kRegisterCount;
    const size_t highest = run % 3 == 0 ? 51 : 20;
    for (int i = 0; i < 4000; ++i) {
      const size_t index = random.below(indexes);
      const auto to = static_cast<uint8_t>(1 + random.below(highest));
      const bool raises = expected[index] < to;
      REQUIRE(raise(index, to, &value) == (raises ? Raise::kRaised : Raise::kNot));
      if (raises) expected[index] = to;
      REQUIRE(value.size() <= (is_dense(value) ? kDenseBytes : kSparseBytes));
    }
    REQUIRE(registers_of(value) == expected);
    REQUIRE(make_dense(&value));
    REQUIRE(value.size() == kDenseBytes);
    REQUIRE(registers_of(value) == expected);
  }
}

TEST_CASE("runs that do not make all registers are damaged, and change nothing") {
  const std::string whole = with_registers({{3, 2}, {9000, 32}});
  Registers registers{};
  for (const std::string& damaged :
       {whole.substr(0, whole.size() - 1), whole + '\x00', whole.substr(0, 16), whole + "\x7f\xff"}) {
    CHECK(is_hyperloglog(damaged));
    CHECK_FALSE(raise_all(damaged, &registers));
    std::string value = damaged;
    CHECK_FALSE(make_dense(&value));
    // Beyond what a run holds.
    CHECK(raise(1, 40, &value) == Raise::kDamaged);
    CHECK(value == damaged);
  }
  std::string cut = whole.substr(0, whole.size() - 2);
  CHECK(raise(kRegisterCount - 1, 1, &cut) == Raise::kDamaged);
  CHECK_FALSE(is_hyperloglog(whole.substr(0, 15)));
  CHECK_FALSE(is_hyperloglog("HYLX" + whole.substr(4)));
}

TEST_CASE("the cached count is what was put there until it is forgotten") {
  std::string value = empty_hyperloglog();
  CHECK(cached_count(value) == 0);
  cache_count(0x1234567890, value.data());
  CHECK(cached_count(value) == 0x1234567890);
  forget_count(value.data());
  CHECK_FALSE(cached_count(value).has_value());
}

TEST_CASE("HyperLogLogs of both sides of a cut show as one, and whoever writes next goes on from that") {
  Copy a{1, {}}, b{2, {}};
  a.set(1, with_registers({{1, 5}, {2, 1}}));
  b.set(2, with_registers({{1, 3}, {7, 4}}));
  exchange(a, b);
  std::string both = with_registers({{1, 5}, {2, 1}, {7, 4}});
  CHECK(registers_of(a.shown()) == registers_of(both));
  CHECK_FALSE(cached_count(a.shown()).has_value());
  CHECK(a.record.live_values(kNow).size() == 1);
  // A dense one among them makes it dense.
  std::string dense = with_registers({{9, 33}});
  REQUIRE(is_dense(dense));
  Copy c{3, {}};
  c.set(3, dense);
  exchange(a, c);
  CHECK(is_dense(a.shown()));
  CHECK(registers_of(a.shown())[1] == 5);
  CHECK(registers_of(a.shown())[9] == 33);
  a.set(4, "plain");
  exchange(a, b);
  CHECK(b.shown() == "plain");
}

TEST_CASE("of HyperLogLogs and other values the later one shows") {
  Copy a{1, {}}, b{2, {}}, c{3, {}};
  const std::string value = with_registers({{1, 5}});
  a.set(1, value);
  b.set(2, "plain");
  c.set(3, value.substr(0, value.size() - 1));
  exchange(a, b);
  CHECK(a.shown() == "plain");
  exchange(a, c);
  CHECK(a.shown() == value.substr(0, value.size() - 1));
  CHECK(a.record.live_values(kNow).size() == 3);
  Copy d{4, {}}, e{5, {}};
  d.set(1, value);
  e.erase(2);
  exchange(d, e);
  CHECK(d.shown() == "(none)");
}

TEST_CASE("of what shows together, each part goes by its own deadline, on every node at the same moment") {
  const std::string lasting = with_registers({{2, 2}});
  TestNode ann(1000, true, true), bob(2000, true, true);
  const auto put = [](TestNode& node, std::string_view value, int64_t deadline_ms) {
    node.with("k", [&](Database& database, const Key& key) { database.put_string(key, value, deadline_ms); });
  };
  const auto bring = [](TestNode& from, TestNode& to) {
    std::string state;
    from.with_operation("k", 0, [&](Operation& operation, const Key& key) {
      Replica(operation, 0).append_state(key, &state);
    });
    to.with_operation(
        "k", 0, [&](Operation& operation, const Key& key) { Replica(operation, 0).merge_state(key, state); });
  };
  const auto shown = [](TestNode& node) {
    std::string value;
    node.with("k", [&](Database& database, const Key& key) { value = database.find(key).string(); });
    return value;
  };
  put(ann, with_registers({{1, 5}}), ann.clock.now_ms + 100);
  bob.clock.now_ms = ann.clock.now_ms + 1;
  put(bob, lasting, kNoDeadline);
  bring(bob, ann);
  CHECK(registers_of(shown(ann))[1] == 5);
  ann.clock.now_ms += 200;
  bob.clock.now_ms = ann.clock.now_ms.load();
  bring(ann, bob);  // Who has it from now on never had the other one.
  CHECK(shown(bob) == lasting);
  CHECK(shown(ann) == lasting);
  REQUIRE(ann.engine().commit().ok());
  ann.crash();
  CHECK(shown(ann) == lasting);
}

}  // namespace starling::engine
