#include "server/execute/block_timeout.h"

#include <doctest/doctest.h>

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

}  // namespace
}  // namespace starling::server
