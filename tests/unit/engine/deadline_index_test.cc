#include "engine/deadline_index.h"

#include <doctest/doctest.h>

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

}  // namespace
}  // namespace starling::engine
