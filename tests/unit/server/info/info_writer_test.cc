#include "server/info/info_writer.h"

#include <doctest/doctest.h>

#include <string_view>

#include "server/info/sections.h"

namespace starling::server {
namespace {

TEST_CASE("sections are titled and kept apart by an empty line") {
  InfoWriter writer;
  writer.section("One");
  writer.field("count", -1);
  writer.field("name", "value");
  writer.section("Two");
  writer.real("ratio", 1.005, 2);
  writer.bytes("size", 1536);
  CHECK(writer.text() ==
        "# One\r\ncount:-1\r\nname:value\r\n\r\n# Two\r\nratio:1.00\r\nsize:1536\r\nsize_human:1.50K\r\n");
}

TEST_CASE("bytes are shown in the largest unit that leaves something before the point") {
  CHECK(human_bytes(0) == "0B");
  CHECK(human_bytes(1023) == "1023B");
  CHECK(human_bytes(1024) == "1.00K");
  CHECK(human_bytes(uint64_t{5} << 30) == "5.00G");
  CHECK(human_bytes(UINT64_MAX).ends_with("P"));
}

const InfoSection& section(std::string_view name) {
  for (const InfoSection& each : info_sections()) {
    if (each.name == name) return each;
  }
  FAIL("no such section");
  return info_sections().front();
}

TEST_CASE("which sections INFO shows") {
  using Words = std::vector<std::string_view>;
  CHECK(shows_section(section("server"), {}));
  CHECK_FALSE(shows_section(section("commandstats"), {}));
  CHECK(shows_section(section("commandstats"), Words{"ALL"}));
  CHECK(shows_section(section("rocksdb"), Words{"everything"}));
  CHECK_FALSE(shows_section(section("server"), Words{"memory"}));
  CHECK(shows_section(section("memory"), Words{"nosuch", "Memory"}));
  CHECK(shows_section(section("server"), Words{"commandstats", "default"}));
  CHECK_FALSE(shows_section(section("server"), Words{"nosuch"}));
}

}  // namespace
}  // namespace starling::server
