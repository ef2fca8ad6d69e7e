#include "resp/request_parser.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/unit/resp/seed.h"
#include "tests/unit/resp/transcript.h"

namespace starling::resp {
namespace {

using Status = RequestParser::Status;

std::string bulk(std::string_view bytes) {
  return "$" + std::to_string(bytes.size()) + "\r\n" + std::string(bytes) + "\r\n";
}

std::string multibulk(const std::vector<std::string>& arguments) {
  std::string result = "*" + std::to_string(arguments.size()) + "\r\n";
  for (const std::string& argument : arguments) result += bulk(argument);
  return result;
}

// Puts all of `bytes` into the parser, however many reads that takes.
void feed(RequestParser* parser, std::string_view bytes) {
  while (!bytes.empty()) {
    const std::span<char> room = parser->prepare();
    const size_t size = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), size);
    parser->commit(size);
    bytes.remove_prefix(size);
  }
}

struct Case {
  std::string bytes;
  std::string expected;
};

// Valid, invalid and incomplete input, small enough to be split at every byte.
std::vector<Case> corpus() {
  const std::string error = "!ERR Protocol error: ";
  return {
      {"*1\r\n$4\r\nPING\r\n", "(4:PING,)."},
      {"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$4\r\nPING\r\n", "(3:GET,1:a,)(4:PING,)."},
      {"*2\r\n$0\r\n\r\n$4\r\n\r\n\r\n\r\n", "(0:,4:\r\n\r\n,)."},
      {std::string("*1\r\n$3\r\na\0b\r\n", 13), std::string("(3:a\0b,).", 9)},
      {"*0\r\n*-1\r\n*-5\r\n\r\n\n  \r\nPING\r\n", "(4:PING,)."},
      // The two bytes behind a bulk are not looked at.
      {"*2\r\n$1\r\naXY$1\r\nbZZPING\r\n", "(1:a,1:b,)(4:PING,)."},
      // Nor is what follows the CR of a header.
      {"*1\rX$1\rYa\r\n", "(1:a,)."},
      {"*1\r\n$4\r\nPIN", "..."},
      {"*2\r\n$4\r\nPING\r\n", "..."},
      {"*1\r", "..."},
      {"PING", "..."},
      {"*a\r\n", error + "invalid multibulk length"},
      {"*\r\n", error + "invalid multibulk length"},
      {"*01\r\n", error + "invalid multibulk length"},
      {"*+1\r\n", error + "invalid multibulk length"},
      {"* 1\r\n", error + "invalid multibulk length"},
      {"*1048577\r\n", error + "invalid multibulk length"},
      {"*99999999999999999999\r\n", error + "invalid multibulk length"},
      {"*1\r\nPING\r\n", error + "expected '$', got 'P'"},
      {"*1\r\n:4\r\n", error + "expected '$', got ':'"},
      {"*1\r\n\r\n", error + "expected '$', got '\r'"},
      {"*1\r\n$\r\n", error + "invalid bulk length"},
      {"*1\r\n$a\r\n", error + "invalid bulk length"},
      {"*1\r\n$-1\r\n", error + "invalid bulk length"},
      {"*1\r\n$04\r\n", error + "invalid bulk length"},
      {"*1\r\n$536870913\r\n", error + "invalid bulk length"},
      {"PING\r\n*1\r\n$x\r\nPING\r\n", "(4:PING,)" + error + "invalid bulk length"},
      {"set a b\n", "(3:set,1:a,1:b,)."},
      {"  set\t a  b \r\n", "(3:set,1:a,1:b,)."},
      {"set \"a b\" 'c d'\r\n", "(3:set,3:a b,3:c d,)."},
      {"set \"\" ''\r\n", "(3:set,0:,0:,)."},
      {"x \"\\x41\\x6a\\n\\r\\t\\b\\a\\\"\\\\\\q\\xzz\"\r\n", "(1:x,13:Aj\n\r\t\b\a\"\\qxzz,)."},
      {"x 'a\\'b\\n'\r\n", "(1:x,5:a'b\\n,)."},
      {"x a\"b c\" d'e'\r\n", "(1:x,4:ab c,2:de,)."},
      {"x \\n a\\\r\n", "(1:x,2:\\n,2:a\\,)."},
      {"x \va\v \"b\"\vc\r\n", "(1:x,2:a\v,1:b,1:c,)."},
      {"x \"abc\r\n", error + "unbalanced quotes in request"},
      {"x 'abc\r\n", error + "unbalanced quotes in request"},
      {"x \"a\"b\r\n", error + "unbalanced quotes in request"},
      {"x 'a'b\r\n", error + "unbalanced quotes in request"},
      {"x \"a\\\r\n", error + "unbalanced quotes in request"},
      {"x 'a\\'\r\n", error + "unbalanced quotes in request"},
      {"PING\r\nx \"a\r\nPING\r\n", "(4:PING,)" + error + "unbalanced quotes in request"},
  };
}

TEST_CASE("a corpus of requests gives the same, split at each byte and into reads of any size") {
  for (const Case& test : corpus()) {
    CAPTURE(test.bytes);
    CHECK(transcript(test.bytes, test.bytes.size()) == test.expected);
    for (size_t split = 1; split < test.bytes.size(); ++split) {
      size_t reads = 0;
      const auto next_read = [&] { return reads++ == 0 ? split : test.bytes.size(); };
      CHECK(transcript(test.bytes, next_read) == test.expected);
    }
    for (size_t read = 1; read < 8; ++read) CHECK(transcript(test.bytes, read) == test.expected);
  }
}

TEST_CASE("random requests, big and small, in random reads") {
  std::mt19937_64 random(test_seed("resp random splits"));
  for (int round = 0; round < 60; ++round) {
    std::string bytes;
    std::string expected;
    for (size_t count = random() % 30; count > 0; --count) {
      std::vector<std::string> arguments(1 + random() % 6);
      expected += "(";
      for (std::string& argument : arguments) {
        const uint64_t kind = random() % 40;
        const size_t size = kind == 0 ? random() % 700000 : kind < 3 ? 32760 + random() % 16 : random() % 40;
        argument.resize(size);
        for (size_t i = 0; i < size; i += 1 + i / 64) argument[i] = static_cast<char>(random());
        expected += std::to_string(size) + ":" + argument + ",";
      }
      expected += ")";
      bytes += multibulk(arguments);
    }
    expected += ".";
    const size_t largest_read = size_t{1} << (4 + random() % 14);
    const bool same = transcript(
                          bytes, [&] { return random() % largest_read; }, {}, random() % 2 == 0) == expected;
    CHECK(same);
  }
}

TEST_CASE("lines that never end") {
  const std::string digits(70000, '1');
  const std::string error = "!ERR Protocol error: ";
  for (const size_t read : {size_t{100}, size_t{4096}, size_t{65536}, size_t{100000}}) {
    CHECK(transcript("*" + digits, read) == error + "too big mbulk count string");
    CHECK(transcript("*1\r\n$" + digits, read) == error + "too big bulk count string");
    CHECK(transcript("x" + digits, read) == error + "too big inline request");
    // However many bytes one read brings, the limit is where the line has to have ended.
    CHECK(transcript("x" + digits + "\r\n", read) == error + "too big inline request");
    CHECK(transcript("*" + digits + "\r\n", read) == error + "too big mbulk count string");
  }
  // 65536 bytes and the line end are allowed.
  CHECK(transcript(std::string(65536, 'x') + "\n", 999) == "(65536:" + std::string(65536, 'x') + ",).");
  CHECK(transcript(std::string(65537, 'x') + "\n", 999) == error + "too big inline request");
}

TEST_CASE("before authentication requests are small") {
  ParserLimits limits;
  limits.authenticated = false;
  const std::string error = "!ERR Protocol error: ";
  CHECK(transcript("*11\r\n", 1, limits) == error + "unauthenticated multibulk length");
  CHECK(transcript("*10\r\n", 1, limits) == "...");
  CHECK(transcript("*1\r\n$16385\r\n", 1, limits) == error + "unauthenticated bulk length");
  CHECK(transcript("*1\r\n$16384\r\n", 1, limits) == "...");

  // Authentication counts from the next request on.
  RequestParser parser(limits);
  feed(&parser, multibulk({"AUTH", "x"}) + multibulk(std::vector<std::string>(11, "a")));
  Request request;
  REQUIRE(parser.next(&request) == Status::kRequest);
  parser.set_authenticated(true);
  REQUIRE(parser.next(&request) == Status::kRequest);
  CHECK(request.arguments.size() == 11);
}

TEST_CASE("configured limits") {
  ParserLimits limits;
  limits.max_bulk_bytes = 5;
  limits.max_arguments = 2;
  limits.max_inline_bytes = 10;
  const std::string error = "!ERR Protocol error: ";
  CHECK(transcript(multibulk({"GET", "12345"}), 3, limits) == "(3:GET,5:12345,).");
  CHECK(transcript(multibulk({"GET", "123456"}), 3, limits) == error + "invalid bulk length");
  CHECK(transcript(multibulk({"GET", "1", "2"}), 3, limits) == error + "invalid multibulk length");
  CHECK(transcript("0123456789\n", 3, limits) == "(10:0123456789,).");
  CHECK(transcript("0123456789a\n", 3, limits) == error + "too big inline request");
}

TEST_CASE("an error stays") {
  RequestParser parser;
  feed(&parser, "*x\r\nPING\r\n");
  Request request;
  CHECK(parser.next(&request) == Status::kError);
  CHECK(parser.next(&request) == Status::kError);
  CHECK(parser.error() == "ERR Protocol error: invalid multibulk length");
}

TEST_CASE("a big bulk is read into an allocation of its own and handed over") {
  const std::string big(300000, 'b');
  RequestParser parser;
  Request request;
  const std::string bytes = multibulk({"SET", "k", big, "NX"}) + "PING\r\n";
  std::string_view rest = bytes;
  Status status = Status::kNeedMore;
  while (status != Status::kRequest) {
    const std::span<char> room = parser.prepare();
    const size_t size = std::min(room.size(), rest.size());
    std::memcpy(room.data(), rest.data(), size);
    rest.remove_prefix(size);
    parser.commit(size);
    status = parser.next(&request);
  }
  REQUIRE(request.arguments.size() == 4);
  size_t size = 0;
  CHECK(request.take_bulk(0, &size) == nullptr);
  CHECK(request.take_bulk(1, &size) == nullptr);
  CHECK(request.take_bulk(3, &size) == nullptr);
  CHECK(request.take_bulk(4, &size) == nullptr);
  const size_t before_bytes = parser.memory_bytes();
  const std::unique_ptr<char[]> taken = request.take_bulk(2, &size);
  REQUIRE(taken != nullptr);
  CHECK(size == big.size());
  CHECK(std::string_view(taken.get(), size) == big);
  CHECK(request.arguments[2].data() == taken.get());
  CHECK(request.take_bulk(2, &size) == nullptr);
  CHECK(parser.memory_bytes() == before_bytes - big.size());
  feed(&parser, rest);
  REQUIRE(parser.next(&request) == Status::kRequest);
  CHECK(request.arguments[0] == "PING");
  CHECK(request.take_bulk(0, &size) == nullptr);
}

TEST_CASE("a bulk that came together with its request is left in the read buffer") {
  const std::string big(300000, 'b');
  RequestParser parser;
  Request request;
  feed(&parser, multibulk({"SET", "k", big}));
  REQUIRE(parser.next(&request) == Status::kRequest);
  CHECK(request.arguments[2] == big);
  size_t size = 0;
  CHECK(request.take_bulk(2, &size) == nullptr);
}

TEST_CASE("memory follows what arrived, not what was announced") {
  RequestParser parser;
  Request request;
  feed(&parser, "*1048576\r\n$3\r\nSET\r\n$536870912\r\n");
  REQUIRE(parser.next(&request) == Status::kNeedMore);
  CHECK(parser.memory_bytes() < 600 * 1024);
  const std::string part(1000000, 'x');
  size_t fed = 0;
  while (fed < 3000000) {
    const std::span<char> room = parser.prepare();
    const size_t size = std::min(room.size(), part.size());
    std::memcpy(room.data(), part.data(), size);
    parser.commit(size);
    fed += size;
    REQUIRE(parser.next(&request) == Status::kNeedMore);
    CHECK(parser.memory_bytes() < 600 * 1024 + 4 * fed);
    CHECK(parser.buffered() >= fed);
  }
}

TEST_CASE("buffered() counts what no request took") {
  RequestParser parser;
  Request request;
  CHECK(parser.buffered() == 0);
  feed(&parser, "PING\r\nPI");
  CHECK(parser.buffered() == 8);
  REQUIRE(parser.next(&request) == Status::kRequest);
  CHECK(parser.buffered() == 2);
  REQUIRE(parser.next(&request) == Status::kNeedMore);
  CHECK(parser.buffered() == 2);
  feed(&parser, "NG\r\n");
  REQUIRE(parser.next(&request) == Status::kRequest);
  CHECK(request.arguments[0] == "PING");
  CHECK(parser.buffered() == 0);
}

TEST_CASE("requests not asked for yet survive further reads and shrink()") {
  RequestParser parser;
  Request request;
  std::string all;
  for (int i = 0; i < 5000; ++i) all += multibulk({"GET", "key:" + std::to_string(i)});
  feed(&parser, all);
  for (int i = 0; i < 5000; ++i) {
    REQUIRE(parser.next(&request) == Status::kRequest);
    REQUIRE(request.arguments[1] == "key:" + std::to_string(i));
    if (i % 500 == 0) parser.shrink();
  }
  CHECK(parser.next(&request) == Status::kNeedMore);
}

TEST_CASE("a request of many arguments over many reads") {
  std::vector<std::string> arguments{"MSET"};
  for (int i = 0; i < 200000; ++i) arguments.push_back(std::to_string(i));
  const std::string bytes = multibulk(arguments) + "PING\r\n";
  std::string expected = "(";
  for (const std::string& argument : arguments) {
    expected += std::to_string(argument.size()) + ":" + argument + ",";
  }
  expected += ")(4:PING,).";
  for (const size_t read : {size_t{1000}, size_t{65536}}) {
    const bool same = transcript(bytes, read) == expected;
    CHECK(same);
  }
}

TEST_CASE("shrink() gives everything back when idle and keeps half a request") {
  RequestParser parser;
  Request request;
  std::vector<std::string> arguments(100000, "argument");
  feed(&parser, multibulk(arguments) + "*2\r\n$3\r\nGET\r\n$3\r\nk");
  REQUIRE(parser.next(&request) == Status::kRequest);
  REQUIRE(parser.next(&request) == Status::kNeedMore);
  CHECK(parser.memory_bytes() > 1000000);
  parser.shrink();
  CHECK(parser.memory_bytes() < 20000);
  feed(&parser, "ey\r\n");
  REQUIRE(parser.next(&request) == Status::kRequest);
  CHECK(request.arguments[1] == "key");
  parser.shrink();
  CHECK(parser.memory_bytes() == 0);
  feed(&parser, "PING\r\n");
  CHECK(parser.next(&request) == Status::kRequest);
}

TEST_CASE("memory goes back by itself after a large request") {
  RequestParser parser;
  Request request;
  feed(&parser, multibulk(std::vector<std::string>(300000, "argument")));
  REQUIRE(parser.next(&request) == Status::kRequest);
  const size_t peak_bytes = parser.memory_bytes();
  feed(&parser, "PING\r\n");
  CHECK(parser.memory_bytes() < 200 * 1024);
  CHECK(parser.memory_bytes() < peak_bytes);
}

}  // namespace
}  // namespace starling::resp
