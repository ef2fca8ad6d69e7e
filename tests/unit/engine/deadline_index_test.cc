#include "engine/memory/deadline_index.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace starling::engine {
namespace {

TEST_CASE("deadline index: references come due by their deadline, and only once") {
  DeadlineIndex index;
  const std::string names[] = {"a", "b", "c"};
  for (int i = 0; i < 3; ++i) index.add(static_cast<uint8_t>(i), Key(names[i]), 1000 * (i + 1));
  std::vector<DeadlineIndex::Reference> due;
  CHECK_FALSE(index.take_due(2000, 10, &due));
  REQUIRE(due.size() == 2);
  CHECK(due[0].slot == 0);
  CHECK(due[1].partition == Key("b").partition);
  CHECK(index.size() == 1);
}

TEST_CASE("deadline index: the average time left follows what is added and taken") {
  DeadlineIndex index;
  CHECK(index.average_time_left_ms(3, 0) == 0);
  index.add(3, Key("a"), 11000);
  index.add(3, Key("b"), 21000);
  index.add(4, Key("c"), 901000);
  CHECK(index.average_time_left_ms(3, 1000) == 15000);
  CHECK(index.average_time_left_ms(4, 1000) == 900000);
  CHECK(index.average_time_left_ms(3, 500000) == 0);
  std::vector<DeadlineIndex::Reference> due;
  index.take_due(11000, 10, &due);
  CHECK(index.average_time_left_ms(3, 11000) == 10000);
  index.take_due(21000, 10, &due);
  CHECK(index.average_time_left_ms(3, 21000) == 0);
  index.clear();
  CHECK(index.average_time_left_ms(4, 1000) == 0);
}

TEST_CASE("deadline index: deadlines spread over days take little more than their references") {
  DeadlineIndex index;
  constexpr int64_t kNowMs = 1'700'000'000'000;
  constexpr int kKeys = 100'000;
  index.set_time(kNowMs);
  for (int i = 0; i < kKeys; ++i) index.add(0, Key("k" + std::to_string(i)), kNowMs + i * 43'000LL);
  CHECK(index.size() == kKeys);
  CHECK(index.memory_bytes() < 24 * kKeys);
  CHECK(index.average_time_left_ms(0, kNowMs) == doctest::Approx(kKeys / 2 * 43'000.0).epsilon(0.001));
}

TEST_CASE("deadline index: what is taken early and added again is never late, and seldom taken") {
  DeadlineIndex index;
  std::mt19937_64 random(7);
  int64_t now_ms = 1'700'000'000'000;
  index.set_time(now_ms);
  struct Record {
    std::string name;
    int64_t deadline_ms = 0;
    int taken = 0;
    bool expired = false;
  };
  std::vector<Record> records(300);
  for (size_t i = 0; i < records.size(); ++i) {
    records[i] = {"k" + std::to_string(i), now_ms + static_cast<int64_t>(random() % 1000 << random() % 21)};
    index.add(0, Key(records[i].name), records[i].deadline_ms);
  }
  std::vector<DeadlineIndex::Reference> due;
  while (index.size() > 0) {
    now_ms += static_cast<int64_t>(random() % 2000 << random() % 10);
    for (bool more = true; more;) {
      due.clear();
      more = index.take_due(now_ms, 10, &due);
      for (const DeadlineIndex::Reference& reference : due) {
        const auto at = std::find_if(records.begin(), records.end(), [&](const Record& record) {
          const Key key(record.name);
          return key.partition == reference.partition &&
                 key.hash >> DeadlineIndex::kDroppedBits == reference.hash_prefix;
        });
        REQUIRE(at != records.end());
        REQUIRE_FALSE(at->expired);
        ++at->taken;
        at->expired = at->deadline_ms <= now_ms;
        if (!at->expired) index.add(0, Key(at->name), at->deadline_ms);
      }
    }
    for (const Record& record : records) {
      // A reference comes due at the tenth of a second that follows the deadline.
      REQUIRE((record.expired || record.deadline_ms > now_ms - 100));
    }
  }
  for (const Record& record : records) CHECK(record.taken <= 7);
  CHECK(index.average_time_left_ms(0, 0) == 0);
}

TEST_CASE("deadline index: what a checkpoint has written goes, but for what is due") {
  DeadlineIndex index;
  index.add(0, Key("before"), 50'000);
  index.add(0, Key("due"), 1000);
  index.begin_checkpoint();
  index.add(0, Key("during"), 50'000);
  SUBCASE("one that succeeds") {
    index.end_checkpoint(1000);
    CHECK(index.size() == 2);
  }
  SUBCASE("one that fails, and the next") {
    index.begin_checkpoint();
    CHECK(index.size() == 3);
    index.end_checkpoint(1000);
    CHECK(index.size() == 1);
  }
  CHECK(index.average_time_left_ms(0, 0) == 33'666);
  std::vector<DeadlineIndex::Reference> due;
  CHECK_FALSE(index.take_due(1000, 10, &due));
  REQUIRE(due.size() == 1);
  CHECK(due[0].partition == Key("due").partition);
  CHECK(index.average_time_left_ms(0, 0) == 50'000);
  index.take_due(50'000, 10, &due);
  CHECK(index.size() == 0);
  CHECK(index.average_time_left_ms(0, 0) == 0);
}

}  // namespace
}  // namespace starling::engine
