// Gossip from peers. What the decoder accepts must be what the encoder writes, byte for byte, and no accepted
// message may bring the state machine down, make it answer without bound or raise its counters out of range.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "cluster/membership/membership.h"
#include "engine/base/assert.h"
#include "engine/base/seeded_random.h"

namespace {

using namespace starling::cluster;

void fuzz_codec(std::string_view bytes) {
  GossipMessage message;
  if (!decode_gossip(bytes, &message).ok()) return;
  std::string again;
  encode_gossip(message, &again);
  STARLING_ASSERT(again == bytes);
}

void fuzz_membership(std::string_view bytes) {
  GossipMessage message;
  if (!decode_gossip(bytes, &message).ok()) return;
  starling::engine::SeededRandom random(1);
  NodeId self;
  self.bytes[0] = 1;
  NodeDescription description;
  description.host = "h";
  GossipSettings settings;
  settings.max_members = 16;
  Membership membership(self, description, 1, settings, 0, random);
  for (int round = 1; round < 4; ++round) {
    GossipOutput out;
    const int64_t now_us = round * settings.interval_us;
    (void)membership.receive(message.entries[0].id, bytes, now_us, &out);
    membership.tick(now_us, &out);
    STARLING_ASSERT(out.messages.size() <= 5 && membership.size() <= settings.max_members);
    for (const GossipOutgoing& outgoing : out.messages) {
      STARLING_ASSERT(decode_gossip(outgoing.bytes, &message).ok());
    }
    STARLING_ASSERT(decode_gossip(bytes, &message).ok());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  fuzz_codec(bytes);
  fuzz_membership(bytes);
  return 0;
}
