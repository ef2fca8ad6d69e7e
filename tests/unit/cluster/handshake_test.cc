#include "cluster/wire/handshake.h"

#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/seeded_random.h"
#include "tests/unit/resp/seed.h"

namespace starling::cluster {
namespace {

using State = Handshake::State;
using Role = Handshake::Role;

NodeId id_of(uint8_t number) {
  NodeId id;
  id.bytes.fill(number);
  return id;
}

Handshake::Options options_of(Role role, uint8_t number, std::string secret = "secret") {
  Handshake::Options options;
  options.role = role;
  options.self.id = id_of(number);
  options.self.cluster = 77;
  options.self.epoch = 1000 + number;
  options.self.address = "10.0.0." + std::to_string(number) + ":17001";
  options.secret = std::move(secret);
  options.nonce.fill(static_cast<uint8_t>(number + 100));
  options.deadline_ms = 5000;
  return options;
}

std::vector<std::string> frames_of(const std::string& bytes) {
  std::vector<std::string> frames;
  for (size_t at = 0; at < bytes.size();) {
    uint32_t length;
    std::memcpy(&length, bytes.data() + at, 4);
    frames.push_back(bytes.substr(at, 4 + length));
    at += 4 + length;
  }
  return frames;
}

// Gives the encoded frames to `to`, as long as it runs; what it says is appended to `out`.
void deliver(const std::string& bytes, Handshake* to, std::string* out) {
  FrameDecoder decoder;
  for (const std::string& encoded : frames_of(bytes)) {
    if (to->state() != State::kRunning) return;
    const std::span<char> room = decoder.prepare();
    REQUIRE(encoded.size() <= room.size());
    std::memcpy(room.data(), encoded.data(), encoded.size());
    decoder.commit(encoded.size());
    Frame frame;
    REQUIRE(decoder.next(&frame) == FrameDecoder::Result::kFrame);
    to->on_frame(frame, out);
  }
}

// What both said, in order, until nobody had more to say.
std::vector<std::string> converse(Handshake* initiator, Handshake* acceptor) {
  std::vector<std::string> said;
  std::string bytes;
  initiator->start(&bytes);
  bool to_acceptor = true;
  while (!bytes.empty()) {
    said.push_back(bytes);
    std::string answer;
    deliver(bytes, to_acceptor ? acceptor : initiator, &answer);
    bytes = answer;
    to_acceptor = !to_acceptor;
  }
  return said;
}

struct Pair {
  Handshake initiator, acceptor;
  std::vector<std::string> said;
  Pair(Handshake::Options a, Handshake::Options b)
      : initiator(std::move(a)), acceptor(std::move(b)), said(converse(&initiator, &acceptor)) {}
};

void check_refused(const Pair& pair, RefusalReason reason, bool by_acceptor) {
  CHECK(pair.initiator.state() == State::kRefused);
  CHECK(pair.acceptor.state() == State::kRefused);
  CHECK(pair.initiator.reason() == reason);
  CHECK(pair.acceptor.reason() == reason);
  CHECK(pair.initiator.refused_by_peer() == by_acceptor);
  CHECK(pair.acceptor.refused_by_peer() == !by_acceptor);
  CHECK(!pair.initiator.explanation().empty());
  CHECK(pair.initiator.explanation() == pair.acceptor.explanation());
}

TEST_CASE("handshake: two nodes with the same secret, or none, learn who the other is") {
  for (const std::string secret : {"secret", ""}) {
    Pair pair(options_of(Role::kInitiator, 1, secret), options_of(Role::kAcceptor, 2, secret));
    CHECK(pair.initiator.state() == State::kDone);
    CHECK(pair.acceptor.state() == State::kDone);
    CHECK(pair.initiator.peer().id == id_of(2));
    CHECK(pair.initiator.peer().epoch == 1002);
    CHECK(pair.initiator.peer().cluster == 77);
    CHECK(pair.initiator.peer().address == "10.0.0.2:17001");
    CHECK(pair.acceptor.peer().id == id_of(1));
    CHECK(pair.acceptor.version() == kGreatestBusVersion);
    CHECK(pair.said.size() == 4);
    for (const std::string& bytes : pair.said) CHECK(bytes.find("secret") == std::string::npos);
  }
}

TEST_CASE("handshake: each tells what its clock shows when it speaks, and notes when it hears the other's") {
  int64_t initiator_us = 1'000'000, acceptor_us = 70'000'000;
  Handshake::Options one = options_of(Role::kInitiator, 1), two = options_of(Role::kAcceptor, 2);
  one.clock_us = [&] { return initiator_us; };
  two.clock_us = [&] { return acceptor_us; };
  Handshake initiator(std::move(one)), acceptor(std::move(two));
  std::string hello, answer, proof;
  // The connection waits in the acceptor's queue for a while.
  acceptor_us += 3'000'000;
  initiator.start(&hello);
  deliver(hello, &acceptor, &answer);
  initiator_us += 2000;
  deliver(answer, &initiator, &proof);
  initiator_us += 500'000;
  answer.clear();
  deliver(proof, &acceptor, &answer);
  deliver(answer, &initiator, &proof);
  REQUIRE(initiator.state() == State::kDone);
  CHECK(initiator.peer_clock_us() == 73'000'000);
  CHECK(initiator.heard_us() == 1'002'000);
  CHECK(acceptor.peer_clock_us() == 1'000'000);
  CHECK(acceptor.heard_us() == 73'000'000);
}

TEST_CASE(
    "handshake: the initiator says nothing that depends on the secret before the acceptor spoke, nor "
    "the acceptor before the initiator proved itself") {
  std::string mine, other;
  Handshake(options_of(Role::kInitiator, 1, "one")).start(&mine);
  Handshake(options_of(Role::kInitiator, 1, "another")).start(&other);
  CHECK(mine == other);
  std::string answer, other_answer;
  Handshake acceptor(options_of(Role::kAcceptor, 2, "one"));
  deliver(mine, &acceptor, &answer);
  Handshake other_acceptor(options_of(Role::kAcceptor, 2, "another"));
  deliver(mine, &other_acceptor, &other_answer);
  CHECK(!answer.empty());
  CHECK(answer == other_answer);
}

TEST_CASE("handshake: a wrong secret, or one on one side only, is refused") {
  Pair wrong(options_of(Role::kInitiator, 1, "secret"), options_of(Role::kAcceptor, 2, "Secret"));
  check_refused(wrong, RefusalReason::kSecret, true);
  CHECK(wrong.said.size() == 4);
  Pair none(options_of(Role::kInitiator, 1, ""), options_of(Role::kAcceptor, 2));
  check_refused(none, RefusalReason::kSecret, true);
  Pair only(options_of(Role::kInitiator, 1), options_of(Role::kAcceptor, 2, ""));
  check_refused(only, RefusalReason::kSecret, true);
  CHECK(only.said.size() == 2);
}

TEST_CASE("handshake: a false claim to have a secret does not help") {
  // Says that it has one, then sends no proof.
  auto options = options_of(Role::kInitiator, 1, "any");
  Handshake liar(options);
  Handshake acceptor(options_of(Role::kAcceptor, 2));
  std::string hello, answer, proof, verdict;
  liar.start(&hello);
  deliver(hello, &acceptor, &answer);
  append_frame(FrameKind::kHello, 0, "", &proof);
  deliver(proof, &acceptor, &verdict);
  CHECK(acceptor.state() == State::kRefused);
  CHECK(acceptor.reason() == RefusalReason::kSecret);
}

TEST_CASE("handshake: an acceptor without the secret is found out") {
  Handshake initiator(options_of(Role::kInitiator, 1));
  Handshake impostor(options_of(Role::kAcceptor, 2, "guess"));
  std::string hello, reply, proof, verdict;
  initiator.start(&hello);
  deliver(hello, &impostor, &reply);
  deliver(reply, &initiator, &proof);
  // It gives its own proof back, whatever it was sent.
  std::string mirrored;
  const std::string payload = proof.substr(proof.size() - 32);
  append_frame(FrameKind::kHelloReply, 0, payload, &mirrored);
  deliver(mirrored, &initiator, &verdict);
  CHECK(initiator.state() == State::kRefused);
  CHECK(initiator.reason() == RefusalReason::kSecret);
}

TEST_CASE("handshake: another cluster is refused; a node of none yet is welcome") {
  auto other = options_of(Role::kInitiator, 1);
  other.self.cluster = 78;
  check_refused(Pair(other, options_of(Role::kAcceptor, 2)), RefusalReason::kCluster, true);
  other.self.cluster = 0;
  Pair joining(other, options_of(Role::kAcceptor, 2));
  CHECK(joining.initiator.state() == State::kDone);
  CHECK(joining.initiator.peer().cluster == 77);
}

TEST_CASE("handshake: nodes without a common version say which they speak") {
  auto newer = options_of(Role::kInitiator, 1);
  newer.self.least_version = 8;
  newer.self.greatest_version = 9;
  Pair pair(newer, options_of(Role::kAcceptor, 2));
  check_refused(pair, RefusalReason::kVersion, true);
  CHECK(pair.initiator.explanation() == "speaks version 8 to 9 of the bus protocol, its peer 3 to 5");
  auto older = options_of(Role::kAcceptor, 2);
  older.self.least_version = 1;
  older.self.greatest_version = 8;
  Pair common(newer, older);
  CHECK(common.initiator.state() == State::kDone);
  CHECK(common.initiator.version() == 8);
  CHECK(common.acceptor.version() == 8);
}

TEST_CASE("handshake: an introduction of a later form is still told about versions") {
  std::string payload = "STARLING";
  engine::append_varint(kGreatestBusVersion + 1, &payload);
  engine::append_varint(kGreatestBusVersion + 2, &payload);
  payload += "whatever";
  std::string hello, answer;
  append_frame(FrameKind::kHello, 0, payload, &hello);
  Handshake acceptor(options_of(Role::kAcceptor, 2));
  deliver(hello, &acceptor, &answer);
  CHECK(acceptor.reason() == RefusalReason::kVersion);
}

TEST_CASE("handshake: a node does not talk to itself, nor to another one than it looks for") {
  check_refused(Pair(options_of(Role::kInitiator, 1), options_of(Role::kAcceptor, 1)), RefusalReason::kSelf,
                true);
  auto looking = options_of(Role::kInitiator, 1);
  looking.expected = id_of(3);
  Pair pair(looking, options_of(Role::kAcceptor, 2));
  check_refused(pair, RefusalReason::kIdentity, false);
  looking.expected = id_of(2);
  CHECK(Pair(looking, options_of(Role::kAcceptor, 2)).initiator.state() == State::kDone);
}

TEST_CASE("handshake: the owner may object, after the peer has proved itself") {
  auto strict = options_of(Role::kAcceptor, 2);
  int asked = 0;
  strict.objection = [&](const Introduction& peer) -> std::optional<std::string> {
    ++asked;
    if (peer.id == id_of(1)) return "was removed from the cluster";
    return std::nullopt;
  };
  Pair removed(options_of(Role::kInitiator, 1), strict);
  check_refused(removed, RefusalReason::kObjection, true);
  CHECK(removed.initiator.explanation() == "was removed from the cluster");
  CHECK(asked == 1);
  CHECK(Pair(options_of(Role::kInitiator, 3), strict).acceptor.state() == State::kDone);
  Pair wrong(options_of(Role::kInitiator, 1, "wrong"), strict);
  CHECK(asked == 2);
}

TEST_CASE("handshake: recorded frames are of no use in another handshake") {
  Pair recorded(options_of(Role::kInitiator, 1), options_of(Role::kAcceptor, 2));
  REQUIRE(recorded.said.size() == 4);
  auto fresh = options_of(Role::kAcceptor, 2);
  fresh.nonce.fill(9);
  Handshake acceptor(fresh);
  std::string out;
  deliver(recorded.said[0] + recorded.said[2], &acceptor, &out);
  CHECK(acceptor.reason() == RefusalReason::kSecret);
  auto fresh_initiator = options_of(Role::kInitiator, 1);
  fresh_initiator.nonce.fill(9);
  Handshake initiator(fresh_initiator);
  out.clear();
  initiator.start(&out);
  deliver(recorded.said[1] + recorded.said[3], &initiator, &out);
  CHECK(initiator.reason() == RefusalReason::kSecret);
}

TEST_CASE("handshake: whatever is changed on the way is noticed") {
  Pair pair(options_of(Role::kInitiator, 1), options_of(Role::kAcceptor, 2));
  const std::string& hello = pair.said[0];
  for (size_t i = 4; i < hello.size(); ++i) {
    std::string changed = hello;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    FrameDecoder decoder;
    std::memcpy(decoder.prepare().data(), changed.data(), changed.size());
    decoder.commit(changed.size());
    Frame frame;
    if (decoder.next(&frame) != FrameDecoder::Result::kFrame) continue;
    Handshake acceptor(options_of(Role::kAcceptor, 2)), initiator(options_of(Role::kInitiator, 1));
    std::string reply, proof, verdict, start;
    initiator.start(&start);
    if (acceptor.on_frame(frame, &reply) == State::kRunning) deliver(reply, &initiator, &proof);
    if (acceptor.state() == State::kRunning) deliver(proof, &acceptor, &verdict);
    CHECK(acceptor.state() == State::kRefused);
  }
}

TEST_CASE("handshake: frames out of turn, cut short or made of noise are refused") {
  Pair good(options_of(Role::kInitiator, 1), options_of(Role::kAcceptor, 2));
  const std::string hello = good.said[0].substr(6);
  for (size_t size = 0; size < hello.size(); ++size) {
    Handshake acceptor(options_of(Role::kAcceptor, 2));
    std::string out;
    CHECK(acceptor.on_frame({FrameKind::kHello, 0, std::string_view(hello).substr(0, size)}, &out) ==
          State::kRefused);
    CHECK(acceptor.reason() == RefusalReason::kMalformed);
  }
  engine::SeededRandom random(resp::test_seed("handshake noise"));
  for (int run = 0; run < 2000; ++run) {
    const Role role = random.below(2) == 0 ? Role::kInitiator : Role::kAcceptor;
    Handshake handshake(options_of(role, 1));
    std::string out, noise;
    if (random.below(2) == 0) noise = hello;
    for (uint64_t i = random.below(60); i > 0; --i) noise.push_back(static_cast<char>(random.next()));
    for (int i = 0; i < 3 && handshake.state() == State::kRunning; ++i) {
      handshake.on_frame({static_cast<FrameKind>(1 + random.below(4)), 0, noise}, &out);
      CHECK(out.size() < 2 * kStrangerFrameBytes);
    }
    CHECK(handshake.state() == State::kRefused);
  }
  for (uint8_t kind = 2; kind <= kLastFrameKind; ++kind) {
    Handshake acceptor(options_of(Role::kAcceptor, 2));
    std::string out;
    CHECK(acceptor.on_frame({static_cast<FrameKind>(kind), 0, hello}, &out) == State::kRefused);
  }
  Handshake numbered(options_of(Role::kAcceptor, 2));
  std::string out;
  CHECK(numbered.on_frame({FrameKind::kHello, 5, hello}, &out) == State::kRefused);
}

TEST_CASE("handshake: a connection for signs of life is known by its first bytes") {
  Handshake::Options options = options_of(Role::kInitiator, 1);
  std::string usual, signs;
  Handshake(options).start(&usual);
  options.self.life_signs = true;
  Handshake(options).start(&signs);
  CHECK(begins_life_signs(usual) == false);
  CHECK(begins_life_signs(signs) == true);
  CHECK(begins_life_signs(signs + "more") == true);
  CHECK(begins_life_signs("GET / HTTP/1.1\r\n\r\n") == false);
  for (size_t size = 0; size < signs.size(); ++size)
    CHECK(begins_life_signs(std::string_view(signs).substr(0, size)) == std::nullopt);
  // The handshake itself is the same, and both learn what the connection is for.
  Pair pair(options, options_of(Role::kAcceptor, 2));
  REQUIRE(pair.acceptor.state() == State::kDone);
  CHECK(pair.acceptor.peer().life_signs);
  CHECK_FALSE(pair.initiator.peer().life_signs);
}

TEST_CASE("handshake: what a stranger writes into a refusal is bounded") {
  std::string payload(1, 4), out;
  engine::append_string(std::string(3000, 'x'), &payload);
  Handshake initiator(options_of(Role::kInitiator, 1));
  CHECK(initiator.on_frame({FrameKind::kRefuse, 0, payload}, &out) == State::kRefused);
  CHECK(initiator.explanation().size() <= 200);
  CHECK(out.empty());
  Handshake other(options_of(Role::kInitiator, 1));
  CHECK(other.on_frame({FrameKind::kRefuse, 0, ""}, &out) == State::kRefused);
  CHECK(other.refused_by_peer());
}

TEST_CASE("handshake: it ends at its deadline") {
  Handshake handshake(options_of(Role::kAcceptor, 2));
  std::string out;
  CHECK(handshake.on_time(4999, &out) == State::kRunning);
  CHECK(out.empty());
  CHECK(handshake.on_time(5000, &out) == State::kRefused);
  CHECK(handshake.reason() == RefusalReason::kTimeout);
  CHECK(!out.empty());
}

}  // namespace
}  // namespace starling::cluster
