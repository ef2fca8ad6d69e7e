#include "server/process/build_facts.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "server/execute/command_line.h"

namespace starling::server {
namespace {

bool is_one_of(std::string_view text, std::string_view characters) {
  return text.find_first_not_of(characters) == std::string_view::npos;
}

}  // namespace

TEST_CASE("the program knows what it was built from, and tells") {
  const BuildFacts& facts = build_facts();
  CHECK(is_one_of(facts.version, "0123456789."));
  CHECK(std::count(facts.version.begin(), facts.version.end(), '.') == 2);
  CHECK(is_one_of(facts.commit, "0123456789abcdef"));
  CHECK_FALSE(facts.build_type.empty());

  const std::string question[] = {"--version"};
  std::string expected = "Starling server v=" + std::string(facts.version);
  if (!facts.commit.empty())
    expected += " commit=" + std::string(facts.commit) + (facts.changed ? "+changes" : "");
  CHECK(answer_without_server(question) ==
        expected + " build=" + std::string(facts.build_type) + " redis=7.0.15\n");
}

}  // namespace starling::server
