// What a stranger can send to the bus port. No input may crash the decoder or either side of the handshake,
// make it hold more than about twice what came, or be taken for a peer that knows the secret.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "cluster/wire/frame.h"
#include "cluster/wire/handshake.h"
#include "engine/base/assert.h"

namespace {

using namespace starling::cluster;

Handshake::Options options_of(Handshake::Role role) {
  Handshake::Options options;
  options.role = role;
  options.self.id.bytes.fill(7);
  options.self.address = "127.0.0.1:17001";
  options.secret = "secret";
  return options;
}

// The first byte says in which pieces the rest comes.
void fuzz_decoder(std::string_view bytes, size_t piece) {
  FrameDecoder decoder(kLargestFrameBytes);
  const std::string_view all = bytes;
  std::string again;
  size_t fed = 0;
  while (!bytes.empty()) {
    const auto room = decoder.prepare();
    const size_t count = std::min({room.size(), bytes.size(), piece});
    std::memcpy(room.data(), bytes.data(), count);
    decoder.commit(count);
    bytes.remove_prefix(count);
    fed += count;
    Frame frame;
    FrameDecoder::Result result;
    while ((result = decoder.next(&frame)) == FrameDecoder::Result::kFrame) {
      append_frame(frame.kind, frame.correlation, frame.payload, &again);
    }
    STARLING_ASSERT(decoder.memory_bytes() <= 2 * fed + (64 << 10));
    if (result == FrameDecoder::Result::kBroken) break;
  }
  STARLING_ASSERT(again == all.substr(0, again.size()));
}

void fuzz_handshake(std::string_view bytes, Handshake::Role role) {
  FrameDecoder decoder;
  Handshake handshake(options_of(role));
  std::string out;
  handshake.start(&out);
  while (!bytes.empty() && handshake.state() == Handshake::State::kRunning) {
    const auto room = decoder.prepare();
    const size_t count = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), count);
    decoder.commit(count);
    bytes.remove_prefix(count);
    Frame frame;
    FrameDecoder::Result result;
    while (handshake.state() == Handshake::State::kRunning &&
           (result = decoder.next(&frame)) != FrameDecoder::Result::kMore) {
      if (result == FrameDecoder::Result::kBroken) {
        handshake.on_broken_stream(decoder.reason(), &out);
      } else {
        handshake.on_frame(frame, &out);
      }
    }
  }
  STARLING_ASSERT(handshake.state() != Handshake::State::kDone);
  STARLING_ASSERT(out.size() <= 3 * kStrangerFrameBytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  fuzz_decoder(bytes, 1 + data[0]);
  fuzz_handshake(bytes, Handshake::Role::kInitiator);
  fuzz_handshake(bytes, Handshake::Role::kAcceptor);
  return 0;
}
