#include "server/replica_of/copy_feed.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "server/rdb/crc64.h"
#include "server/rdb/little_endian.h"
#include "server/rdb/rdb_strings.h"
#include "server/replica_of/remembered_leader.h"
#include "server/replica_of/request_text.h"

namespace starling::server {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using Phase = CopyFeed::Phase;

std::string text(std::string_view bytes) {
  std::string out;
  append_rdb_string(bytes, &out);
  return out;
}

std::string file_of(std::string_view parts) {
  std::string file = "REDIS0010" + std::string(parts) + "\xff";
  append_little_endian(crc64(file), 8, &file);
  return file;
}

// The commands of requests, of each its words; payloads are "#".
std::string commands_in(const std::string& output) {
  resp::RequestParser parser;
  std::string lines;
  for (size_t at = 0; at < output.size();) {
    const std::span<char> room = parser.prepare();
    const size_t size = std::min(room.size(), output.size() - at);
    std::copy_n(output.data() + at, size, room.data());
    at += size;
    parser.commit(size);
    resp::Request request;
    while (parser.next(&request) == resp::RequestParser::Status::kRequest) {
      for (const std::string_view word : request.arguments)
        lines.append(word.find('\n') != word.npos || word.find('\0') != word.npos ? "#" : word).append(" ");
      lines.back() = '\n';
    }
  }
  return lines;
}

std::string one_key() {
  return "\xfe\x03\xfc" +
         [] {
           std::string deadline;
           append_little_endian(5000, 8, &deadline);
           return deadline;
         }() +
         "\x00"s + text("k") + text("v");
}

// A feed that follows from offset 100 on.
void follow(CopyFeed& feed) {
  feed.begin_copy(100);
  feed.take_output();
  feed.answered("+OK\r\n+OK\r\n");
  feed.feed(file_of(""));
  feed.take_output();
  feed.answered("+OK\r\n");
  REQUIRE(feed.phase() == Phase::kFollowing);
}

TEST_CASE("what is there goes before anything is loaded, and all is answered before it follows") {
  CopyFeed feed({});
  CHECK(feed.phase() == Phase::kIdle);
  CHECK(feed.wanted() == 0);
  feed.begin_copy(100);
  CHECK(feed.phase() == Phase::kDropping);
  CHECK(feed.wanted() == 0);
  CHECK(commands_in(feed.take_output()) == "FLUSHALL SYNC\nFUNCTION FLUSH SYNC\n");
  feed.answered("+OK\r\n+O");
  CHECK(feed.phase() == Phase::kDropping);
  feed.answered("K\r\n");
  CHECK(feed.phase() == Phase::kLoading);
  CHECK(feed.wanted() > 0);
  const std::string file = file_of("\xf5" + text("#!lua name=x") + one_key());
  for (const char byte : file) feed.feed({&byte, 1});
  CHECK(commands_in(feed.take_output()) ==
        "FUNCTION LOAD REPLACE #!lua name=x\nSELECT 3\nRESTORE k 5000 # REPLACE ABSTTL\nSELECT 0\n");
  feed.file_ended();
  feed.answered("$1\r\nx\r\n+OK\r\n+OK\r\n");
  CHECK(feed.phase() == Phase::kLoading);
  feed.answered("+OK\r\n");
  CHECK(feed.phase() == Phase::kFollowing);
  CHECK(feed.keys_loaded() == 2);
  CHECK(feed.applied() == 100);
}

TEST_CASE("no error is overlooked while it drops and loads") {
  for (const char* answers :
       {"-NOQUORUM 1 of 3\r\n", "+OK\r\n-ERR no\r\n", "+OK\r\n+OK\r\n+OK\r\n-ERR Bad data format\r\n",
        "+OK\r\n+OK\r\n-ERR DB index is out of range\r\n"}) {
    CopyFeed feed({});
    feed.begin_copy(1);
    const std::string_view all(answers);
    feed.answered(all.substr(0, 10));
    feed.feed(file_of(one_key()));
    feed.answered(all.substr(std::min<size_t>(all.size(), 10)));
    CHECK(feed.phase() == Phase::kFailed);
    CHECK_FALSE(feed.failure().empty());
    CHECK(feed.take_output().empty());
    CHECK(feed.wanted() == 0);
    // And it begins anew.
    feed.begin_copy(2);
    CHECK(feed.phase() == Phase::kDropping);
    CHECK(feed.failure().empty());
  }
}

TEST_CASE("a file that is damaged, cut, has too many databases or something behind it fails") {
  const std::string whole = file_of(one_key());
  std::string damaged = whole;
  damaged[12] = static_cast<char>(damaged[12] ^ 1);
  for (const std::string& file : {damaged, whole.substr(0, whole.size() - 1), whole + "x"}) {
    CopyFeed feed({});
    feed.begin_copy(1);
    feed.answered("+OK\r\n+OK\r\n");
    feed.feed(file);
    feed.file_ended();
    CHECK(feed.phase() == Phase::kFailed);
  }
  CopyFeed few({.largest_string = 100, .databases = 3, .apart = false});
  few.begin_copy(1);
  few.answered("+OK\r\n+OK\r\n");
  few.feed(whole);
  CHECK(few.failure() == "it has keys in database 3, and there are 3 here (0 to 2)");
}

TEST_CASE("the stream's commands are passed on as they are, and counted when they are answered") {
  CopyFeed feed({});
  follow(feed);
  const std::string select = request_text({"SELECT", "2"}), set = request_text({"SET", "k", "a\r\nb"}),
                    ping = request_text({"ping"}), ack = request_text({"REPLCONF", "GETACK", "*"});
  const std::string stream = select + set + ping + ack + request_text({"MULTI"}) +
                             request_text({"INCR", "n"}) + request_text({"EXEC"});
  for (const char byte : stream) feed.feed({&byte, 1});
  CHECK(commands_in(feed.take_output()) == "SELECT 2\nSET k #\nMULTI\nINCR n\nEXEC\n");
  CHECK(feed.applied() == 100);
  feed.answered("+OK\r\n");
  CHECK(feed.applied() == 100 + static_cast<int64_t>(select.size()));
  CHECK_FALSE_MESSAGE(feed.take_ack_wanted(), "it asks about what is before it");
  feed.answered("+OK\r\n");
  CHECK(feed.take_ack_wanted());
  CHECK_FALSE(feed.take_ack_wanted());
  CHECK(feed.applied() == 100 + static_cast<int64_t>((select + set + ping + ack).size()));
  feed.answered("+OK\r\n+QUEUED\r\n*1\r\n:1\r\n");
  CHECK(feed.applied() == 100 + static_cast<int64_t>(stream.size()));
  feed.feed(ping);
  CHECK(feed.take_output().empty());
  CHECK(feed.applied() == 100 + static_cast<int64_t>((stream + ping).size()));
}

TEST_CASE("where keys may be on different nodes, transactions come apart") {
  CopyFeed feed({.largest_string = 100, .databases = 16, .apart = true});
  follow(feed);
  feed.feed(request_text({"MULTI"}) + request_text({"INCR", "n"}) + request_text({"exec"}));
  CHECK(commands_in(feed.take_output()) == "INCR n\n");
}

TEST_CASE("an error that a command always comes to is counted; one that leaves it open fails") {
  CopyFeed feed({});
  follow(feed);
  feed.feed(request_text({"HPEXPIRE", "h", "1"}) + request_text({"SET", "k", "v"}));
  feed.answered("-ERR unknown command 'HPEXPIRE'\r\n+OK\r\n");
  CHECK(feed.phase() == Phase::kFollowing);
  CHECK(feed.errors() == 1);
  CHECK(feed.last_error() == "'HPEXPIRE': ERR unknown command 'HPEXPIRE'");
  // Also one within a transaction.
  feed.feed(request_text({"EXEC"}));
  feed.answered("*2\r\n*1\r\n-WRONGTYPE x\r\n$2\r\n-E\r\n");
  CHECK(feed.errors() == 2);
  for (const char* error :
       {"-LOADING x", "-NOQUORUM x", "-ERR the write may still take effect", "-MISCONF x"}) {
    CopyFeed other({});
    follow(other);
    other.feed(request_text({"INCR", "n"}));
    other.answered(std::string(error) + "\r\n");
    CHECK(other.phase() == Phase::kFailed);
  }
  CopyFeed selecting({});
  follow(selecting);
  selecting.feed(request_text({"SELECT", "99"}));
  selecting.answered("-ERR DB index is out of range\r\n");
  CHECK(selecting.phase() == Phase::kFailed);
}

TEST_CASE("a command that is not there is left out of its transaction, told of, and takes nobody with it") {
  CopyFeed feed({.knows = [](std::string_view name) { return name != "HPEXPIREAT"; }});
  follow(feed);
  const std::string stream = request_text({"MULTI"}) + request_text({"HPEXPIREAT", "h"}) +
                             request_text({"INCR", "n"}) + request_text({"EXEC"});
  feed.feed(stream);
  CHECK(commands_in(feed.take_output()) == "MULTI\nINCR n\nEXEC\n");
  CHECK(feed.errors() == 1);
  CHECK(feed.last_error() == "'HPEXPIREAT': there is no such command here");
  feed.answered("+OK\r\n+QUEUED\r\n*1\r\n:1\r\n");
  CHECK(feed.applied() == 100 + static_cast<int64_t>(stream.size()));
}

TEST_CASE("a stream that makes no sense, and answers that were not asked for, fail") {
  CopyFeed stream({});
  follow(stream);
  stream.feed("*1\r\n!oops\r\n");
  CHECK(stream.phase() == Phase::kFailed);
  CopyFeed answers({});
  follow(answers);
  answers.answered("+OK\r\n");
  CHECK(answers.phase() == Phase::kFailed);
}

TEST_CASE("what is not answered is bounded") {
  CopyFeed feed({});
  follow(feed);
  size_t fed = 0;
  const std::string command = request_text({"SET", "key", std::string(1000, 'v')});
  while (feed.wanted() != 0) {
    feed.feed(command);
    fed += command.size();
    REQUIRE(fed < (8 << 20));
  }
  CHECK(fed >= (1 << 20));
  feed.answered("+OK\r\n");
  CHECK(feed.wanted() != 0);
}

TEST_CASE("whom a server follows is remembered, and the setting counts when it changed") {
  for (const RememberedLeader& remembered :
       {RememberedLeader{"", {}, true}, RememberedLeader{"a 1", LeaderAddress{"b", 2}, false},
        RememberedLeader{"", LeaderAddress{"::1", 65535}, true}}) {
    RememberedLeader again;
    REQUIRE(decode_remembered_leader(encode_remembered_leader(remembered), &again));
    CHECK(again == remembered);
  }
  RememberedLeader unused;
  for (const char* bytes :
       {"", "configured", "configured\nnobody", "configured\nelse\n", "configured\ncomplete a\n",
        "configured\ncomplete a 0\n", "configured\ncomplete a 65536\n"})
    CHECK_FALSE(decode_remembered_leader(bytes, &unused));
  // It was told to follow nobody, and the setting says the same as then.
  CHECK_FALSE(leader_at_start("a 1", RememberedLeader{"a 1", {}, true}).leader);
  CHECK(leader_at_start("c 3", RememberedLeader{"a 1", {}, true}).leader == LeaderAddress{"c", 3});
  CHECK(leader_at_start("a 1", {}).leader == LeaderAddress{"a", 1});
  CHECK_FALSE(leader_at_start("", {}).leader);
  // Half a copy is never forgotten.
  const RememberedLeader half = leader_at_start("", RememberedLeader{"a 1", LeaderAddress{"a", 1}, false});
  CHECK(half.leader == LeaderAddress{"a", 1});
  CHECK_FALSE(half.complete);
  CHECK_FALSE(leader_at_start("c 3", RememberedLeader{"a 1", LeaderAddress{"a", 1}, false}).complete);
}

}  // namespace
}  // namespace starling::server
