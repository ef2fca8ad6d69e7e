#include "engine/node/replay_workers.h"

#include <doctest/doctest.h>

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "engine/memory/keyspace.h"

namespace starling::engine {
namespace {

Lookup place_in(uint16_t partition) {
  Lookup place(0, Key({}));
  place.partition = partition;
  return place;
}

// What was applied, by partition.
class Applied {
 public:
  ReplayWorkers::Apply apply() {
    return [this](std::span<const ReplayWorkers::Frame> frames) {
      const std::lock_guard lock(mutex_);
      for (const ReplayWorkers::Frame& frame : frames) {
        if (frame.bytes == refused_) return Status(StatusCode::kCorrupt, "refused");
        texts_[frame.place.partition] += frame.bytes;
        texts_[frame.place.partition] += ' ';
      }
      return Status();
    };
  }
  void refuse(std::string bytes) { refused_ = std::move(bytes); }
  std::string of(uint16_t partition) { return texts_[partition]; }

 private:
  std::mutex mutex_;
  std::map<uint16_t, std::string> texts_;
  std::string refused_;
};

}  // namespace

TEST_CASE("replay workers: what is of one stripe is applied in its order, all of it before drain() returns") {
  for (const int threads : {0, 1, 3}) {
    CAPTURE(threads);
    Applied applied;
    ReplayWorkers workers(threads, applied.apply());
    std::map<uint16_t, std::string> expected;
    for (int i = 0; i < 20'000; ++i) {
      const auto partition = static_cast<uint16_t>(i * 7919 % 50);
      const std::string text = std::to_string(i);
      REQUIRE(workers.add(place_in(partition), "f", text).ok());
      expected[partition] += "f" + text + " ";
      if (i % 7000 == 0) REQUIRE(workers.drain().ok());
    }
    REQUIRE(workers.drain().ok());
    for (const auto& [partition, text] : expected) CHECK(applied.of(partition) == text);
  }
}

TEST_CASE("replay workers: a frame that is larger than a batch is applied like any other") {
  Applied applied;
  ReplayWorkers workers(2, applied.apply());
  const std::string large(1 << 20, 'L');
  REQUIRE(workers.add(place_in(3), "", "before").ok());
  REQUIRE(workers.add(place_in(3), "", large).ok());
  REQUIRE(workers.add(place_in(3), "", "behind").ok());
  REQUIRE(workers.drain().ok());
  CHECK(applied.of(3) == "before " + large + " behind ");
}

TEST_CASE("replay workers: a frame that cannot be applied is told, and nothing more is applied") {
  for (const int threads : {0, 2}) {
    CAPTURE(threads);
    Applied applied;
    applied.refuse("bad");
    ReplayWorkers workers(threads, applied.apply());
    REQUIRE(workers.add(place_in(1), "", "bad").ok());
    CHECK(workers.drain().message() == "refused");
    CHECK(workers.add(place_in(2), "", "good").message() == "refused");
    CHECK(workers.drain().message() == "refused");
    CHECK(applied.of(2).empty());
  }
}

}  // namespace starling::engine
