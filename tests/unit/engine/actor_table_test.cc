#include "engine/memory/actor_table.h"

#include <doctest/doctest.h>

#include <vector>

namespace starling::engine {

TEST_CASE("actors keep the index they were given first, however many there are") {
  ActorTable actors;
  constexpr ActorId kMany = 1000;
  for (ActorId id = 1; id <= kMany; ++id) {
    CHECK(actors.index_of(id) == id - 1);
    CHECK(actors.index_of(id) == id - 1);
    CHECK(actors.id_of(static_cast<ActorIndex>(id - 1)) == id);
  }
  for (ActorId id = kMany; id >= 1; --id) {
    CHECK(actors.index_of(id) == id - 1);
    CHECK(actors.id_of(static_cast<ActorIndex>(id - 1)) == id);
  }
}

TEST_CASE("actors: a table whose indexes are all in use refuses another one, and knows those that it has") {
  ActorTable actors;
  constexpr ActorId kMost = ActorTable::kCapacity - ActorTable::kReserved;
  for (ActorId id = 1; id <= kMost; ++id) REQUIRE(actors.take(id));
  CHECK(actors.crowded());
  CHECK_FALSE(actors.has_room());
  CHECK_FALSE(actors.take(kMost + 1));
  CHECK(actors.take(kMost));
  CHECK(actors.take(1));
  // The node's own changes have the rest.
  for (ActorId id = kMost + 1; id < ActorTable::kCapacity; ++id) REQUIRE(actors.index_of(id) == id - 1);
  CHECK(actors.size() == 65535);
  CHECK_FALSE(actors.take(70'000));
  CHECK(actors.take(65535));
  CHECK(actors.size() == 65535);
  for (ActorId id = 1; id < ActorTable::kCapacity; ++id)
    REQUIRE(actors.id_of(static_cast<ActorIndex>(id - 1)) == id);
}

TEST_CASE("actors: a sweep frees what nobody kept or asked for since it began, and only that") {
  ActorTable actors;
  for (ActorId id = 1; id <= 100; ++id) (void)actors.index_of(id);
  const uint64_t era = actors.era();
  actors.begin_sweep();
  CHECK(actors.sweeping());
  CHECK(actors.era() != era);
  actors.keep(actors.index_of(100));
  actors.keep(9);
  CHECK(actors.index_of(20) == 19);
  CHECK(actors.take(30));
  CHECK(actors.index_of(101) == 100);
  const uint64_t era_of_sweep = actors.era();
  actors.end_sweep();
  CHECK(actors.era() != era_of_sweep);
  CHECK_FALSE(actors.sweeping());
  CHECK(actors.size() == 5);
  for (const ActorId id : {10, 20, 30, 100, 101}) CHECK(actors.index_of(id) == id - 1);
  CHECK(actors.size() == 5);
  // What was freed is given anew, and no index twice.
  std::vector<bool> given(200);
  for (ActorId id = 1000; id < 1095; ++id) {
    const ActorIndex index = actors.index_of(id);
    REQUIRE(index < 100);
    CHECK_FALSE(given[index]);
    given[index] = true;
    CHECK(actors.id_of(index) == id);
  }
  CHECK_FALSE(given[9]);
  // The last one asked for may be gone as well.
  (void)actors.index_of(5000);
  actors.begin_sweep();
  actors.end_sweep();
  CHECK(actors.size() == 0);
  const ActorIndex index = actors.index_of(6000);
  CHECK(actors.index_of(5000) != index);
  CHECK(actors.id_of(index) == 6000);
}

TEST_CASE("actors: where most are in use the next sweep waits for more to come") {
  ActorTable actors;
  for (ActorId id = 1; id <= ActorTable::kCrowded; ++id) (void)actors.index_of(id);
  REQUIRE(actors.crowded());
  actors.begin_sweep();
  for (uint32_t i = 0; i < ActorTable::kCrowded; ++i) actors.keep(static_cast<ActorIndex>(i));
  actors.end_sweep();
  CHECK_FALSE(actors.crowded());
  ActorId id = ActorTable::kCrowded;
  while (actors.take(++id) && !actors.crowded()) {
  }
  CHECK(actors.crowded());
  CHECK(actors.has_room());
}

}  // namespace starling::engine
