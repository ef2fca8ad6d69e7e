// Transactions over real connections, with as many loops as it takes for them to meet.
#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

#include "integration/server_process.h"

namespace starling::integration {
namespace {

const std::vector<std::string> kTwoLoops = {"--storage", "memory", "--io-threads", "2"};

TEST_CASE("queued commands run at EXEC, as one") {
  ServerProcess server(kTwoLoops);
  const Connection client = server.connect();
  CHECK(ask(client, {"MULTI"}) == "OK");
  CHECK(ask(client, {"SET", "a", "1"}) == "QUEUED");
  CHECK(ask(client, {"SELECT", "2"}) == "QUEUED");
  CHECK(ask(client, {"SET", "a", "2"}) == "QUEUED");
  CHECK(ask(client, {"GET", "a"}) == "QUEUED");
  CHECK(ask(client, {"EXEC"}) == "[OK, OK, OK, 2]");
  CHECK(ask(client, {"GET", "a"}) == "2");
  CHECK(ask(client, {"SELECT", "0"}) == "OK");
  CHECK(ask(client, {"GET", "a"}) == "1");
}

TEST_CASE("a command that cannot be queued spoils the transaction") {
  ServerProcess server(kTwoLoops);
  const Connection client = server.connect();
  CHECK(ask(client, {"MULTI"}) == "OK");
  CHECK(ask(client, {"SET", "a", "1"}) == "QUEUED");
  CHECK(ask(client, {"GET"}).starts_with("-ERR wrong number of arguments"));
  CHECK(ask(client, {"EXEC"}) == "-EXECABORT Transaction discarded because of previous errors.");
  CHECK(ask(client, {"GET", "a"}) == "nil");
}

TEST_CASE("a watched key changed by a client of another loop fails EXEC") {
  ServerProcess server(kTwoLoops);
  const Connection client = server.connect();
  const Connection other = server.connect();
  for (int round = 0; round < 100; ++round) {
    REQUIRE(ask(client, {"WATCH", "a", "b"}) == "OK");
    const bool interfere = round % 2 == 0;
    if (interfere) REQUIRE(ask(other, {"SET", "b", std::to_string(round)}) == "OK");
    REQUIRE(ask(client, {"MULTI"}) == "OK");
    REQUIRE(ask(client, {"SET", "c", "x"}) == "QUEUED");
    REQUIRE(ask(client, {"EXEC"}) == (interfere ? "nil" : "[OK]"));
  }
  // Watches end with EXEC.
  REQUIRE(ask(other, {"SET", "a", "1"}) == "OK");
  REQUIRE(ask(client, {"MULTI"}) == "OK");
  REQUIRE(ask(client, {"EXEC"}) == "[]");
}

TEST_CASE("optimistic locking loses no update between loops") {
  ServerProcess server(kTwoLoops);
  REQUIRE(ask(server.connect(), {"SET", "n", "0"}) == "OK");
  constexpr int kClients = 4, kRounds = 100;
  std::vector<std::thread> threads;
  std::vector<int> failures(kClients, 0);
  for (int i = 0; i < kClients; ++i) {
    threads.emplace_back([&server, &failed = failures[static_cast<size_t>(i)]] {
      const Connection client = server.connect();
      for (int done = 0; done < kRounds;) {
        if (ask(client, {"WATCH", "n"}) != "OK") ++failed;
        const std::string next = std::to_string(std::stoi(ask(client, {"GET", "n"})) + 1);
        ask(client, {"MULTI"});
        ask(client, {"SET", "n", next});
        const std::string reply = ask(client, {"EXEC"});
        if (reply == "[OK]") ++done;
        if (reply != "[OK]" && reply != "nil") ++failed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int failed : failures) CHECK(failed == 0);
  CHECK(ask(server.connect(), {"GET", "n"}) == std::to_string(kClients * kRounds));
}

TEST_CASE("readers of two keys never see half a transaction") {
  ServerProcess server(kTwoLoops);
  std::thread writer([&server] {
    const Connection client = server.connect();
    for (int i = 0; i < 2000; ++i) {
      const std::string value = std::to_string(i);
      send_raw(client, "MULTI\r\nSET x " + value + "\r\nSET y " + value + "\r\nEXEC\r\n");
      for (int reply = 0; reply < 4; ++reply) next_reply(client);
    }
  });
  const Connection client = server.connect();
  int torn = 0;
  for (int i = 0; i < 2000; ++i) {
    send_raw(client, "MULTI\r\nGET x\r\nGET y\r\nEXEC\r\n");
    for (int reply = 0; reply < 3; ++reply) next_reply(client);
    const std::string both = next_reply(client);
    const size_t comma = both.find(", ");
    torn += both.substr(1, comma - 1) != both.substr(comma + 2, both.size() - comma - 3);
  }
  writer.join();
  CHECK(torn == 0);
}

}  // namespace
}  // namespace starling::integration
