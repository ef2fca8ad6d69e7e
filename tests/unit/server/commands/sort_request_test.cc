#include "server/commands/sorting/request.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/key.h"
#include "server/commands/sorting/handlers.h"

namespace starling::server::sorting {

TEST_CASE("a pattern names a key for each element, and a field behind the arrow") {
  const ValuePattern plain("w_*_x");
  CHECK(plain.names_keys());
  CHECK_FALSE(plain.is_element());
  CHECK(plain.key_of("7") == "w_7_x");
  CHECK(plain.field().empty());
  const ValuePattern hash("h_*->f->g");
  CHECK(hash.key_of("7") == "h_7");
  CHECK(hash.field() == "f->g");
  // Only behind the star, and with a name.
  CHECK(ValuePattern("a->*").key_of("7") == "a->7");
  CHECK(ValuePattern("*->").key_of("7") == "7->");
  CHECK(ValuePattern("*->").field().empty());
  CHECK(ValuePattern("**").key_of("7") == "7*");
}

TEST_CASE("of what is no pattern") {
  CHECK(ValuePattern("#").is_element());
  CHECK_FALSE(ValuePattern("#").names_keys());
  CHECK_FALSE(ValuePattern("nosort").names_keys());
  CHECK_FALSE(ValuePattern(std::string_view("a\0*", 3)).names_keys());
  CHECK(ValuePattern("#*").key_of("7") == "#7");
}

TEST_CASE("a pattern stays in a partition by a tag in front of the element, and else not certainly") {
  const uint16_t partition = engine::Key("{t}list").partition;
  for (const char* stays : {"{t}*", "w{t}_*->f", "#", "{t}constant", "{t}{u}*"})
    CHECK_MESSAGE(ValuePattern(stays).stays_in(partition), stays);
  for (const char* leaves : {"*", "w_*", "*{t}", "{*}", "{t*}", "{}{t}*", "{u}*", "{u}{t}*", "constant"})
    CHECK_MESSAGE(!ValuePattern(leaves).stays_in(partition), leaves);
}

TEST_CASE("the key that SORT stores to is locked, whatever it is called") {
  const auto stored_at = [](std::vector<std::string_view> arguments) {
    std::vector<int> positions;
    CHECK(find_sort_keys(arguments, &positions));
    return positions.size() < 2 ? 0 : positions[1];
  };
  CHECK(stored_at({"sort", "k"}) == 0);
  CHECK(stored_at({"sort", "k", "store", "to"}) == 3);
  CHECK(stored_at({"sort", "k", "store", "store", "desc"}) == 3);
  CHECK(stored_at({"sort", "k", "store", "get", "store", "b"}) == 5);
  CHECK(stored_at({"sort", "k", "store", "limit", "store", "by", "alpha"}) == 5);
  CHECK(stored_at({"sort", "k", "by", "store", "get", "store", "store", "x"}) == 7);
}

}  // namespace starling::server::sorting
