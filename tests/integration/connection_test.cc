// Connections: commands about them, their limits, and what must not hurt the server.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "integration/server_process.h"

namespace starling::integration {
namespace {

const std::vector<std::string> kMemory = {"--storage", "memory"};

std::vector<std::string> with(std::vector<std::string> options, std::initializer_list<std::string> more) {
  options.insert(options.end(), more);
  return options;
}

// The value of a field of CLIENT LIST's line.
std::string field_of(const std::string& line, const std::string& name) {
  const size_t at = line.find(name + "=");
  if (at == std::string::npos) return "missing";
  const size_t begin = at + name.size() + 1;
  return line.substr(begin, line.find_first_of(" \n", begin) - begin);
}

template <typename Condition>
bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

TEST_CASE("a server answers, stores, and stops cleanly at SIGTERM") {
  ServerProcess server(kMemory);
  const Connection client = server.connect();
  CHECK(ask(client, {"PING"}) == "PONG");
  CHECK(ask(client, {"SET", "a", "1"}) == "OK");
  CHECK(ask(client, {"GET", "a"}) == "1");
  CHECK(ask(client, {"GET", "b"}) == "nil");
  const int status = server.terminate();
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(ask(client, {"PING"}) == "closed");
}

TEST_CASE("a pipeline split at every byte is answered in order") {
  ServerProcess server(kMemory);
  const Connection client = server.connect();
  const std::string requests =
      "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$"
      "3\r\nFOO\r\n";
  for (size_t split = 1; split < requests.size(); ++split) {
    send_raw(client, std::string_view(requests).substr(0, split));
    send_raw(client, std::string_view(requests).substr(split));
    REQUIRE(next_reply(client) == "OK");
    REQUIRE(next_reply(client) == "PONG");
    REQUIRE(next_reply(client) == "hello");
    REQUIRE(next_reply(client) == "-ERR unknown command 'FOO', with args beginning with: ");
  }
}

TEST_CASE("a request that is answered at once costs one pass of the loop") {
  ServerProcess server(with(kMemory, {"--io-threads", "1"}));
  const Connection client = server.connect();
  const auto cycles = [&] {
    const std::string stats = ask(client, {"INFO", "stats"});
    return std::stol(stats.substr(stats.find("eventloop_cycles:") + 17));
  };
  const long before = cycles();
  for (int i = 0; i < 1000; ++i) REQUIRE(ask(client, {"PING"}) == "PONG");
  // What was sent must not be waited for once more: that would be a pass each, and four system calls.
  CHECK(cycles() - before < 1300);
}

TEST_CASE("big values go in and out, shared or not") {
  ServerProcess server(kMemory);
  const Connection client = server.connect();
  for (const size_t size : {size_t{1}, size_t{100}, size_t{16 << 10}, size_t{40 << 10}, size_t{5 << 20}}) {
    std::string value(size, 'x');
    for (size_t i = 0; i < size; i += 7) value[i] = static_cast<char>(i);
    REQUIRE(ask(client, {"SET", "big", value}) == "OK");
    REQUIRE(ask(client, {"GET", "big"}) == value);
  }
}

TEST_CASE("a client that does not read yet costs what it asked for, long values less, and gets all of it") {
  struct {
    size_t value_bytes;
    int replies;
    long long most_bytes;
  } const kinds[] = {{10'000, 20'000, 220'000'000}, {20'000, 10'000, 40'000'000}};
  for (const auto& [value_bytes, replies, most_bytes] : kinds) {
    CAPTURE(value_bytes);
    ServerProcess server(kMemory);
    const Connection reader = server.connect();
    REQUIRE(ask(reader, {"SET", "v", std::string(value_bytes, 'v')}) == "OK");
    const auto resident = [&] {
      const std::string memory = ask(reader, {"INFO", "memory"});
      return std::stoll(memory.substr(memory.find("used_memory_rss:") + 16));
    };
    const long long before = resident();
    const Connection mute = server.connect();
    // 200 MB of replies; the requests themselves fit what kernel and server take.
    std::string requests;
    for (int i = 0; i < replies; ++i) requests += "GET v\r\n";
    send_raw(mute, requests);
    // All but what the sockets take. What limits it is client-output-buffer-limit and maxmemory-clients
    // (backpressure_test.py).
    REQUIRE(eventually([&] {
      const std::string lines = ask(reader, {"CLIENT", "LIST"});
      return std::stoll(field_of(lines.substr(lines.find('\n') + 1), "omem")) > 150'000'000;
    }));
    CHECK(resident() - before < most_bytes);
    CHECK(ask(reader, {"PING"}) == "PONG");
    // Once it reads, it gets everything.
    for (int i = 0; i < replies; ++i) REQUIRE(next_reply(mute).size() == value_bytes);
  }
}

TEST_CASE("maxclients is enforced, and a place freed can be taken") {
  ServerProcess server(with(kMemory, {"--maxclients", "3"}));
  std::vector<Connection> clients;
  // The connection that waited for the start may still be counted.
  REQUIRE(eventually([&] {
    clients.clear();
    for (int i = 0; i < 3; ++i) clients.push_back(server.connect());
    for (const Connection& client : clients) {
      if (ask(client, {"PING"}) != "PONG") return false;
    }
    return true;
  }));
  CHECK(next_reply(server.connect()) == "-ERR max number of clients reached");
  clients.pop_back();
  CHECK(eventually([&] { return ask(server.connect(), {"PING"}) == "PONG"; }));
}

TEST_CASE("a password is asked for, and requests before it are kept small") {
  ServerProcess server(with(kMemory, {"--requirepass", "secret"}));
  const Connection client = server.connect();
  CHECK(ask(client, {"GET", "a"}) == "-NOAUTH Authentication required.");
  CHECK(
      ask(client, {"HELLO", "3"}) ==
      "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> "
      "<pass> "
      "option can be used to authenticate the client and select the RESP protocol version at the same time");
  CHECK(ask(client, {"AUTH", "wrong"}) == "-WRONGPASS invalid username-password pair or user is disabled.");
  const Connection big = server.connect();
  send_raw(big, "*2\r\n$3\r\nGET\r\n$100000\r\n");
  CHECK(next_reply(big) == "-ERR Protocol error: unauthenticated bulk length");
  CHECK(next_reply(big) == "closed");
  // The same packet may carry the password and what needs it.
  send_raw(client, "AUTH secret\r\nSET a 1\r\nGET a\r\n");
  CHECK(next_reply(client) == "OK");
  CHECK(next_reply(client) == "OK");
  CHECK(next_reply(client) == "1");
  CHECK(ask(client, {"RESET"}) == "RESET");
  CHECK(ask(client, {"GET", "a"}) == "-NOAUTH Authentication required.");
  CHECK(ask(client, {"HELLO", "2", "AUTH", "default", "secret"}).starts_with("[server, redis"));
  CHECK(ask(client, {"GET", "a"}) == "1");
}

TEST_CASE("CLIENT LIST and KILL reach the clients of every loop") {
  ServerProcess server(with(kMemory, {"--io-threads", "3"}));
  std::vector<Connection> clients;
  for (int i = 0; i < 7; ++i) {
    clients.push_back(server.connect());
    REQUIRE(ask(clients.back(), {"CLIENT", "SETNAME", "c" + std::to_string(i)}) == "OK");
  }
  const std::string list = ask(clients[0], {"CLIENT", "LIST"});
  for (int i = 0; i < 7; ++i) CHECK(list.find("name=c" + std::to_string(i) + " ") != std::string::npos);
  const std::string id = ask(clients[5], {"CLIENT", "ID"}).substr(1);
  CHECK(ask(clients[0], {"CLIENT", "KILL", "ID", id}) == ":1");
  CHECK(ask(clients[5], {"PING"}) == "closed");
  CHECK(ask(clients[6], {"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"}) == ":5");
  CHECK(ask(clients[0], {"PING"}) == "closed");
  CHECK(ask(clients[6], {"PING"}) == "PONG");
  CHECK(ask(clients[6], {"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"}) == ":1");
  CHECK(ask(clients[6], {"PING"}) == "closed");
}

TEST_CASE("CLIENT PAUSE holds writes back and lets reads pass; UNPAUSE ends it") {
  ServerProcess server(with(kMemory, {"--io-threads", "2"}));
  const Connection writer = server.connect();
  const Connection other = server.connect();
  REQUIRE(ask(other, {"CLIENT", "PAUSE", "1000000", "WRITE"}) == "OK");
  send_raw(writer, "GET a\r\nSET a 1\r\nGET a\r\n");
  CHECK(next_reply(writer) == "nil");
  for (int i = 0; i < 50; ++i) REQUIRE(ask(other, {"GET", "a"}) == "nil");
  REQUIRE(ask(other, {"CLIENT", "UNPAUSE"}) == "OK");
  CHECK(next_reply(writer) == "OK");
  CHECK(next_reply(writer) == "1");
}

TEST_CASE("idle clients are closed after the timeout") {
  ServerProcess server(with(kMemory, {"--timeout", "1"}));
  const Connection client = server.connect();
  CHECK(ask(client, {"PING"}) == "PONG");
  CHECK(next_reply(client) == "closed");
}

TEST_CASE("a client that says everything at once and hangs up gets all its answers") {
  for (const std::vector<std::string>& options :
       {kMemory, std::vector<std::string>{"--appendfsync", "always"}}) {
    ServerProcess server(options);
    const Connection client = server.connect();
    std::string requests;
    for (int i = 0; i < 1000; ++i)
      requests += "SET k" + std::to_string(i) + " v\r\nGET k" + std::to_string(i) + "\r\n";
    send_raw(client, requests + "half a request");
    REQUIRE(::shutdown(client->fd, SHUT_WR) == 0);
    for (int i = 0; i < 1000; ++i) {
      REQUIRE(next_reply(client) == "OK");
      REQUIRE(next_reply(client) == "v");
    }
    CHECK(next_reply(client) == "closed");
  }
}

TEST_CASE("HTTP is refused without an answer, and the log says so") {
  ServerProcess server(kMemory);
  const Connection client = server.connect();
  send_raw(client, "POST / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(next_reply(client) == "closed");
  CHECK(server.log().find("HTTP") != std::string::npos);
}

TEST_CASE("a Unix socket serves as well, and its file goes with the server") {
  ServerProcess server(with(kMemory, {"--unixsocket", "/tmp/starling-integration.sock"}));
  {
    const Connection client(redisConnectUnix("/tmp/starling-integration.sock"));
    REQUIRE(client->err == 0);
    CHECK(ask(client, {"PING"}) == "PONG");
    CHECK(field_of(ask(client, {"CLIENT", "INFO"}), "addr") == "/tmp/starling-integration.sock:0");
    CHECK(field_of(ask(client, {"CLIENT", "INFO"}), "flags") == "U");
  }
  server.terminate();
  CHECK(::access("/tmp/starling-integration.sock", F_OK) != 0);
}

}  // namespace
}  // namespace starling::integration
