#include "server/replica_of/leader_link.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>

namespace starling::server {
namespace {

using Phase = LeaderLink::Phase;

const std::string kMark(40, 'm');

// What the link was told, as text.
class Told final : public LeaderLink::Sink {
 public:
  void send(std::string_view bytes) override {
    std::string words;
    for (size_t at = 0; at < bytes.size();) {
      const size_t end = bytes.find("\r\n", at);
      const std::string_view line = bytes.substr(at, end - at);
      if (line[0] != '*' && line[0] != '$') words.append(words.empty() ? "" : " ").append(line);
      at = end + 2;
    }
    text += "> " + words + "\n";
  }
  void full_sync(std::string_view id, int64_t offset) override {
    text += "full " + std::string(id) + " " + std::to_string(offset) + "\n";
  }
  void go_on(std::string_view id) override { text += "on " + std::string(id) + "\n"; }
  void file_begins(int64_t size) override { text += "file " + std::to_string(size) + "\n"; }
  void file_bytes(std::string_view bytes) override { file += bytes; }
  void file_ends() override { text += "file ends\n"; }
  void stream_bytes(std::string_view bytes) override { stream += bytes; }

  std::string take() { return std::exchange(text, {}); }

  std::string text, file, stream;
};

// Up to the answer to PSYNC.
void greet(LeaderLink& link, Told& told, bool with_password) {
  link.start();
  CHECK(told.take() == "> PING\n");
  CHECK(link.receive("+PONG\r\n"));
  if (with_password) {
    CHECK(link.receive("+OK\r\n"));
    told.take();
  } else {
    CHECK(told.take() == "> REPLCONF listening-port 7000\n");
  }
  CHECK(link.receive("+OK\r\n"));
  CHECK(told.take() == "> REPLCONF capa eof capa psync2\n");
  CHECK(link.receive("-ERR what is that\r\n"));
}

TEST_CASE("a copy from the beginning, whose size is known, however its bytes are cut") {
  const std::string said = "\n\n+FULLRESYNC 8f 1000\r\n\n\n$5\r\nREDIS*1\r\n$4\r\nPING\r\n";
  for (size_t piece = 1; piece <= said.size(); ++piece) {
    Told told;
    LeaderLink link(told, {.user = "", .password = "", .port = 7000, .id = "", .offset = 0});
    greet(link, told, false);
    CHECK(told.take() == "> PSYNC ? -1\n");
    for (size_t at = 0; at < said.size(); at += piece)
      CHECK(link.receive(std::string_view(said).substr(at, piece)));
    CHECK(told.take() == "full 8f 1000\nfile 5\nfile ends\n");
    CHECK(told.file == "REDIS");
    CHECK(told.stream == "*1\r\n$4\r\nPING\r\n");
    CHECK(link.phase() == Phase::kStream);
  }
}

TEST_CASE("a copy whose end is marked, with what looks like the mark before it") {
  const std::string said =
      "+FULLRESYNC 8f 7\r\n$EOF:" + kMark + "\r\n" + "ab" + kMark.substr(1) + "cd" + kMark + "next";
  for (size_t piece = 1; piece <= said.size(); ++piece) {
    Told told;
    LeaderLink link(told, {.user = "", .password = "", .port = 7000, .id = "", .offset = 0});
    greet(link, told, false);
    told.take();
    for (size_t at = 0; at < said.size(); at += piece)
      CHECK(link.receive(std::string_view(said).substr(at, piece)));
    CHECK(told.take() == "full 8f 7\nfile -1\nfile ends\n");
    CHECK(told.file == "ab" + kMark.substr(1) + "cd");
    CHECK(told.stream == "next");
  }
}

TEST_CASE("it goes on where it was, under the same history or a new one") {
  for (const std::string_view id : {"", "9a"}) {
    Told told;
    LeaderLink link(told, {.user = "", .password = "", .port = 7000, .id = "8f", .offset = 41});
    greet(link, told, false);
    CHECK(told.take() == "> PSYNC 8f 42\n");
    CHECK(link.receive("+CONTINUE" + (id.empty() ? std::string() : " " + std::string(id)) + "\r\nxyz"));
    CHECK(told.take() == "on " + std::string(id) + "\n");
    CHECK(told.stream == "xyz");
  }
}

TEST_CASE("a leader that has forgotten its history sends a copy") {
  Told told;
  LeaderLink link(told, {.user = "", .password = "", .port = 7000, .id = "8f", .offset = 41});
  greet(link, told, false);
  told.take();
  CHECK(link.receive("+FULLRESYNC 9a 5\r\n"));
  CHECK(told.take() == "full 9a 5\n");
  CHECK(link.phase() == Phase::kAwaitingFile);
}

TEST_CASE("passwords, of the default user and of another one") {
  for (const std::string user : {"", "copier"}) {
    Told told;
    LeaderLink link(told, {.user = user, .password = "secret", .port = 7000, .id = "", .offset = 0});
    link.start();
    told.take();
    CHECK(link.receive("-NOAUTH Authentication required.\r\n"));
    CHECK(told.take() == (user.empty() ? "> AUTH secret\n" : "> AUTH copier secret\n"));
    CHECK_FALSE(link.receive("-WRONGPASS invalid username-password pair or user is disabled.\r\n"));
    CHECK(link.failure().find("WRONGPASS") != std::string::npos);
    CHECK(link.phase() == Phase::kFailed);
  }
}

TEST_CASE("what ends the conversation says why") {
  const auto failure_of = [](std::string_view sync_answer) {
    Told told;
    LeaderLink link(told, {.user = "", .password = "", .port = 7000, .id = "", .offset = 0});
    greet(link, told, false);
    CHECK_FALSE(link.receive(sync_answer));
    return link.failure();
  };
  CHECK(failure_of("-NOMASTERLINK Can't SYNC\r\n") == "it answered 'NOMASTERLINK Can't SYNC'");
  CHECK(failure_of("-NOAUTH Authentication required.\r\n").find("NOAUTH") != std::string::npos);
  CHECK(failure_of("+CONTINUE\r\n") == "it answered '+CONTINUE'");
  CHECK(failure_of("+FULLRESYNC 8f\r\n") == "it answered '+FULLRESYNC 8f'");
  CHECK(failure_of("+FULLRESYNC 8f -1\r\n") == "it answered '+FULLRESYNC 8f -1'");
  CHECK(failure_of("+FULLRESYNC 8f 1\r\n-ERR no file\r\n") ==
        "in place of an RDB file it sent 'ERR no file'");
  CHECK(failure_of("+FULLRESYNC 8f 1\r\n$EOF:short\r\n") ==
        "the mark of its RDB file's end is not of 40 bytes");
  CHECK(failure_of("HTTP/1.1 400\r\n") == "it answered 'HTTP/1.1 400'");
  CHECK(failure_of(std::string(5000, 'x')) == "it does not speak Redis's protocol");
  Told told;
  LeaderLink loading(told, {.user = "", .password = "", .port = 7000, .id = "", .offset = 0});
  loading.start();
  CHECK_FALSE(loading.receive("-LOADING Redis is loading the dataset in memory\r\n"));
}

}  // namespace
}  // namespace starling::server
