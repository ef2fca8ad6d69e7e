#include "server/execute/block_timeout.h"

#include <doctest/doctest.h>

#include <string_view>
#include <vector>

namespace starling::server {
namespace {

TEST_CASE("timeouts of commands that wait: as Redis reads them") {
  const auto read = [](std::string_view text) {
    int64_t timeout_ms = -1;
    CHECK(parse_block_timeout(text, &timeout_ms).empty());
    return timeout_ms;
  };
  CHECK(read("0") == 0);
  CHECK(read("1") == 1000);
  CHECK(read("0.01") == 10);
  CHECK(read("0.0001") == 1);
  CHECK(read("-0.0001") == 0);
  CHECK(read("9223372036854775") == 9223372036854775000);
  int64_t unused = 0;
  for (const std::string_view text : {"-1", "-0.0011", "1e300", "inf", "9223372036854776"})
    CHECK_MESSAGE(parse_block_timeout(text, &unused) == "ERR timeout is negative", text);
  for (const std::string_view text : {"", " 1", "x", "nan", "1 "})
    CHECK_MESSAGE(parse_block_timeout(text, &unused) == "ERR timeout is not a float or out of range", text);
}

std::string_view timeout_of(const std::vector<std::string_view>& words) {
  CommandSpec spec;
  spec.timeout_in_option = true;
  const size_t position = timeout_position(spec, words);
  return position == 0 ? "none" : words[position];
}

TEST_CASE("an option's timeout is found among the options, and nowhere else") {
  CHECK(timeout_of({"XREAD", "COUNT", "2", "block", "5", "STREAMS", "k", "$"}) == "5");
  CHECK(timeout_of({"XREAD", "STREAMS", "BLOCK", "1"}) == "none");
  CHECK(timeout_of({"XREADGROUP", "GROUP", "BLOCK", "COUNT", "STREAMS", "k", ">"}) == "none");
  CHECK(timeout_of({"XREADGROUP", "GROUP", "g", "BLOCK", "BLOCK", "7", "STREAMS", "k", ">"}) == "7");
  int64_t milliseconds = 0;
  CHECK(parse_block_milliseconds("25", &milliseconds).empty());
  CHECK(milliseconds == 25);
  CHECK(parse_block_milliseconds("-1", &milliseconds) == "ERR timeout is negative");
  CHECK(parse_block_milliseconds("1.5", &milliseconds) == "ERR timeout is not an integer or out of range");
}

}  // namespace
}  // namespace starling::server
