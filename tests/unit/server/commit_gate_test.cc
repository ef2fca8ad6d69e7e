#include "server/execute/commit_gate.h"

#include <doctest/doctest.h>
#include <sys/uio.h>

#include <functional>
#include <string>
#include <vector>

#include "engine/base/seeded_random.h"
#include "engine/core/operation.h"
#include "tests/sim/sim_engine.h"

namespace starling::server {
namespace {

using engine::Fsync;
using engine::LogPosition;

constexpr std::string_view kUnwritten =
    "-MISCONF Errors writing to the commit log: commit log: no space; the write may still take effect\r\n";

std::string pending(const resp::OutputBuffer& output, size_t bytes) {
  iovec pieces[256];
  std::string text;
  const size_t count = output.gather(pieces, 256);
  for (size_t i = 0; i < count; ++i)
    text.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  return text.substr(0, bytes);
}

// A gate over the production engine with its log in memory; syncs happen when the test says so.
struct Fixture {
  explicit Fixture(Fsync fsync)
      : engine(disk, clock, {1, 7, fsync == Fsync::kAlways, sim::Mutation::kNone, {}, [this] { ++asked; }}),
        gate(engine, clock) {
    clock.set(1'000'000'000, 1'000'000);
    gate.begin_pass();
  }

  LogPosition change() {
    const engine::Key key("k");
    engine::Operation operation(engine, clock.wall_ms());
    operation.lock({0, key});
    (void)operation.resident({0, key});
    operation.database(0).put_string(key, std::to_string(++changes), engine::kNoDeadline);
    return operation.finish();
  }
  uint64_t answer(ClientReplies& client, std::string_view text) const {
    const uint64_t from = client.output.position();
    client.output.append(text);
    return from;
  }
  void write(ClientReplies& client, std::string_view text) {
    const LogPosition position = change();
    gate.note_write(client, answer(client, text), position);
  }
  void read(ClientReplies& client, std::string_view text) { gate.note_read(client, answer(client, text)); }
  std::string leaving(ClientReplies& client) { return pending(client.output, gate.sendable(client)); }
  void sync() {
    asked = 0;
    (void)engine.sync();
  }

  sim::SimDisk disk;
  sim::SimClock clock;
  int asked = 0;  // For a sync, since the last one.
  int changes = 0;
  sim::SimEngine engine;
  CommitGate gate;
};

}  // namespace

TEST_CASE("appendfsync always: a read of what nobody waits for asks for the sync that it waits for") {
  Fixture node(Fsync::kAlways);
  ClientReplies client;
  (void)node.change();  // An expiry, a merge, a removed tombstone: no reply speaks of it.
  node.read(client, "$1\r\n1\r\n");
  CHECK(node.gate.pending());
  CHECK(node.gate.settle().ok());
  CHECK(node.asked == 1);
  CHECK(node.leaving(client).empty());
  node.sync();
  CHECK(node.leaving(client) == "$1\r\n1\r\n");
  // What is durable already waits for nothing.
  node.read(client, "+x\r\n");
  CHECK_FALSE(node.gate.pending());
  CHECK(node.leaving(client) == "$1\r\n1\r\n+x\r\n");
}

TEST_CASE("appendfsync always: so does a message to somebody who has asked for nothing") {
  Fixture node(Fsync::kAlways);
  ClientReplies subscriber;
  (void)node.change();
  node.gate.note_message(subscriber, node.answer(subscriber, ">message"));
  (void)node.gate.settle();
  CHECK(node.asked == 1);
  CHECK(node.leaving(subscriber).empty());
  node.sync();
  CHECK(node.leaving(subscriber) == ">message");
}

TEST_CASE("appendfsync always: replies leave in their order, each when its change is durable") {
  Fixture node(Fsync::kAlways);
  ClientReplies client;
  node.write(client, "+1");
  (void)node.gate.settle();
  CHECK(node.asked == 1);
  node.sync();
  node.write(client, "+2");
  node.write(client, "+3");
  (void)node.gate.settle();
  CHECK(node.leaving(client) == "+1");
  node.sync();
  CHECK(node.leaving(client) == "+1+2+3");
}

TEST_CASE("appendfsync always: an answer that another thread worked out lets nothing before it leave early") {
  Fixture node(Fsync::kAlways);
  ClientReplies client;
  const LogPosition early = node.change();
  (void)node.change();
  node.read(client, "+late");  // In the same pass it may speak of the later change.
  node.gate.note_write(client, node.answer(client, "+early"), early);
  (void)node.gate.settle();
  CHECK(node.leaving(client).empty());
  node.sync();
  CHECK(node.leaving(client) == "+late+early");
}

TEST_CASE(
    "appendfsync always: what other nodes have agreed to waits for the log, and so does what came "
    "meanwhile") {
  Fixture node(Fsync::kAlways);
  ClientReplies client;
  const uint64_t from = node.answer(client, "+agreed\r\n");
  client.held_replies.hold(1, from, client.output);
  (void)node.change();
  node.gate.note_message(client, node.answer(client, ">message"));
  (void)node.gate.settle();
  const LogPosition first = node.engine.last_position();
  const LogPosition stored = node.change();
  node.gate.note_agreed_write(client, 1, stored);
  CHECK(client.held_replies.empty());
  (void)node.gate.settle();
  REQUIRE(client.log_holds.size() == 2);
  CHECK(client.log_holds.front().position == stored);
  CHECK(client.log_holds.at(1).position == first);
  CHECK(node.leaving(client).empty());
  node.sync();
  CHECK(node.leaving(client) == "+agreed\r\n>message");
}

TEST_CASE(
    "appendfsync everysec: an agreed write that cannot be logged fails alone, whatever stands behind it") {
  Fixture node(Fsync::kEverySecond);
  ClientReplies client;
  const uint64_t from = node.answer(client, "+agreed\r\n");
  client.held_replies.hold(1, from, client.output);
  node.gate.note_message(client, node.answer(client, ">message"));
  node.engine.set_full(true);
  node.gate.note_agreed_write(client, 1, node.change());
  CHECK_FALSE(node.gate.settle().ok());
  CHECK(node.leaving(client) == std::string(kUnwritten) + ">message");
}

TEST_CASE("what is put before or behind a reply that other nodes have a say in belongs to it") {
  for (const bool behind : {false, true}) {
    CAPTURE(behind);
    Fixture node(Fsync::kAlways);
    ClientReplies client;
    node.read(client, "+before");
    client.held_replies.hold(1, node.answer(client, "+agreed"), client.output);
    (void)node.change();
    node.gate.note_message(client, node.answer(client, ">late"));
    client.held_replies.hold(2, node.answer(client, "+other"), client.output);
    resp::OutputBuffer own;
    own.append(">own");
    client.insert_into(1, behind, std::move(own));
    client.release_with(2, "-no");
    CHECK(client.held_replies.sendable_position(client.output) == 7);
    node.gate.note_agreed_write(client, 1, node.change());
    (void)node.gate.settle();
    CHECK(node.leaving(client) == "+before");
    node.sync();
    CHECK(node.leaving(client) == (behind ? "+before+agreed>own>late-no" : "+before>own+agreed>late-no"));
  }
}

TEST_CASE("appendfsync always: a full disk ends the waits") {
  Fixture node(Fsync::kAlways);
  ClientReplies client, subscriber;
  node.write(client, "+OK\r\n");
  node.read(client, "+shown\r\n");
  node.gate.note_message(subscriber, node.answer(subscriber, ">message"));
  (void)node.gate.settle();
  node.engine.set_full(true);
  node.sync();
  CHECK_FALSE(node.engine.commit().ok());  // As the engine's sync thread finds out.
  node.gate.give_up(client);
  node.gate.give_up(subscriber);
  CHECK(node.leaving(client) == std::string(kUnwritten) + "+shown\r\n");
  CHECK(node.leaving(subscriber) == ">message");
}

TEST_CASE("appendfsync always: a disk that stands still ends the waits that are overdue") {
  Fixture node(Fsync::kAlways);
  ClientReplies client, subscriber;
  const LogPosition position = node.change();
  node.gate.note_write(client, node.answer(client, "+OK\r\n"), position, 200);
  node.gate.note_read(client, node.answer(client, "+shown\r\n"), 200);
  node.gate.note_message(subscriber, node.answer(subscriber, ">message"));
  (void)node.gate.settle();
  node.clock.set(1'000'000'000, 1'199'999);
  node.gate.give_up(client);
  CHECK(node.leaving(client).empty());
  node.clock.set(1'000'000'000, 1'200'000);
  node.gate.give_up(client);
  node.gate.give_up(subscriber);
  CHECK(node.leaving(client) ==
        "-MISCONF The commit log was not made durable in time; the write may still take effect\r\n"
        "-MISCONF The commit log was not made durable in time; what was read may not be durable\r\n");
  CHECK(node.leaving(subscriber).empty());
  node.clock.set(1'000'000'000, 1'000'000 + CommitGate::kPatienceMs * 1000);
  node.gate.give_up(subscriber);
  CHECK(subscriber.output.empty());
}

TEST_CASE(
    "appendfsync everysec: a pass that cannot be logged answers its writes with errors, and no more than "
    "those") {
  Fixture node(Fsync::kEverySecond);
  ClientReplies first, second;
  node.write(first, "+sent\r\n");
  CHECK(node.gate.settle().ok());
  node.engine.set_full(true);
  node.read(first, "+read\r\n");
  node.write(first, "+1\r\n");
  node.write(second, "+2\r\n");
  node.write(first, "+3\r\n");
  CHECK_FALSE(node.gate.settle().ok());
  CHECK(node.leaving(first) == "+sent\r\n+read\r\n" + std::string(kUnwritten) + std::string(kUnwritten));
  CHECK(node.leaving(second) == kUnwritten);
  CHECK(node.asked == 0);
}

TEST_CASE(
    "a write that fails for its quorum in the pass that cannot be logged leaves the other replies whole") {
  Fixture node(Fsync::kEverySecond);
  ClientReplies client;
  node.write(client, "+1\r\n");
  client.held_replies.hold(1, 0, client.output);
  const uint64_t from = client.output.position();
  node.write(client, "+2\r\n");
  client.held_replies.hold(2, from, client.output);
  node.engine.set_full(true);
  client.release_with(1, "-NOQUORUM\r\n");
  CHECK_FALSE(node.gate.settle().ok());
  client.held_replies.release(2);
  CHECK(node.leaving(client) == "-NOQUORUM\r\n" + std::string(kUnwritten));
}

TEST_CASE("in the middle of a pass the replies of who is in the middle of one stay what they are") {
  Fixture node(Fsync::kEverySecond);
  ClientReplies running, other;
  node.write(running, "+1\r\n");
  node.write(other, "+2\r\n");
  node.engine.set_full(true);
  CHECK_FALSE(node.gate.settle(&running).ok());
  CHECK(node.leaving(other) == kUnwritten);
  CHECK(running.output.size() == 4);
  CHECK_FALSE(node.gate.settle().ok());
  CHECK(node.leaving(running) == kUnwritten);
  // What can be logged is.
  node.engine.set_full(false);
  node.write(running, "+3\r\n");
  CHECK(node.gate.settle(&running).ok());
  CHECK(node.leaving(running) == std::string(kUnwritten) + "+3\r\n");
}

TEST_CASE("the policy may change between a reply and the end of its pass") {
  Fixture node(Fsync::kEverySecond);
  ClientReplies client;
  node.write(client, "+1");
  node.engine.set_fsync(Fsync::kAlways);
  node.gate.begin_pass();
  node.write(client, "+2");
  CHECK(node.gate.settle().ok());
  CHECK(node.asked == 1);
  CHECK(node.leaving(client) == "+1");
  node.engine.set_fsync(Fsync::kEverySecond);
  node.gate.begin_pass();
  node.engine.set_full(true);
  node.write(client, "+3");
  CHECK_FALSE(node.gate.settle().ok());
  node.engine.set_full(false);
  node.sync();
  CHECK(node.leaving(client) == "+1+2" + std::string(kUnwritten));
}

// Whatever happens to the replies of a client in whichever order, each is answered once, in its place: as it was, or
// with one of the errors.
TEST_CASE("every reply keeps its place, whoever fails it") {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    engine::SeededRandom random(seed);
    Fixture node(random.below(2) == 0 ? Fsync::kAlways : Fsync::kEverySecond);
    ClientReplies client;
    std::string sent;
    std::vector<uint64_t> held;
    std::vector<uint64_t> asked;  // Held as well, and not noted before the other nodes have agreed.
    int replies = 0;
    uint64_t last_held = 0;
    const auto send = [&] {
      const size_t bytes =
          std::min<size_t>(node.gate.sendable(client),
                           static_cast<size_t>(client.held_replies.sendable_position(client.output) -
                                               client.output.consumed_position()));
      sent += pending(client.output, bytes);
      client.output.consume(bytes);
    };
    const auto settle_one = [&](size_t index) {
      const uint64_t id = held[index];
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(index));
      random.below(2) == 0 ? client.held_replies.release(id) : client.release_with(id, "-NOQUORUM\n");
    };
    const auto conclude_one = [&](size_t index) {
      const uint64_t id = asked[index];
      asked.erase(asked.begin() + static_cast<std::ptrdiff_t>(index));
      if (random.below(3) == 0) return client.release_with(id, "-NOQUORUM\n");
      if (random.below(3) == 0) {
        resp::OutputBuffer own;
        own.append(">own\n");
        client.insert_into(id, random.below(2) == 0, std::move(own));
      }
      node.gate.note_agreed_write(client, id, node.change(), static_cast<int64_t>(random.below(100)));
    };
    for (int step = 0; step < 70; ++step) {
      switch (random.below(11)) {
        default: {
          const LogPosition position = random.below(3) == 0 ? 0 : node.change();
          std::string reply(1 + random.below(90), 'x');
          reply.front() = '+';
          reply.append(std::to_string(replies)).append("\n");
          const uint64_t from = node.answer(client, reply);
          ++replies;
          if (position != 0 && random.below(2) == 0) {
            if (last_held == 0 || !client.held_replies.extend(last_held, from, client.output)) {
              last_held = static_cast<uint64_t>(step) + 1;
              client.held_replies.hold(last_held, from, client.output);
              held.push_back(last_held);
            }
          }
          if (position != 0) {
            node.gate.note_write(client, from, position, static_cast<int64_t>(random.below(100)));
          } else {
            node.gate.note_read(client, from, static_cast<int64_t>(random.below(100)));
          }
          break;
        }
        case 8: {
          const uint64_t from = node.answer(client, "+asked " + std::to_string(replies++) + "\n");
          asked.push_back(1000 + static_cast<uint64_t>(step));
          client.held_replies.hold(asked.back(), from, client.output);
          break;
        }
        case 9:
          node.gate.note_message(client, node.answer(client, ">message\n"));
          break;
        case 10:
          if (!asked.empty()) conclude_one(random.below(asked.size()));
          break;
        case 4:
          if (!held.empty()) settle_one(random.below(held.size()));
          break;
        case 5:
          node.engine.set_full(random.below(2) == 0);
          break;
        case 6:
          if (!held.empty() && random.below(2) == 0) settle_one(random.below(held.size()));
          (void)node.gate.settle();
          node.gate.begin_pass();
          send();
          break;
        case 7:
          node.clock.set(1'000'000'000,
                         node.clock.monotonic_us() + static_cast<int64_t>(random.below(60'000)));
          if (random.below(2) == 0) node.sync();
          (void)node.gate.settle();
          node.gate.begin_pass();
          node.gate.give_up(client);
          send();
      }
    }
    while (!held.empty()) settle_one(0);
    while (!asked.empty()) conclude_one(0);
    node.engine.set_full(false);
    (void)node.gate.settle();
    node.sync();
    send();
    CHECK(client.output.empty());
    CHECK(client.held_replies.empty());
    CHECK(client.log_holds.empty());
    int number = 0;
    for (size_t at = 0; at < sent.size();) {
      const size_t end = sent.find('\n', at);
      REQUIRE(end != std::string::npos);
      const std::string line = sent.substr(at, end - at);
      at = end + 1;
      if (line == ">message" || line == ">own") continue;
      const bool whole = line.starts_with("+") && line.ends_with(std::to_string(number));
      const bool failed = line.starts_with("-MISCONF ") || line == "-NOQUORUM";
      CAPTURE(line);
      CHECK((whole || failed));
      ++number;
    }
    CHECK(number == replies);
  }
}

}  // namespace starling::server
