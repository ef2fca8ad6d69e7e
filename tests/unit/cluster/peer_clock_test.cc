#include "cluster/wire/peer_clock.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "engine/base/seeded_random.h"

namespace starling::cluster {
namespace {

constexpr int64_t kSecondUs = 1'000'000;

TEST_CASE(
    "peer clock: never ahead of the other clock, and behind it by no more than the quickest message took") {
  engine::SeededRandom random(1);
  for (int run = 0; run < 200; ++run) {
    // The other clock began at another time, and runs up to half a thousandth faster or slower.
    const auto ahead_us = static_cast<int64_t>(random.below(10'000 * kSecondUs));
    const double rate = 1 + (static_cast<double>(random.below(1001)) - 500) / 1'000'000;
    const auto other = [&](int64_t now_us) {
      return ahead_us + static_cast<int64_t>(std::floor(static_cast<double>(now_us) * rate));
    };
    PeerClock clock;
    int64_t now_us = 0;
    for (int told = 0; told < 50; ++told) {
      now_us += static_cast<int64_t>(random.below(3 * kSecondUs));
      const auto under_way_us =
          static_cast<int64_t>(random.below(random.below(4) == 0 ? 2 * kSecondUs : 2000));
      const int64_t said_us = other(now_us);
      now_us += under_way_us;
      clock.note(said_us, now_us);
      for (const int64_t later_us : {int64_t{0}, kSecondUs, 20 * kSecondUs}) {
        const int64_t bound_us = clock.least_at(now_us + later_us);
        CHECK(bound_us <= other(now_us + later_us));
        // The two may part while it is under way, too.
        CHECK(bound_us >= other(now_us + later_us) - under_way_us - (under_way_us + later_us) / 500 - 1);
      }
    }
  }
}

TEST_CASE("peer clock: a moment that is over is told, too; the quickest message counts, but not for ever") {
  PeerClock clock;
  CHECK_FALSE(clock.known());
  clock.note(5'000'000, 1'000'000);
  REQUIRE(clock.known());
  CHECK(clock.least_at(1'000'000) == 5'000'000);
  CHECK(clock.least_at(0) <= 4'000'000);
  clock.note(5'900'000, 2'000'000);  // Was under way for longer.
  CHECK(clock.least_at(2'000'000) == 5'999'000);
  // After a minute a message that is slower by less than the clocks may have parted by tells more.
  clock.note(64'950'000, 61'000'000);
  CHECK(clock.least_at(61'000'000) == 64'950'000);
}

}  // namespace
}  // namespace starling::cluster
