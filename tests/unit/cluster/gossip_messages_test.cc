#include "cluster/membership/gossip_messages.h"

#include <doctest/doctest.h>

#include "engine/base/byte_codec.h"
#include "engine/base/seeded_random.h"
#include "tests/unit/cluster/gossip_network.h"

namespace starling::cluster {
namespace {

NodeId some_id(engine::Random& random) {
  NodeId id;
  for (uint8_t& byte : id.bytes) byte = static_cast<uint8_t>(random.next());
  id.bytes[0] |= 1;
  return id;
}

// Counters of all lengths.
uint64_t some_counter(engine::Random& random) {
  return random.next() >> (2 + random.below(62));
}

GossipMessage some_message(engine::Random& random, size_t max_items) {
  GossipMessage message;
  message.kind = static_cast<GossipKind>(1 + random.below(3));
  message.sequence = random.next() >> random.below(64);
  for (size_t i = 1 + random.below(max_items); i > 0; --i) {
    message.entries.push_back(
        {some_id(random), some_counter(random), some_counter(random), some_counter(random)});
  }
  for (size_t i = random.below(max_items); i > 0; --i) {
    message.suspicions.push_back({some_id(random), some_id(random), some_counter(random),
                                  some_counter(random), random.below(kMaxSuspicionRemainingMs + 1)});
  }
  for (size_t i = random.below(max_items); i > 0; --i) message.wants.push_back(some_id(random));
  for (size_t i = random.below(max_items); i > 0; --i) {
    NodeDescription description;
    description.host = std::string(1 + random.below(kMaxHostBytes), 'h');
    description.port = static_cast<uint16_t>(random.next());
    description.bus_port = static_cast<uint16_t>(random.next());
    description.weight = static_cast<uint32_t>(random.next() >> 33);
    description.rack = std::string(random.below(kMaxPlaceBytes + 1), 'r');
    description.datacenter = std::string(random.below(kMaxPlaceBytes + 1), '~');
    description.hostname = std::string(random.below(kMaxHostBytes + 1), 'h');
    description.nodename = std::string(random.below(kMaxHostBytes + 1), 'n');
    description.cluster_id = random.next();
    description.topology_epoch = random.next();
    description.min_nodes = static_cast<uint32_t>(random.next() >> 33);
    description.replicas = static_cast<uint32_t>(random.next() >> 33);
    description.actor = random.next();
    description.accepts_writes = random.below(2) == 0;
    if (random.below(2) == 0) description.hash_seed = random.next();
    description.stands_back = random.below(2) == 0;
    description.joins = random.below(2) == 0;
    description.drops = random.below(2) == 0;
    if (random.below(2) == 0) description.received = random.next() | 1;
    if (random.below(2) == 0) description.tls_port = static_cast<uint16_t>(1 + random.below(65535));
    CHECK(description.well_formed());
    message.descriptions.push_back({some_id(random), some_counter(random), description});
  }
  const auto some_time = [&] {
    return static_cast<int64_t>(random.below(2'000'000'000'000'000)) - 1'000'000'000'000'000;
  };
  if (random.below(2) == 0)
    message.clock = ClockReading{some_time(), some_time(), some_time(), random.below(2) == 0};
  return message;
}

std::string encoded(const GossipMessage& message) {
  std::string bytes;
  encode_gossip(message, &bytes);
  return bytes;
}

// The smallest message there is.
GossipMessage minimal(engine::Random& random) {
  GossipMessage message;
  message.entries.push_back({some_id(random), 1, 1, 1});
  return message;
}

engine::StatusCode code_of(const GossipMessage& message) {
  GossipMessage decoded;
  return decode_gossip(encoded(message), &decoded).code();
}

}  // namespace

TEST_CASE("gossip messages read back as they were written") {
  engine::SeededRandom random(gossip_seed());
  for (int i = 0; i < 500; ++i) {
    const GossipMessage message = some_message(random, 12);
    GossipMessage decoded = some_message(random, 3);
    REQUIRE(decode_gossip(encoded(message), &decoded).ok());
    CHECK(decoded == message);
  }
}

TEST_CASE("gossip messages cut short or followed by anything are corrupt") {
  engine::SeededRandom random(gossip_seed());
  for (int i = 0; i < 20; ++i) {
    const std::string bytes = encoded(some_message(random, 4));
    GossipMessage decoded;
    for (size_t size = 0; size < bytes.size(); ++size) {
      REQUIRE(decode_gossip(std::string_view(bytes).substr(0, size), &decoded).code() ==
              engine::StatusCode::kCorrupt);
    }
    CHECK(decode_gossip(bytes + '\0', &decoded).code() == engine::StatusCode::kCorrupt);
  }
}

TEST_CASE("gossip messages of a newer version are refused as such") {
  engine::SeededRandom random(gossip_seed());
  std::string bytes = encoded(minimal(random));
  GossipMessage decoded;
  bytes[0] = kGossipVersion + 1;
  CHECK(decode_gossip(bytes, &decoded).code() == engine::StatusCode::kNewerFormat);
  CHECK(decode_gossip("\x03", &decoded).code() == engine::StatusCode::kNewerFormat);
  bytes[0] = kGossipVersion - 1;
  CHECK(decode_gossip(bytes, &decoded).code() == engine::StatusCode::kCorrupt);
}

TEST_CASE("gossip messages past a bound of the grammar are corrupt") {
  engine::SeededRandom random(gossip_seed());
  const GossipMessage good = minimal(random);
  CHECK(code_of(good) == engine::StatusCode::kOk);
  GossipMessage message = good;
  message.kind = static_cast<GossipKind>(4);
  CHECK(code_of(message) == engine::StatusCode::kCorrupt);
  message = good;
  message.entries.clear();
  CHECK(code_of(message) == engine::StatusCode::kCorrupt);
  message = good;
  message.entries[0].id = NodeId();
  CHECK(code_of(message) == engine::StatusCode::kCorrupt);
  message = good;
  message.entries[0].incarnation = kGossipCounterLimit;
  CHECK(code_of(message) == engine::StatusCode::kCorrupt);
  message = good;
  message.entries.resize(kMaxGossipEntries + 1, good.entries[0]);
  CHECK(code_of(message) == engine::StatusCode::kCorrupt);
  message = good;
  message.suspicions.push_back({some_id(random), some_id(random), 1, 1, kMaxSuspicionRemainingMs + 1});
  CHECK(code_of(message) == engine::StatusCode::kCorrupt);
  message = good;
  message.clock = ClockReading{int64_t{1} << 60, 0, 0, true};
  CHECK(code_of(message) == engine::StatusCode::kCorrupt);
  for (const char* host : {"", "a b", "a\n", "\x80"}) {
    CAPTURE(host);
    message = good;
    message.descriptions.push_back({some_id(random), 1, {}});
    message.descriptions[0].description.host = host;
    CHECK_FALSE(message.descriptions[0].description.well_formed());
    CHECK(code_of(message) == engine::StatusCode::kCorrupt);
  }
  // A count that no bytes follow makes no room.
  std::string bytes("\x02\x01\x00", 3);
  engine::append_varint(uint64_t{1} << 40, &bytes);
  CHECK(decode_gossip(bytes, &message).code() == engine::StatusCode::kCorrupt);
}

TEST_CASE("gossip messages of flipped bits never decode to what would encode differently") {
  engine::SeededRandom random(gossip_seed());
  for (int i = 0; i < 2000; ++i) {
    std::string bytes = encoded(some_message(random, 4));
    bytes[random.below(bytes.size())] ^= static_cast<char>(1 << random.below(8));
    GossipMessage decoded;
    if (decode_gossip(bytes, &decoded).ok()) CHECK(encoded(decoded) == bytes);
  }
}

}  // namespace starling::cluster
