#include "cluster/data/attempt_actor.h"

#include <doctest/doctest.h>

#include <array>
#include <string>

namespace starling::cluster {
namespace {

engine::KeyRef ref(int database, const std::string& name) {
  return {database, engine::Key(name)};
}

TEST_CASE("attempt actor: one for all, and another one where the last attempt on a key ended in doubt") {
  engine::ActorId drawn = 100;
  AttemptActor actors([&] { return ++drawn; });
  const std::string a = "a", b = "b";
  CHECK(actors.next(std::array{ref(0, a)}) == 101);
  CHECK(actors.next(std::array{ref(0, b)}) == 101);
  actors.doubt(101, 0, "a");
  // Of other keys nothing is in doubt: neither of the same name elsewhere.
  CHECK(actors.next(std::array{ref(0, b)}) == 101);
  CHECK(actors.next(std::array{ref(1, a)}) == 101);
  CHECK(actors.next(std::array{ref(0, b), ref(0, a)}) == 102);
  CHECK(actors.next(std::array{ref(0, a)}) == 102);
  CHECK(actors.next(std::array{ref(0, b)}) == 101);
  actors.doubt(102, 0, "a");
  CHECK(actors.next(std::array{ref(0, a)}) == 103);
}

TEST_CASE("attempt actor: keys that fail in turns need no more actors than the one that failed most often") {
  engine::ActorId drawn = 0;
  AttemptActor actors([&] { return ++drawn; });
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 1000; ++i) {
      const std::string key = "k" + std::to_string(i);
      actors.doubt(actors.next(std::array{ref(0, key)}), 0, key);
    }
  }
  CHECK(drawn == 3);
}

TEST_CASE("attempt actor: what is remembered is bounded") {
  engine::ActorId drawn = 0;
  AttemptActor actors([&] { return ++drawn; });
  const std::string other = "other";
  for (int i = 0; i < 4095; ++i) actors.doubt(1, 0, "k" + std::to_string(i));
  CHECK(actors.next(std::array{ref(0, other)}) == 1);
  actors.doubt(1, 0, "one more");
  CHECK(actors.next(std::array{ref(0, other)}) == 2);
}

TEST_CASE("attempt actor: a node draws only so many") {
  engine::ActorId drawn = 0;
  AttemptActor actors([&] { return ++drawn; });
  const std::string key = "k";
  for (int i = 0; i < 20000; ++i) actors.doubt(actors.next(std::array{ref(0, key)}), 0, key);
  CHECK(drawn == 16385);
}

}  // namespace
}  // namespace starling::cluster
