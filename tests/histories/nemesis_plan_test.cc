#include "histories/nemesis_plan.h"

#include <doctest/doctest.h>

#include <set>

namespace starling::histories {
namespace {

TEST_CASE("a plan is its seed's, keeps to its length and to its mix, and loses disks of one node") {
  Mix mix;
  mix.faults = {{Fault::kCutLink, 1}, {Fault::kSplit, 1}, {Fault::kLoseDisk, 1}, {Fault::kJump, 0}};
  mix.steady_skew_ms = 5;
  const Time length = 60 * kSecond;
  std::set<Fault> drawn;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const std::vector<Step> steps = plan(mix, 3, length, seed), again = plan(mix, 3, length, seed);
    REQUIRE(steps.size() == again.size());
    CHECK(steps.size() > 5);
    CHECK(steps[0].fault == Fault::kSkew);
    std::set<int> losers;
    for (size_t i = 0; i < steps.size(); ++i) {
      const Step& step = steps[i];
      CHECK(describe(step) == describe(again[i]));
      CHECK(step.at + step.lasts <= length);
      if (i > 0) drawn.insert(step.fault);
      if (step.fault == Fault::kCutLink) CHECK(step.one != step.other);
      if (step.fault == Fault::kSplit) CHECK((step.one > 0 && step.one < 7));
      if (step.fault == Fault::kLoseDisk) losers.insert(step.one);
    }
    CHECK(losers.size() <= 1);
  }
  CHECK(drawn == std::set<Fault>{Fault::kCutLink, Fault::kSplit, Fault::kLoseDisk});
}

TEST_CASE("a plan without faults is empty, and one with a victim hits nobody else") {
  CHECK(plan({}, 3, 60 * kSecond, 1).empty());
  Mix mix;
  mix.faults = {{Fault::kKill, 1}, {Fault::kStop, 1}};
  mix.victim = 2;
  for (const Step& step : plan(mix, 3, 60 * kSecond, 1)) CHECK(step.one == 2);
}

}  // namespace
}  // namespace starling::histories
