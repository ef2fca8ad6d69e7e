#include "cluster/data/patience.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/unit/cluster/coordinator_bench.h"

namespace starling::cluster {
namespace {

// A write of so many bytes to three replicas, the others of which have not answered.
struct SlowWrite {
  explicit SlowWrite(size_t bytes, int64_t timeout_ms = 100) : bench(3) {
    QuorumOptions options;
    options.timeout_ms = timeout_ms;
    std::string changes;
    append_change({0, ChangeForm::kRecord, "k", std::string(bytes, 'x')}, &changes);
    bench.coordinator.begin_write(0, changes, options, 0, 0, 1);
    REQUIRE(bench.sent.size() == 2);
  }
  bool ended_at(int64_t now_us) {
    bench.coordinator.tick(now_us);
    return bench.done.contains(1);
  }
  Bench bench;
};

TEST_CASE("patience: work counts where it is more than usual") {
  CHECK(work_us(1 << 20, 1 << 10) == 0);
  CHECK(work_us(512 << 20, 1) == (512 << 20) / 16);
  CHECK(work_us(100, 1'000'000) == 60'000'000);
}

TEST_CASE("patience: a usual write has its time, whatever moves") {
  SlowWrite write(1000);
  write.bench.coordinator.moved_to(write.bench.sent[0].node, 90'000);
  CHECK_FALSE(write.ended_at(99'999));
  CHECK(write.ended_at(100'000));
}

TEST_CASE("patience: the time of a large write begins anew with each part that has gone") {
  constexpr size_t kBytes = 16 << 20;
  const int64_t work = work_us(kBytes + 100, 0);
  SlowWrite write(kBytes);
  CHECK_FALSE(write.ended_at(100'000 + work - 1000));
  write.bench.coordinator.moved_to(write.bench.sent[0].node, 100'000 + work - 1000);
  CHECK_FALSE(write.ended_at(200'000 + 2 * work - 2000));
  // Nothing more goes.
  CHECK(write.ended_at(200'000 + 2 * work));
  CHECK(write.bench.done.at(1).starts_with("NOQUORUM"));
}

TEST_CASE("patience: parts that go to somebody else move nothing") {
  constexpr size_t kBytes = 16 << 20;
  SlowWrite write(kBytes);
  write.bench.coordinator.moved_to(write.bench.placement->self, 1'000'000);
  CHECK(write.ended_at(101'000 + work_us(kBytes + 100, 0)));
}

TEST_CASE("patience: what was not listened to is not late") {
  SlowWrite write(1000);
  write.bench.coordinator.excuse(5'000'000);
  CHECK_FALSE(write.ended_at(5'099'999));
  CHECK(write.ended_at(5'100'000));
}

TEST_CASE("patience: a part of an answer is one") {
  Bench bench(3);
  QuorumOptions options;
  options.timeout_ms = 100;
  bench.coordinator.begin_fetch(bench.replica(1), {0, "k"}, 0, 100, 7);
  bench.coordinator.moved(bench.sent.at(0).id, 80'000);
  bench.coordinator.tick(179'999);
  CHECK_FALSE(bench.done.contains(7));
  bench.coordinator.tick(180'000);
  CHECK(bench.done.contains(7));
}

TEST_CASE("patience: who is asked about large writes is told of those under way") {
  SlowWrite write(4 << 20);
  const auto count = [&] {
    int large = 0;
    write.bench.coordinator.visit_large([&](uint64_t token) { large += token == 1 ? 1 : 100; });
    return large;
  };
  CHECK(count() == 1);
  write.bench.answer(0, begin_reply(ReplyResult::kOk));
  CHECK(write.bench.done.at(1) == "ok");
  CHECK(count() == 0);
}

}  // namespace
}  // namespace starling::cluster
