#include "resp/reply_scanner.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace starling::resp {
namespace {

const std::vector<std::string> kReplies = {
    "+OK\r\n",
    "-ERR no\r\n",
    ":-12\r\n",
    "_\r\n",
    "#t\r\n",
    ",1.5\r\n",
    "(123456789012345678901234567890\r\n",
    "$0\r\n\r\n",
    "$5\r\na\r\nbc\r\n",
    "$-1\r\n",
    "*-1\r\n",
    "*0\r\n",
    "=8\r\ntxt:abcd\r\n",
    "*2\r\n*1\r\n:1\r\n$1\r\nx\r\n",
    "%2\r\n+a\r\n:1\r\n+b\r\n*2\r\n:2\r\n:3\r\n",
    "~1\r\n+x\r\n",
    ">2\r\n+a\r\n+b\r\n",
    "|1\r\n+ttl\r\n:3\r\n*1\r\n:4\r\n",
    "%0\r\n",
};

}  // namespace

TEST_CASE("replies end where they end, in one piece or byte by byte") {
  std::string stream;
  for (const std::string& reply : kReplies) stream += reply;
  for (const size_t piece : {size_t{1}, size_t{2}, size_t{3}, size_t{7}, stream.size()}) {
    CAPTURE(piece);
    ReplyScanner scanner;
    std::vector<std::string> found;
    std::string current;
    for (size_t at = 0; at < stream.size(); at += piece) {
      std::string_view bytes = std::string_view(stream).substr(at, piece);
      while (!bytes.empty()) {
        size_t used = 0;
        const auto result = scanner.scan(bytes, &used);
        REQUIRE(result != ReplyScanner::Result::kMalformed);
        current += bytes.substr(0, used);
        bytes.remove_prefix(used);
        if (result != ReplyScanner::Result::kComplete) continue;
        found.push_back(std::move(current));
        current.clear();
      }
    }
    CHECK(found == kReplies);
    CHECK(scanner.idle());
  }
}

TEST_CASE("what is no reply is malformed") {
  for (const std::string bytes : {"x", "$x\r\n", "$-2\r\n", "$\r\n", "+a\rb", "%-1\r\n", "*1\rx",
                                  "$99999999999999\r\n", "*1-\r\n", "$--1\r\n"}) {
    CAPTURE(bytes);
    ReplyScanner scanner;
    size_t used = 0;
    CHECK(scanner.scan(bytes, &used) == ReplyScanner::Result::kMalformed);
  }
}

TEST_CASE("an unfinished reply is not idle") {
  ReplyScanner scanner;
  size_t used = 0;
  CHECK(scanner.idle());
  CHECK(scanner.scan("*2\r\n:1\r\n", &used) == ReplyScanner::Result::kMore);
  CHECK(used == 8);
  CHECK_FALSE(scanner.idle());
}

}  // namespace starling::resp
