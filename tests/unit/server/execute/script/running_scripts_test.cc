#include "server/execute/script/running_scripts.h"

#include <doctest/doctest.h>

namespace starling::server {
namespace {

class StoppedClock final : public engine::Clock {
 public:
  int64_t wall_ms() const override { return now_us / 1000; }
  int64_t wall_us() const override { return now_us; }
  int64_t monotonic_us() const override { return now_us; }
  int64_t now_us = 5'000'000;
};

}  // namespace

TEST_CASE("running scripts: one is slow and busy by the clock, though it says nothing itself") {
  StoppedClock clock;
  RunningScripts running(2, clock);
  CHECK(!running.any_slow());
  running.begin(1);
  CHECK(!running.any_slow());
  clock.now_us += RunningScripts::kSlowUs;
  CHECK(running.any_slow());
  CHECK(running.elapsed_us(1) == RunningScripts::kSlowUs);
  CHECK(!running.any_busy(200));
  // Another one that has just begun changes nothing about it.
  running.begin(0);
  clock.now_us += 200'000 - RunningScripts::kSlowUs;
  CHECK(running.any_busy(200));
  CHECK(!running.any_busy(201));
  CHECK(!running.any_busy(0));
  running.end(1);
  CHECK(running.any_slow());
  running.end(0);
  CHECK(!running.any_slow());
  CHECK(!running.any_busy(200));
}

TEST_CASE("running scripts: only slow ones are killed, and none that lasts") {
  StoppedClock clock;
  RunningScripts running(3, clock);
  CHECK(running.kill() == RunningScripts::Killed::kNone);
  running.begin(0);
  CHECK(running.kill() == RunningScripts::Killed::kNone);
  clock.now_us += RunningScripts::kSlowUs;
  running.set_lasting(0);
  CHECK(running.kill() == RunningScripts::Killed::kNotNow);
  CHECK(!running.kill_wanted(0));
  running.begin(2);
  running.begin(1);
  CHECK(running.kill() == RunningScripts::Killed::kNotNow);
  clock.now_us += RunningScripts::kSlowUs;
  running.end(1);
  running.begin(1);
  CHECK(running.kill() == RunningScripts::Killed::kYes);
  CHECK(running.kill_wanted(2));
  CHECK(!running.kill_wanted(1));
  CHECK(!running.kill_wanted(0));
  for (const size_t loop : {0, 1, 2}) running.end(loop);
  running.begin(2);
  CHECK(!running.kill_wanted(2));
  running.end(2);
  CHECK(running.kill() == RunningScripts::Killed::kNone);
  running.end_all();
  running.begin(0);
  CHECK(running.kill_wanted(0));
}

}  // namespace starling::server
