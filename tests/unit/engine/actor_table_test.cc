#include <doctest/doctest.h>

#include "engine/keyspace.h"

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

}  // namespace starling::engine
