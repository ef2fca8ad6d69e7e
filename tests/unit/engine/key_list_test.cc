#include "engine/base/key_list.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace starling::engine {

TEST_CASE("a key list has its keys in order, each once, whatever their sizes") {
  KeyList list;
  CHECK(list.sorted().empty());
  const std::string large(100'000, 'm');
  for (int i = 9999; i >= 0; --i) list.add("key:" + std::to_string(10'000 + i));
  for (const std::string& key : {std::string("z"), large, std::string(), std::string("key:10005"), large})
    list.add(key);
  const auto& sorted = list.sorted();
  REQUIRE(sorted.size() == 10'003);
  CHECK(sorted.front().empty());
  CHECK(sorted[1] == "key:10000");
  CHECK(sorted[10'000] == "key:19999");
  CHECK(sorted[10'001] == large);
  CHECK(sorted.back() == "z");
}

}  // namespace starling::engine
