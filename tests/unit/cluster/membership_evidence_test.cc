// One state machine and hand-written messages: what counts as life, as silence, as a second observer.
#include <doctest/doctest.h>

#include "cluster/membership/membership.h"
#include "engine/base/seeded_random.h"
#include "tests/unit/cluster/gossip_network.h"

namespace starling::cluster {
namespace {

constexpr int64_t kInterval = 200'000;

// Node 0, which knows nodes 1 to 3; they say only what the test makes them say.
struct Observer {
  engine::SeededRandom random{1};
  int64_t now_us = 1'000'000;
  Membership membership{id(0), GossipNetwork::description_of(0), 5, {}, now_us, random};
  GossipOutput out;

  Observer() {
    for (size_t i = 1; i <= 3; ++i) {
      GossipMessage hello = from(i, 1);
      hello.descriptions.push_back({id(i), 1, GossipNetwork::description_of(i)});
      CHECK(hear(i, hello).ok());
    }
    out = {};
  }

  static NodeId id(size_t node) { return GossipNetwork::id_of(node); }

  static GossipMessage from(size_t node, uint64_t heartbeat, uint64_t incarnation = 1) {
    GossipMessage message;
    message.kind = GossipKind::kUpdate;
    message.entries.push_back({id(node), incarnation, heartbeat, 1});
    return message;
  }

  engine::Status hear(size_t node, const GossipMessage& message) {
    std::string bytes;
    encode_gossip(message, &bytes);
    return membership.receive(id(node), bytes, now_us, &out);
  }

  // Ticks on while the nodes but `silent` are heard, and all but `mute` answer what they are asked.
  void run(int ticks, size_t silent, size_t mute = 0) {
    for (int i = 0; i < ticks; ++i) {
      now_us += kInterval;
      ++heartbeat;
      for (size_t node = 1; node <= 3; ++node) {
        if (node != silent) CHECK(hear(node, from(node, heartbeat)).ok());
      }
      const size_t before = out.messages.size();
      membership.tick(now_us, &out);
      const size_t after = out.messages.size();
      for (size_t sent = before; sent < after; ++sent) answer(out.messages[sent], silent, mute);
    }
  }

  void answer(const GossipOutgoing& outgoing, size_t silent, size_t mute) {
    GossipMessage asked;
    REQUIRE(decode_gossip(outgoing.bytes, &asked).ok());
    for (size_t node = 1; node <= 3; ++node) {
      if (node == silent || node == mute || outgoing.to != id(node)) continue;
      GossipMessage answered = from(node, heartbeat);
      answered.kind = GossipKind::kAnswer;
      answered.sequence = asked.sequence;
      CHECK(hear(node, answered).ok());
    }
  }

  size_t count(MembershipEventKind kind, size_t node) const {
    size_t found = 0;
    for (const MembershipEvent& event : out.events) found += event.kind == kind && event.node == id(node);
    return found;
  }

  // The sequence number of the last digest that was sent to the node.
  uint64_t last_asked(size_t node) const {
    uint64_t last = 0;
    for (const GossipOutgoing& outgoing : out.messages) {
      GossipMessage message;
      if (outgoing.to != id(node) || !decode_gossip(outgoing.bytes, &message).ok()) continue;
      if (message.kind == GossipKind::kDigest) last = message.sequence;
    }
    REQUIRE(last > 0);
    return last;
  }

  uint64_t heartbeat = 1;
};

Suspicion suspicion_of(size_t observer, size_t accused, uint64_t heartbeat, uint64_t incarnation = 1) {
  return {Observer::id(observer), Observer::id(accused), incarnation, heartbeat, 10'000};
}

}  // namespace

TEST_CASE("membership evidence: one observer suspects, two declare down, each of them distinct and silent") {
  Observer node;
  node.run(20, 0);
  const uint64_t last = node.heartbeat;
  node.run(15, 2);
  CHECK(node.membership.phase(Observer::id(2)) == Phase::kSuspect);
  CHECK_FALSE(node.membership.healthy(Observer::id(2)));
  node.run(300, 2);
  CHECK(node.membership.phase(Observer::id(2)) == Phase::kSuspect);
  CHECK(node.membership.figures().suspects == 1);

  GossipMessage message = Observer::from(1, ++node.heartbeat);
  message.suspicions = {
      suspicion_of(0, 2, last),      // our own, come back
      suspicion_of(2, 2, last),      // its own
      suspicion_of(9, 2, last),      // of a node that is no member
      suspicion_of(1, 2, last - 1),  // older than what we heard last
      suspicion_of(1, 2, last, 0),   // of an earlier life
  };
  CHECK(node.hear(1, message).ok());
  CHECK(node.membership.phase(Observer::id(2)) == Phase::kSuspect);

  message = Observer::from(1, ++node.heartbeat);
  message.suspicions = {suspicion_of(3, 2, last)};  // in another's name
  CHECK(node.hear(1, message).ok());
  CHECK(node.membership.phase(Observer::id(2)) == Phase::kSuspect);

  message = Observer::from(3, ++node.heartbeat);
  message.suspicions = {suspicion_of(3, 2, last)};
  CHECK(node.hear(3, message).ok());
  CHECK(node.membership.phase(Observer::id(2)) == Phase::kDown);
  CHECK(node.count(MembershipEventKind::kSuspected, 2) == 1);
  CHECK(node.count(MembershipEventKind::kDown, 2) == 1);
  CHECK(node.membership.figures().down == 1);
}

TEST_CASE("membership evidence: suspicions of others expire, and none counts while the node is heard") {
  Observer node;
  node.run(20, 0);
  GossipMessage message = Observer::from(1, ++node.heartbeat);
  message.suspicions = {suspicion_of(1, 2, node.heartbeat), suspicion_of(3, 2, node.heartbeat)};
  CHECK(node.hear(1, message).ok());
  CHECK(node.membership.healthy(Observer::id(2)));
  // Ten seconds later they are void, so that its own silence makes this node the only observer.
  node.run(60, 0);
  node.run(60, 2);
  CHECK(node.membership.phase(Observer::id(2)) == Phase::kSuspect);
}

TEST_CASE("membership evidence: a node that is down comes back by a higher incarnation only") {
  Observer node;
  node.run(20, 0);
  const uint64_t last = node.heartbeat;
  node.run(15, 2);
  GossipMessage message = Observer::from(1, ++node.heartbeat);
  message.suspicions = {suspicion_of(1, 2, last)};
  CHECK(node.hear(1, message).ok());
  REQUIRE(node.membership.phase(Observer::id(2)) == Phase::kDown);
  node.run(6, 2);
  const uint64_t asked = node.last_asked(2);

  // A late heartbeat that another node has passed on, and even its own.
  message = Observer::from(1, ++node.heartbeat);
  message.entries.push_back({Observer::id(2), 1, last + 3, 1});
  CHECK(node.hear(1, message).ok());
  message = Observer::from(2, last + 4);
  message.kind = GossipKind::kDigest;
  node.out = {};
  CHECK(node.hear(2, message).ok());
  node.membership.report_heard(Observer::id(2), node.now_us, &node.out);
  CHECK(node.membership.phase(Observer::id(2)) == Phase::kDown);
  // But it is told, so that it can refute.
  REQUIRE(node.out.messages.size() == 1);
  GossipMessage answer;
  REQUIRE(decode_gossip(node.out.messages[0].bytes, &answer).ok());
  REQUIRE(!answer.suspicions.empty());
  CHECK(answer.suspicions[0].accused == Observer::id(2));
  CHECK(answer.suspicions[0].observer == Observer::id(0));

  // It lives another life, others say: that makes this node ask, and no more.
  message = Observer::from(1, ++node.heartbeat);
  message.entries.push_back({Observer::id(2), 2, last + 5, 1});
  CHECK(node.hear(1, message).ok());
  CHECK(node.membership.phase(Observer::id(2)) == Phase::kDown);
  node.out = {};
  node.membership.tick(node.now_us += kInterval, &node.out);
  CHECK(node.last_asked(2) > asked);
  // It says so itself. Whether it hears us as well, its answer must show.
  CHECK(node.hear(2, Observer::from(2, last + 5, 2)).ok());
  CHECK(node.membership.phase(Observer::id(2)) == Phase::kSuspect);
  message = Observer::from(2, last + 6, 2);
  message.kind = GossipKind::kAnswer;
  message.sequence = asked;
  CHECK(node.hear(2, message).ok());
  CHECK(node.membership.phase(Observer::id(2)) == Phase::kAlive);
  CHECK(node.count(MembershipEventKind::kBack, 2) == 1);
}

TEST_CASE("membership evidence: unreachable on the data path is suspect at once, until it answers") {
  Observer node;
  node.run(20, 0);
  node.membership.report_unreachable(Observer::id(2), node.now_us, &node.out);
  CHECK_FALSE(node.membership.healthy(Observer::id(2)));
  CHECK(node.count(MembershipEventKind::kSuspected, 2) == 1);
  // It is heard of, so it is not down and no suspicion is spread; but what it says does not prove that it
  // hears us.
  node.out = {};
  node.run(100, 0, 2);
  node.membership.report_heard(Observer::id(2), node.now_us, &node.out);
  CHECK(node.membership.phase(Observer::id(2)) == Phase::kSuspect);
  for (const GossipOutgoing& outgoing : node.out.messages) {
    GossipMessage message;
    REQUIRE(decode_gossip(outgoing.bytes, &message).ok());
    for (const Suspicion& suspicion : message.suspicions) CHECK(suspicion.accused != Observer::id(2));
  }
  // An answer to what was asked before the report proves nothing.
  GossipMessage answer = Observer::from(2, ++node.heartbeat);
  answer.kind = GossipKind::kAnswer;
  answer.sequence = 0;
  CHECK(node.hear(2, answer).ok());
  CHECK_FALSE(node.membership.healthy(Observer::id(2)));
  answer.sequence = node.last_asked(2);
  CHECK(node.hear(2, answer).ok());
  CHECK(node.membership.healthy(Observer::id(2)));
  CHECK(node.count(MembershipEventKind::kBack, 2) == 1);
  // So does one to a data message.
  node.membership.report_unreachable(Observer::id(2), node.now_us, &node.out);
  CHECK_FALSE(node.membership.healthy(Observer::id(2)));
  node.membership.report_answered(Observer::id(2), node.now_us, &node.out);
  CHECK(node.membership.healthy(Observer::id(2)));
}

TEST_CASE("membership evidence: who is no member is asked nothing, and is back when it is heard again") {
  Observer observer;
  observer.membership.set_members({Observer::id(0), Observer::id(1), Observer::id(2)});
  observer.membership.report_unreachable(Observer::id(3), observer.now_us, &observer.out);
  CHECK(observer.membership.phase(Observer::id(3)) == Phase::kSuspect);
  // It has been started anew, or only its connection had ended: a node that waits to be counted in.
  observer.membership.report_heard(Observer::id(3), observer.now_us, &observer.out);
  CHECK(observer.membership.phase(Observer::id(3)) == Phase::kAlive);
  // Of a member only its answer says that it can be reached.
  observer.membership.report_unreachable(Observer::id(2), observer.now_us, &observer.out);
  observer.membership.report_heard(Observer::id(2), observer.now_us, &observer.out);
  CHECK(observer.membership.phase(Observer::id(2)) == Phase::kSuspect);
}

TEST_CASE("membership evidence: data messages count as life") {
  Observer node;
  node.run(20, 0);
  for (int i = 0; i < 100; ++i) {
    node.run(1, 2);
    node.membership.report_heard(Observer::id(2), node.now_us, &node.out);
  }
  CHECK(node.count(MembershipEventKind::kDown, 2) == 0);
  for (const MemberView& member : node.membership.members()) {
    if (member.id == Observer::id(2)) CHECK(member.silence_us < 2 * kInterval);
  }
}

TEST_CASE("membership evidence: who is accused, or remembered from a later life, raises its incarnation") {
  Observer node;
  GossipMessage message = Observer::from(1, 2);
  message.suspicions = {suspicion_of(1, 0, 7, 4)};  // of an earlier life: answered already
  CHECK(node.hear(1, message).ok());
  CHECK(node.membership.incarnation() == 5);
  message.suspicions = {suspicion_of(1, 0, 7, 5)};
  CHECK(node.hear(1, message).ok());
  CHECK(node.membership.incarnation() == 6);
  CHECK(node.count(MembershipEventKind::kRefuted, 0) == 1);
  message.suspicions.clear();
  message.entries.push_back({Observer::id(0), 80, 1, 90});
  CHECK(node.hear(1, message).ok());
  CHECK(node.membership.incarnation() == 81);
  // Beyond the range of the format there is nothing left to raise it to.
  message.entries[1].incarnation = kGossipCounterLimit - 1;
  CHECK(node.hear(1, message).ok());
  CHECK(node.membership.incarnation() == 81);
}

TEST_CASE("membership evidence: a change of a description reaches all, and only its owner makes one") {
  GossipNetwork network(gossip_seed());
  for (int i = 0; i < 6; ++i) network.add();
  REQUIRE(network.run_until(20'000'000, [&] { return network.all_know_all(); }));
  network.events.clear();
  NodeDescription changed = GossipNetwork::description_of(4);
  changed.topology_epoch = 7;
  changed.accepts_writes = false;
  network.at(4).set_description(changed);
  const auto all_see_it = [&] {
    for (size_t i = 0; i < 6; ++i) {
      if (*network.at(i).description(GossipNetwork::id_of(4)) != changed) return false;
    }
    return true;
  };
  CHECK(network.run_until(10'000'000, all_see_it));
  CHECK(network.count(MembershipEventKind::kDescriptionChanged) == 5);
  // Restarted with another description and no memory of how many it has had.
  network.crash(4);
  network.restart(4, 1);
  changed = GossipNetwork::description_of(4);
  CHECK(network.run_until(10'000'000, all_see_it));
}

TEST_CASE(
    "membership evidence: who is greeted knows at once what this node is, and its answer tells its clock") {
  Observer node;
  // A question that never arrived.
  node.membership.greet(Observer::id(1), node.now_us, &node.out);
  NodeDescription changed = GossipNetwork::description_of(0);
  changed.topology_epoch = 7;
  node.membership.set_description(changed);
  node.out = {};
  node.membership.greet(Observer::id(1), node.now_us, &node.out);
  REQUIRE(node.out.messages.size() == 1);
  CHECK(node.out.messages[0].to == Observer::id(1));
  GossipMessage greeting;
  REQUIRE(decode_gossip(node.out.messages[0].bytes, &greeting).ok());
  CHECK(greeting.kind == GossipKind::kDigest);
  REQUIRE(greeting.descriptions.size() == 1);
  CHECK(greeting.descriptions[0].id == Observer::id(0));
  CHECK(greeting.descriptions[0].description == changed);
  GossipMessage answer = Observer::from(1, 2);
  answer.kind = GossipKind::kAnswer;
  answer.sequence = greeting.sequence;
  answer.clock = {1, 2, 3, true};
  node.now_us += 1000;
  CHECK(node.hear(1, answer).ok());
  REQUIRE(node.out.clocks.size() == 1);
  CHECK(node.out.clocks[0].error_us == 500);
  // Whom it does not know it cannot greet.
  node.out = {};
  node.membership.greet(Observer::id(9), node.now_us, &node.out);
  CHECK(node.out.messages.empty());
}

TEST_CASE("membership evidence: what others say of a node is how far its heartbeat has come, and no more") {
  Observer node;
  node.run(20, 0);
  const NodeId other = Observer::id(2);
  const auto view = [&] {
    for (const MemberView& member : node.membership.members()) {
      if (member.id == other) return member;
    }
    return MemberView();
  };
  // Another address, in whatever version; another life; a suspicion in the name of a third.
  GossipMessage message = Observer::from(1, ++node.heartbeat);
  message.entries.push_back({other, kGossipCounterLimit - 1, 1, kGossipCounterLimit - 1});
  NodeDescription moved = GossipNetwork::description_of(2);
  moved.host = "10.9.9.9";
  message.descriptions.push_back({other, kGossipCounterLimit - 1, moved});
  CHECK(node.hear(1, message).ok());
  CHECK(*node.membership.description(other) == GossipNetwork::description_of(2));
  CHECK(view().incarnation == 1);
  CHECK(node.count(MembershipEventKind::kDescriptionChanged, 2) == 0);
  // A heartbeat that nobody can outrun: the node's own word puts it right, and it stays alive by it.
  message = Observer::from(1, ++node.heartbeat);
  message.entries.push_back({other, 1, kGossipCounterLimit - 2, 1});
  CHECK(node.hear(1, message).ok());
  node.run(60, 0);
  CHECK(view().heartbeat == node.heartbeat);
  CHECK(node.membership.phase(other) == Phase::kAlive);
  CHECK(node.membership.phase(Observer::id(3)) == Phase::kAlive);
}

TEST_CASE("membership evidence: a node that others tell of counts for nothing until it is met") {
  Observer node;
  const auto ghost = [](size_t number) { return GossipNetwork::id_of(1000 + number); };
  GossipMessage message = Observer::from(1, ++node.heartbeat);
  for (size_t i = 0; i < 200; ++i) {
    message.entries.push_back({ghost(i), 1, 1, 1});
    message.descriptions.push_back({ghost(i), 1, GossipNetwork::description_of(1000 + i)});
  }
  for (size_t i = 0; i < 200; ++i)
    message.suspicions.push_back({ghost(i), Observer::id(2), 1, 1u << 30, 10'000});
  CHECK(node.hear(1, message).ok());
  CHECK(node.membership.size() == 4);
  CHECK(node.membership.members().size() == 4);
  CHECK(node.membership.rumours().size() == GossipSettings().max_rumours);
  CHECK_FALSE(node.membership.phase(ghost(1)).has_value());
  // They are asked, some at a time; and no other node is told of them.
  node.out = {};
  node.run(1, 0);
  size_t asked = 0;
  for (const GossipOutgoing& outgoing : node.out.messages) {
    GossipMessage told;
    REQUIRE(decode_gossip(outgoing.bytes, &told).ok());
    for (const GossipEntry& entry : told.entries) CHECK(node.membership.phase(entry.id).has_value());
    asked += node.membership.phase(outgoing.to).has_value() ? 0 : 1;
  }
  CHECK(asked > 0);
  CHECK(asked <= 10);
  // One answers: it is met.
  const NodeId found = node.membership.rumours().back().id;
  GossipMessage hello;
  hello.kind = GossipKind::kUpdate;
  hello.entries.push_back({found, 1, 1, 1});
  hello.descriptions.push_back({found, 1, GossipNetwork::description_of(1000)});
  std::string bytes;
  encode_gossip(hello, &bytes);
  CHECK(node.membership.receive(found, bytes, node.now_us, &node.out).ok());
  CHECK(node.membership.healthy(found));
  CHECK(node.membership.size() == 5);
  // The others are forgotten.
  node.run(200, 0);
  CHECK(node.membership.rumours().empty());
}

TEST_CASE(
    "membership evidence: strangers have no say in a cluster, few are kept, and the silent are forgotten") {
  Observer node;
  node.membership.set_members({Observer::id(0), Observer::id(1), Observer::id(2)});
  const auto stranger = [](size_t number) { return GossipNetwork::id_of(500 + number); };
  node.run(20, 0);
  const auto say = [&](size_t number, std::vector<Suspicion> suspicions) {
    GossipMessage message;
    message.kind = GossipKind::kUpdate;
    message.entries.push_back({stranger(number), 1, ++node.heartbeat, 1});
    message.descriptions.push_back({stranger(number), 1, GossipNetwork::description_of(500 + number)});
    message.suspicions = std::move(suspicions);
    std::string bytes;
    encode_gossip(message, &bytes);
    CHECK(node.membership.receive(stranger(number), bytes, node.now_us, &node.out).ok());
  };
  for (size_t i = 0; i < 300; ++i) say(i, {});
  const size_t kept = GossipSettings().max_strangers;
  CHECK(node.membership.size() == 3 + kept);  // Node 3 is a stranger as well.
  size_t counted = 0;
  for (const MemberView& member : node.membership.members()) counted += member.counts ? 1 : 0;
  CHECK(counted == 3);
  // Node 2 is silent, and only strangers accuse it, as does node 3.
  const uint64_t last = node.heartbeat;
  for (int i = 0; i < 40; ++i) {
    node.run(1, 2);
    for (size_t number = 0; number < 20; ++number) {
      say(number, {{stranger(number), Observer::id(2), 1, last + 1000, 10'000}});
    }
    GossipMessage message = Observer::from(3, ++node.heartbeat);
    message.suspicions = {suspicion_of(3, 2, last + 1000)};
    CHECK(node.hear(3, message).ok());
  }
  CHECK(node.membership.phase(Observer::id(2)) == Phase::kSuspect);
  CHECK(node.membership.figures().suspects == 1);
  // They are asked nothing: who counts must not wait for its turn behind them.
  for (const GossipOutgoing& outgoing : node.out.messages) {
    GossipMessage message;
    REQUIRE(decode_gossip(outgoing.bytes, &message).ok());
    if (message.kind == GossipKind::kDigest)
      CHECK((outgoing.to == Observer::id(1) || outgoing.to == Observer::id(2)));
  }
  node.run(400, 2);
  CHECK(node.membership.size() == 4);
  CHECK(node.membership.phase(Observer::id(1)) == Phase::kAlive);
}

TEST_CASE("membership evidence: of two members one observer suffices, however many strangers there are") {
  Observer node;
  node.membership.set_members({Observer::id(0), Observer::id(2)});
  node.run(20, 0);
  node.run(40, 2);
  CHECK(node.membership.phase(Observer::id(2)) == Phase::kDown);
}

TEST_CASE("membership evidence: what others remember of a node does not use up its numbers") {
  Observer node;
  for (int i = 0; i < 1000; ++i) {
    GossipMessage message = Observer::from(1, ++node.heartbeat);
    message.entries.push_back({Observer::id(0), kGossipCounterLimit - 2, 1, kGossipCounterLimit - 2});
    message.entries.push_back({Observer::id(0), node.membership.incarnation() + (uint64_t{1} << 40), 1, 1});
    CHECK(node.hear(1, message).ok());
  }
  CHECK(node.membership.incarnation() < kGossipCounterLimit / 1000);
}

TEST_CASE("membership evidence: there is room for so many, and none for what could not be passed on") {
  engine::SeededRandom random(1);
  GossipSettings settings;
  settings.max_members = 3;
  Membership membership(Observer::id(0), GossipNetwork::description_of(0), 1, settings, 0, random);
  GossipOutput out;
  NodeDescription broken = GossipNetwork::description_of(1);
  broken.host = "two words";
  CHECK_FALSE(membership.learn(Observer::id(1), broken, 0, &out));
  CHECK(membership.size() == 1);
  for (size_t node = 1; node <= 2; ++node) {
    CHECK(membership.learn(Observer::id(node), GossipNetwork::description_of(node), 0, &out));
  }
  CHECK(membership.learn(Observer::id(1), broken, 0, &out));
  CHECK(*membership.description(Observer::id(1)) == GossipNetwork::description_of(1));
  CHECK_FALSE(membership.learn(Observer::id(3), GossipNetwork::description_of(3), 0, &out));
  CHECK(membership.size() == 3);
  membership.remove(Observer::id(1));
  CHECK(membership.learn(Observer::id(3), GossipNetwork::description_of(3), 0, &out));
  CHECK_FALSE(membership.learn(Observer::id(1), GossipNetwork::description_of(1), 0, &out));
}

TEST_CASE("membership evidence: what is no message of the sender is refused") {
  Observer node;
  CHECK(node.hear(1, Observer::from(2, 9)).code() == engine::StatusCode::kCorrupt);
  CHECK(node.hear(0, Observer::from(0, 9)).code() == engine::StatusCode::kInvalid);
  CHECK(node.membership.receive(Observer::id(1), "\x03", node.now_us, &node.out).code() ==
        engine::StatusCode::kNewerFormat);
  CHECK(node.membership.figures().messages_refused == 3);
  CHECK(node.membership.incarnation() == 5);
}

}  // namespace starling::cluster
