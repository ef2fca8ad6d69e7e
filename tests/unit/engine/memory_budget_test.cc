#include "engine/memory/memory_budget.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>

namespace starling::engine {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kLimit = 256 * kMiB;
constexpr uint64_t kReserve = 64 * kMiB;
constexpr int64_t kTickUs = 100'000;

// A process whose records fill their budget at once. What they had taken from the system stays taken when
// they become fewer, in `holes` that only records can fill again.
struct Process {
  MemoryBudget control;
  uint64_t other = 0;
  uint64_t records = 0;
  uint64_t pages = 0;
  bool pages_return = false;
  bool dense = false;
  int64_t now_us = 1'000'000;

  uint64_t grown() const { return pages + other; }
  uint64_t tick() {
    now_us += kTickUs;
    records = control.adjust({kLimit, kReserve, records, grown(), now_us, dense});
    pages = pages_return ? records : std::max(pages, records);
    return records;
  }
  uint64_t run(int seconds) {
    uint64_t peak = 0;
    for (int i = 0; i < seconds * 10; ++i) {
      tick();
      peak = std::max(peak, grown());
    }
    return peak;
  }
};

TEST_CASE("without a limit there is no budget, without figures it is the limit less the reserve") {
  MemoryBudget control;
  CHECK(control.adjust({0, 0, 5 * kMiB, 9 * kMiB, 1}) == 0);
  CHECK(control.adjust({kLimit, kReserve, 0, 0, 2}) == kLimit - kReserve);
  CHECK(control.adjust({kLimit, 250 * kMiB, 0, 0, 3}) == kLimit / 4);
  CHECK(control.adjust({kLimit, 10 * kLimit, 0, 0, 4}) == kLimit / 4);
  CHECK(control.adjust({2 * kLimit, kReserve, 0, 0, 5}) == 2 * kLimit - kReserve);
  CHECK(control.adjust({0, 0, 5 * kMiB, 9 * kMiB, 6}) == 0);
}

TEST_CASE("an excess is cut from the records at once, and once") {
  Process process;
  process.other = 50 * kMiB;
  process.run(5);
  CHECK(process.records == 192 * kMiB);
  process.other = 80 * kMiB;
  process.tick();
  CHECK(process.records == 168 * kMiB);
  // Their pages are still there: that is no reason to cut the same again.
  for (int i = 0; i < 9; ++i) process.tick();
  CHECK(process.records == 168 * kMiB);
  process.run(5);
  CHECK(process.records < 168 * kMiB);
  CHECK(process.records > 160 * kMiB);
}

TEST_CASE("what others take beyond their reserve comes out of the records where pages come back") {
  for (const bool dense : {false, true}) {
    Process process;
    process.pages_return = true;
    process.dense = dense;
    for (process.other = 0; process.other < 150 * kMiB; process.other += kMiB) {
      process.run(1);
      REQUIRE(process.grown() <= kLimit + (dense ? 0 : kLimit / 64));
    }
    process.run(10);
    CHECK(process.grown() <= kLimit - kLimit / 64);
    CHECK(process.records >= kLimit / 4);
  }
}

TEST_CASE("a lowered limit takes from the records what the process is too large by, once") {
  for (const bool dense : {false, true}) {
    MemoryBudget control;
    CHECK(control.adjust({2 * kLimit, kReserve, 400 * kMiB, 440 * kMiB, kTickUs, dense}) == 448 * kMiB);
    // With 192 MiB of them evicted it is as large as a cut would aim at.
    CHECK(control.adjust({kLimit, kReserve, 400 * kMiB, 440 * kMiB, 2 * kTickUs, dense}) == 192 * kMiB);
    // What is not records is still too much.
    CHECK(control.adjust({kLimit, kReserve, 400 * kMiB, 470 * kMiB, 3 * kTickUs, dense}) < 180 * kMiB);
  }
}

TEST_CASE("records keep a quarter of the limit, whatever the others take") {
  Process process;
  process.other = 10 * kLimit;
  process.run(600);
  CHECK(process.records == kLimit / 4);
}

TEST_CASE("pages that never come back do not empty the memory of records") {
  Process process;
  process.other = 50 * kMiB;
  process.run(5);
  process.other = 72 * kMiB;  // 8 MiB too much, for ever.
  process.run(30);
  CHECK(process.records > 140 * kMiB);
}

TEST_CASE("a peak that comes again and again is cut for once") {
  Process process;
  process.run(5);
  for (int second = 0; second < 60; ++second) {
    process.other = second % 5 == 0 ? 76 * kMiB : 60 * kMiB;
    process.run(1);
  }
  CHECK(process.records > 132 * kMiB);
  CHECK(process.records < 184 * kMiB);
}

TEST_CASE("where pages are dense, an excess that stays goes faster") {
  Process process;
  process.dense = true;
  process.other = 50 * kMiB;
  process.run(5);
  process.other = 92 * kMiB;  // 32 MiB too much, for ever.
  process.run(4);
  CHECK(process.records < 144 * kMiB);
  CHECK(process.records >= 128 * kMiB);
}

TEST_CASE("where pages are dense, no more goes while a cut is still being evicted") {
  MemoryBudget control;
  CHECK(control.adjust({kLimit, kReserve, 192 * kMiB, 240 * kMiB, kTickUs, true}) == 192 * kMiB);
  CHECK(control.adjust({kLimit, kReserve, 192 * kMiB, 280 * kMiB, 2 * kTickUs, true}) == 160 * kMiB);
  for (int i = 3; i < 33; ++i)
    CHECK(control.adjust({kLimit, kReserve, 190 * kMiB, 278 * kMiB, i * kTickUs, true}) >= 157 * kMiB);
  for (int i = 33; i < 44; ++i)
    (void)control.adjust({kLimit, kReserve, 157 * kMiB, 278 * kMiB, i * kTickUs, true});
  CHECK(control.adjust({kLimit, kReserve, 157 * kMiB, 278 * kMiB, 44 * kTickUs, true}) < 151 * kMiB);
}

TEST_CASE("records get their memory back, slowly, and no more than the reserve leaves") {
  Process process;
  process.pages_return = true;
  process.other = 160 * kMiB;
  process.run(5);
  const uint64_t low = process.records;
  CHECK(low <= 100 * kMiB);
  process.other = 20 * kMiB;
  // What came once may come again.
  process.run(5);
  CHECK(process.records == low);
  process.run(15);
  CHECK(process.records > low);
  CHECK(process.records <= low + 15 * kLimit / 64);
  process.run(150);
  CHECK(process.records == kLimit - kReserve);
}

TEST_CASE(
    "records that do not fill their budget are cut by what they have, and get nothing they do not need") {
  MemoryBudget control;
  CHECK(control.adjust({kLimit, kReserve, 100 * kMiB, 200 * kMiB, kTickUs}) == 192 * kMiB);
  CHECK(control.adjust({kLimit, kReserve, 100 * kMiB, kLimit + 20 * kMiB, 2 * kTickUs}) == 72 * kMiB);
  for (int i = 3; i < 100; ++i)
    CHECK(control.adjust({kLimit, kReserve, 50 * kMiB, 100 * kMiB, i * kTickUs}) == 72 * kMiB);
}

}  // namespace
}  // namespace starling::engine
