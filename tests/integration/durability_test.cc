// What was acknowledged is there after the process was killed, whatever the fsync policy: the kernel holds
// it.
#include <doctest/doctest.h>

#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "integration/server_process.h"

namespace starling::integration {
namespace {

TEST_CASE("kill -9 under load loses nothing acknowledged") {
  for (const std::string policy : {"always", "everysec", "no"}) {
    CAPTURE(policy);
    ServerProcess server({"--appendfsync", policy, "--io-threads", "2"});
    for (int round = 0; round < 2; ++round) {
      constexpr int kWriters = 3;
      std::vector<int> acknowledged(kWriters, -1);
      std::vector<std::thread> writers;
      for (int writer = 0; writer < kWriters; ++writer) {
        writers.emplace_back([&, writer, client = server.connect()] {
          for (int i = 0;; ++i) {
            const std::string key =
                std::to_string(round) + ":" + std::to_string(writer) + ":" + std::to_string(i);
            if (ask(client, {"SET", key, "v" + key}) != "OK") return;
            acknowledged[static_cast<size_t>(writer)] = i;
          }
        });
      }
      // Long enough for the slowest policy to have acknowledged something; the kill comes at any point after
      // that.
      const Connection witness = server.connect();
      while (ask(witness, {"GET", std::to_string(round) + ":2:100"}) == "nil") std::this_thread::yield();
      server.kill_and_restart();
      for (std::thread& writer : writers) writer.join();
      const Connection client = server.connect();
      int lost = 0;
      for (int writer = 0; writer < kWriters; ++writer) {
        for (int i = 0; i <= acknowledged[static_cast<size_t>(writer)]; ++i) {
          const std::string key =
              std::to_string(round) + ":" + std::to_string(writer) + ":" + std::to_string(i);
          lost += ask(client, {"GET", key}) != "v" + key;
        }
      }
      CHECK(lost == 0);
    }
  }
}

TEST_CASE("a second server on the same directory does not start") {
  ServerProcess server;
  const char* binary = std::getenv("STARLING_SERVER");
  const std::string command = std::string(binary) + " --port 0 --unixsocket " + server.directory() +
                              "/second.sock --dir " + server.directory() + " > /dev/null 2>&1";
  CHECK(std::system(command.c_str()) != 0);
  CHECK(ask(server.connect(), {"PING"}) == "PONG");
}

}  // namespace
}  // namespace starling::integration
