#include "server/cluster/fan_out.h"

#include <doctest/doctest.h>

#include "server/cluster/scan_walk.h"

using namespace starling::server;
using starling::cluster::NodeIndex;

namespace {

std::string scan_reply(uint64_t cursor, const std::vector<std::string>& names) {
  const std::string text = std::to_string(cursor);
  std::string reply = "*2\r\n$" + std::to_string(text.size()) + "\r\n" + text + "\r\n*" +
                      std::to_string(names.size()) + "\r\n";
  for (const std::string& name : names) reply += "$" + std::to_string(name.size()) + "\r\n" + name + "\r\n";
  return reply;
}

uint64_t cursor_at(uint64_t partition, uint64_t within = 0) {
  return partition << 39 | within;
}

}  // namespace

TEST_CASE("fan out: keys are split by node, in their order, with all that belongs to them") {
  const NodeIndex targets[] = {2, 0, 2, 1, 0};
  const std::vector<FanOutPart> parts = split_keys(targets);
  REQUIRE(parts.size() == 3);
  CHECK(parts[0].node == 2);
  CHECK(parts[0].keys == std::vector<size_t>{0, 2});
  CHECK(parts[1].keys == std::vector<size_t>{1, 4});
  CHECK(parts[2].keys == std::vector<size_t>{3});
  const std::vector<std::string_view> mset = {"MSET", "a", "1", "b", "2", "c", "3", "d", "4", "e", "5"};
  CHECK(part_arguments(mset, 2, parts[1]) == std::vector<std::string_view>{"MSET", "b", "2", "e", "5"});
  const std::vector<std::string_view> mget = {"mget", "a", "b", "c", "d", "e"};
  CHECK(part_arguments(mget, 1, parts[0]) == std::vector<std::string_view>{"mget", "a", "c"});
}

TEST_CASE("fan out: values come back in the order of the keys, whatever they are") {
  const NodeIndex targets[] = {1, 0, 1, 0};
  const std::vector<FanOutPart> parts = split_keys(targets);
  SUBCASE("RESP2") {
    const std::string replies[] = {"*2\r\n$3\r\n*2\r\r\n$-1\r\n", "*2\r\n$0\r\n\r\n$2\r\n\r\n\r\n"};
    CHECK(join_replies(Join::kInOrder, parts, replies, 0) ==
          "*4\r\n$3\r\n*2\r\r\n$0\r\n\r\n$-1\r\n$2\r\n\r\n\r\n");
  }
  SUBCASE("RESP3") {
    const std::string replies[] = {"*2\r\n_\r\n$1\r\na\r\n", "*2\r\n$1\r\nb\r\n_\r\n"};
    CHECK(join_replies(Join::kInOrder, parts, replies, 0) == "*4\r\n_\r\n$1\r\nb\r\n$1\r\na\r\n_\r\n");
  }
  SUBCASE("too few, or none at all") {
    const std::string few[] = {"*2\r\n_\r\n_\r\n", "*1\r\n_\r\n"};
    CHECK(join_replies(Join::kInOrder, parts, few, 0).starts_with("-ERR"));
    const std::string cut[] = {"*2\r\n_\r\n", "*2\r\n_\r\n_\r\n"};
    CHECK(join_replies(Join::kInOrder, parts, cut, 0).starts_with("-ERR"));
    const std::string other[] = {"+OK\r\n", "*2\r\n_\r\n_\r\n"};
    CHECK(join_replies(Join::kInOrder, parts, other, 0).starts_with("-ERR"));
  }
}

TEST_CASE("fan out: sums, names, and one name of many") {
  const NodeIndex targets[] = {0, 1, 2};
  const std::vector<FanOutPart> parts = split_keys(targets);
  const std::string counts[] = {":2\r\n", ":0\r\n", ":40\r\n"};
  CHECK(join_replies(Join::kSum, parts, counts, 0) == ":42\r\n");
  const std::string senseless[] = {":2\r\n", "+OK\r\n", ":40\r\n"};
  CHECK(join_replies(Join::kSum, parts, senseless, 0).starts_with("-ERR"));
  const std::string names[] = {"*1\r\n$1\r\na\r\n", "*0\r\n", "*2\r\n$1\r\nb\r\n$1\r\nc\r\n"};
  CHECK(join_replies(Join::kNames, parts, names, 0) == "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n");
  const std::string any[] = {"$-1\r\n", "$1\r\na\r\n", "$1\r\nb\r\n"};
  CHECK(join_replies(Join::kAnyName, parts, any, 6) == "$1\r\na\r\n");
  CHECK(join_replies(Join::kAnyName, parts, any, 7) == "$1\r\nb\r\n");
  const std::string none[] = {"_\r\n", "_\r\n", "_\r\n"};
  CHECK(join_replies(Join::kAnyName, parts, none, 7) == "_\r\n");
}

TEST_CASE("scan walk: goes on at the next stretch until there is enough, and keeps its place") {
  const std::vector<std::string_view> arguments = {"SCAN", "0", "MATCH", "k*", "count", "5"};
  ScanWalk walk(arguments, 0);
  CHECK(walk.request(100) == std::vector<std::string>{"SCAN", "0", "MATCH", "k*", "count", "5"});
  REQUIRE(walk.take(scan_reply(cursor_at(100), {"k1", "k2"})));
  CHECK_FALSE(walk.done());
  CHECK(walk.partition() == 100);
  const std::vector<std::string> second = walk.request(300);
  CHECK(second[1] == std::to_string(cursor_at(100)));
  CHECK(second[second.size() - 2] == "COUNT");
  CHECK(second.back() == "3");
  // The node stopped inside: it has looked at as many as it was to.
  REQUIRE(walk.take(scan_reply(cursor_at(250, 77), {"k3"})));
  CHECK(walk.done());
  CHECK(walk.reply() == scan_reply(cursor_at(250, 77), {"k1", "k2", "k3"}));
}

TEST_CASE("scan walk: a node that knows nothing of what follows does not end the walk") {
  const std::vector<std::string_view> arguments = {"SCAN", "0"};
  ScanWalk walk(arguments, 0);
  (void)walk.request(100);
  // Its cursor 0 says that it has nothing further on; other nodes may.
  REQUIRE(walk.take(scan_reply(0, {})));
  CHECK(walk.cursor() == cursor_at(100));
  CHECK_FALSE(walk.done());
  // What is behind the end of the stretch is not this node's to pass over.
  (void)walk.request(200);
  REQUIRE(walk.take(scan_reply(cursor_at(5000), {})));
  CHECK(walk.cursor() == cursor_at(200));
  (void)walk.request(16384);
  REQUIRE(walk.take(scan_reply(0, {"last"})));
  CHECK(walk.done());
  CHECK(walk.reply() == scan_reply(0, {"last"}));
}

TEST_CASE("scan walk: a call asks a bounded number of times, and errors are left to the caller") {
  const std::vector<std::string_view> arguments = {"SCAN", "0"};
  ScanWalk walk(arguments, 0);
  CHECK_FALSE(walk.take("-ERR no\r\n"));
  CHECK_FALSE(walk.take("*1\r\n$1\r\n0\r\n"));
  uint32_t end = 0;
  while (!walk.done()) {
    (void)walk.request(++end);
    REQUIRE(walk.take(scan_reply(0, {})));
  }
  CHECK(end < 16384);
  CHECK(walk.cursor() == cursor_at(end));
}
