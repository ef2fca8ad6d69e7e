#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "server/commands/collections.h"

namespace starling::server {
namespace {

using Names = std::vector<std::string>;

Names ordered(const Settings& settings, const Names& names) {
  std::vector<engine::Collection::Element> members;
  for (const std::string& name : names) members.push_back({name, {}});
  order_members(settings, &members);
  Names result;
  for (const auto& member : members) result.emplace_back(member.name);
  return result;
}

}  // namespace

TEST_CASE("sets: few integers ascend, as in Redis's intsets") {
  Settings settings;
  settings.set_intset_entries.set(4);
  CHECK(ordered(settings, {"10", "9", "-3", "0"}) == Names{"-3", "0", "9", "10"});
  CHECK(ordered(settings, {}).empty());
  // No integer as Redis writes them, or one more than an intset has: as they stand.
  CHECK(ordered(settings, {"10", "9", "08"}) == Names{"10", "9", "08"});
  CHECK(ordered(settings, {"5", "4", "3", "2", "1"}) == Names{"5", "4", "3", "2", "1"});
}

}  // namespace starling::server
