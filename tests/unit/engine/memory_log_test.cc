#include "engine/log/memory_log.h"

#include <doctest/doctest.h>

namespace starling::engine {
namespace {

using Frames = std::vector<std::string>;

Frames recover(MemoryLog& log, uint64_t first_segment = 0) {
  Frames frames;
  REQUIRE(log.recover(
                 first_segment,
                 [&](uint64_t, std::string_view payload) {
                   frames.emplace_back(payload);
                   return Status();
                 },
                 nullptr)
              .ok());
  return frames;
}

TEST_CASE("a crash loses what was not synced, from the end") {
  const auto disk = std::make_shared<MemoryLogDisk>();
  MemoryLog log({}, disk);
  CHECK(recover(log).empty());
  log.append("durable");
  REQUIRE(log.sync().ok());
  log.append("written 1");
  uint64_t number;
  REQUIRE(log.rotate(&number).ok());
  log.append("written 2");
  REQUIRE(log.flush().ok());
  log.append("pending");
  size_t expected = 3;
  SUBCASE("all") {
    log.crash(0);
    expected = 1;
  }
  SUBCASE("some") {
    log.crash(1);
    expected = 2;
  }
  SUBCASE("none") {
    log.crash(99);
  }
  CHECK_FALSE(log.flush().ok());
  MemoryLog again({}, disk);
  const Frames frames = recover(again);
  CHECK(frames.size() == expected);
  CHECK(frames.front() == "durable");
  CHECK(again.current_segment() == 3);
}

TEST_CASE("dropped segments are gone, the current one never") {
  const auto disk = std::make_shared<MemoryLogDisk>();
  MemoryLog log({}, disk);
  recover(log);
  log.append("old");
  uint64_t number;
  REQUIRE(log.rotate(&number).ok());
  log.append("new");
  REQUIRE(log.drop_before(99).ok());
  REQUIRE(log.sync().ok());
  CHECK(log.live_bytes() == 3);
  MemoryLog again({}, disk);
  CHECK(recover(again, number) == Frames{"new"});
}

TEST_CASE("a full disk keeps frames pending, a failed sync kills") {
  const auto disk = std::make_shared<MemoryLogDisk>();
  MemoryLog log({}, disk);
  recover(log);
  log.set_full(true);
  log.append("x");
  CHECK(log.flush().code() == StatusCode::kNoSpace);
  CHECK_FALSE(log.healthy());
  CHECK(log.written() == 0);
  log.set_full(false);
  CHECK(log.sync().ok());
  CHECK(log.healthy());
  CHECK(log.durable() == log.appended());
  log.fail_next_sync();
  CHECK_FALSE(log.sync().ok());
  CHECK_FALSE(log.flush().ok());
  CHECK_FALSE(log.healthy());
}

}  // namespace
}  // namespace starling::engine
