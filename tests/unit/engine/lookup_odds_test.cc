#include "engine/memory/lookup_odds.h"

#include <doctest/doctest.h>

namespace starling::engine {
namespace {

int attempts_in(LookupOdds& odds, int lookups, bool answered) {
  int attempts = 0;
  for (int i = 0; i < lookups; ++i) {
    if (!odds.worthwhile()) continue;
    odds.note(answered);
    ++attempts;
  }
  return attempts;
}

TEST_CASE("attempts that find nothing become rare, and come back when they find something") {
  LookupOdds odds;
  CHECK(attempts_in(odds, 1000, true) == 1000);
  CHECK(attempts_in(odds, 1000, false) < 100);
  const int rare = attempts_in(odds, 1600, false);
  CHECK(rare >= 99);
  CHECK(rare <= 101);
  CHECK(attempts_in(odds, 1000, true) > 800);
  CHECK(attempts_in(odds, 1000, true) == 1000);
}

}  // namespace
}  // namespace starling::engine
