#include "engine/record/hybrid_clock.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace starling::engine {
namespace {

constexpr int64_t kNowMs = 1'700'000'000'000;

TEST_CASE("stamps follow the wall clock and rise within a millisecond") {
  HybridClock clock;
  CHECK(clock.last() == 0);
  const Stamp first = clock.next(kNowMs);
  CHECK(first == static_cast<Stamp>(kNowMs) << 16);
  CHECK(clock.next(kNowMs) == first + 1);
  CHECK(clock.next(kNowMs + 5) == static_cast<Stamp>(kNowMs + 5) << 16);
  CHECK(clock.last() == static_cast<Stamp>(kNowMs + 5) << 16);
  CHECK(stamp_wall_ms(clock.last()) == kNowMs + 5);
}

TEST_CASE("a clock set back does not take stamps back") {
  HybridClock clock;
  const Stamp before = clock.next(kNowMs);
  CHECK(clock.next(kNowMs - 3'600'000) == before + 1);
  CHECK(clock.next(-1) == before + 2);
  CHECK(clock.next(kNowMs + 1) > before + 2);
}

TEST_CASE("a clock before the epoch or beyond all bounds still makes stamps") {
  HybridClock clock;
  CHECK(clock.next(-5) == 1);
  CHECK(clock.next(0) == 2);
  const Stamp end = clock.next(INT64_MAX);
  CHECK(stamp_wall_ms(end) == (int64_t{1} << 47) - 1);
  CHECK(clock.next(INT64_MAX) == end + 1);
}

TEST_CASE("more stamps than fit in a millisecond stay unique") {
  HybridClock clock;
  Stamp last = clock.next(kNowMs);
  for (int i = 0; i < 70'000; ++i) {
    const Stamp stamp = clock.next(kNowMs);
    REQUIRE(stamp > last);
    last = stamp;
  }
  CHECK(stamp_wall_ms(last) == kNowMs + 1);
  CHECK(clock.next(kNowMs + 1) > last);
}

TEST_CASE("what was observed is surpassed") {
  HybridClock clock;
  const Stamp remote = static_cast<Stamp>(kNowMs + 1000) << 16 | 7;
  REQUIRE(clock.observe(remote, kNowMs).ok());
  CHECK(clock.next(kNowMs) == remote + 1);
  REQUIRE(clock.observe(1, kNowMs).ok());
  CHECK(clock.next(kNowMs) == remote + 2);
}

TEST_CASE("a stamp too far in the future is refused and leaves no trace") {
  HybridClock clock(5000);
  const Stamp before = clock.next(kNowMs);
  CHECK(clock.observe(static_cast<Stamp>(kNowMs + 5000) << 16 | 0xffff, kNowMs).ok());
  const Stamp allowed = clock.last();
  CHECK(allowed > before);
  const Status refused = clock.observe(static_cast<Stamp>(kNowMs + 5001) << 16, kNowMs);
  CHECK(refused.code() == StatusCode::kInvalid);
  CHECK_FALSE(clock.observe(~Stamp{0}, kNowMs).ok());
  CHECK(clock.last() == allowed);
}

TEST_CASE("a restored stamp is surpassed however far ahead it is") {
  HybridClock clock;
  const Stamp last = static_cast<Stamp>(kNowMs + 86'400'000) << 16;
  clock.restore(last);
  CHECK(clock.next(kNowMs) == last + 1);
}

TEST_CASE("what was seen raises the clock as far as is permitted, and no further") {
  HybridClock clock(5000);
  const auto at = [](int64_t wall_ms) { return static_cast<Stamp>(wall_ms) << 16; };
  clock.witness(at(kNowMs + 2000), kNowMs);
  CHECK(clock.last() == at(kNowMs + 2000));
  clock.witness(at(kNowMs + 3'600'000), kNowMs);
  CHECK(stamp_wall_ms(clock.last()) == kNowMs + 2500);
  CHECK(clock.observe(clock.next(kNowMs), kNowMs).ok());
}

TEST_CASE("a clock that does not know the time takes any stamp") {
  HybridClock clock(5000);
  const Stamp far = static_cast<Stamp>(kNowMs + 3'600'000) << 16;
  CHECK_FALSE(clock.try_observe(far, kNowMs));
  clock.trust(true);
  CHECK(clock.try_observe(far, kNowMs));
  CHECK(clock.last() == 0);
  clock.trust(false);
  CHECK_FALSE(clock.try_observe(far, kNowMs));
}

TEST_CASE("threads never get the same stamp") {
  HybridClock clock;
  constexpr int kThreads = 4;
  constexpr int kEach = 20'000;
  std::vector<std::vector<Stamp>> issued(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) issued[t].push_back(clock.next(kNowMs + i / 1000 + t));
    });
  }
  for (auto& thread : threads) thread.join();
  std::vector<Stamp> all;
  for (const auto& stamps : issued) {
    CHECK(std::is_sorted(stamps.begin(), stamps.end()));
    all.insert(all.end(), stamps.begin(), stamps.end());
  }
  std::sort(all.begin(), all.end());
  CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
  CHECK(all.back() == clock.last());
}

}  // namespace
}  // namespace starling::engine
