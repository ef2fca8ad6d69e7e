#include "server/commands/scan_options.h"

#include <doctest/doctest.h>

#include <optional>

namespace starling::server {
namespace {

std::optional<uint64_t> cursor(std::string_view text) {
  uint64_t value = 0;
  if (!parse_scan_cursor(text, &value)) return std::nullopt;
  return value;
}

TEST_CASE("scan cursors: read as strtoul() reads them") {
  CHECK(cursor("0") == 0);
  CHECK(cursor("00042") == 42);
  CHECK(cursor("+5") == 5);
  CHECK(cursor("") == 0);
  CHECK(cursor("-1") == UINT64_MAX);
  CHECK(cursor("18446744073709551615") == UINT64_MAX);
  CHECK(cursor("-18446744073709551615") == 1);
}

TEST_CASE("scan cursors: what follows a zero byte is not looked at") {
  CHECK(cursor(std::string_view("12\0x", 4)) == 12);
  CHECK(cursor(std::string_view("\0", 1)) == 0);
  CHECK(cursor(std::string_view("1x\0", 3)) == std::nullopt);
}

TEST_CASE("scan cursors: what is none") {
  for (const std::string_view text :
       {" 5", "5 ", "5x", "x", "+", "-", "--1", "+-1", "0x10", "1.0", "18446744073709551616",
        "-18446744073709551616", "99999999999999999999"}) {
    CAPTURE(text);
    CHECK(cursor(text) == std::nullopt);
  }
}

TEST_CASE("scan options: without a pattern every name matches, with one the empty name does not") {
  ScanOptions options;
  CHECK(options.matches(""));
  CHECK(options.matches("any"));
  options.pattern = "a*";
  CHECK(options.matches("any"));
  CHECK_FALSE(options.matches("many"));
  options.pattern = "**";
  CHECK_FALSE(options.matches(""));
}

}  // namespace
}  // namespace starling::server
