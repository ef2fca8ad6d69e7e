#include "cluster/wire/frame.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "engine/base/seeded_random.h"
#include "tests/unit/resp/seed.h"

namespace starling::cluster {
namespace {

struct Received {
  FrameKind kind;
  uint64_t correlation;
  std::string payload;
  bool operator==(const Received&) const = default;
};

// Feeds `bytes` in pieces of the given sizes (the last one repeats); true unless the stream broke.
bool feed(FrameDecoder* decoder, std::string_view bytes, std::vector<size_t> pieces,
          std::vector<Received>* received) {
  size_t next = 0;
  while (!bytes.empty()) {
    const std::span<char> room = decoder->prepare();
    REQUIRE(!room.empty());
    const size_t count = std::min({room.size(), bytes.size(), pieces[std::min(next, pieces.size() - 1)]});
    ++next;
    std::memcpy(room.data(), bytes.data(), count);
    decoder->commit(count);
    bytes.remove_prefix(count);
    for (;;) {
      Frame frame;
      const FrameDecoder::Result result = decoder->next(&frame);
      if (result == FrameDecoder::Result::kBroken) return false;
      if (result == FrameDecoder::Result::kMore) break;
      received->push_back({frame.kind, frame.correlation, std::string(frame.payload)});
    }
  }
  return true;
}

std::string encode(const std::vector<Received>& frames) {
  std::string bytes;
  for (const Received& frame : frames) append_frame(frame.kind, frame.correlation, frame.payload, &bytes);
  return bytes;
}

TEST_CASE("frame: the bytes are those of the grammar") {
  std::string bytes;
  append_frame(FrameKind::kWrite, 300, "abc", &bytes);
  CHECK(bytes == std::string("\x06\0\0\0\x09\xac\x02"
                             "abc",
                             10));
  CHECK(frame_bytes(300, 3) == bytes.size());
  CHECK(static_cast<int>(FrameKind::kGossip) == 4);
  CHECK(static_cast<int>(FrameKind::kPaxos) == 22);
  CHECK(frame_kind_name(FrameKind::kForwardReply) == "forward reply");
  CHECK(frame_kind_name(FrameKind::kPong) == "pong");
}

TEST_CASE("frame: what was encoded is read back however the stream is split") {
  const std::vector<Received> frames = {{FrameKind::kPing, 0, ""},
                                        {FrameKind::kForward, 127, "x"},
                                        {FrameKind::kWrite, 128, std::string(50, 'w')},
                                        {FrameKind::kPong, UINT64_MAX, ""},
                                        {FrameKind::kScanReply, 1, std::string("\0\xff\n", 3)}};
  const std::string bytes = encode(frames);
  for (size_t split = 1; split < bytes.size(); ++split) {
    FrameDecoder decoder;
    std::vector<Received> received;
    CHECK(feed(&decoder, bytes, {split, bytes.size()}, &received));
    CHECK(received == frames);
  }
  FrameDecoder decoder;
  std::vector<Received> received;
  CHECK(feed(&decoder, bytes, {1}, &received));
  CHECK(received == frames);
}

TEST_CASE("frame: random frames in random pieces") {
  engine::SeededRandom random(resp::test_seed("frames"));
  for (int run = 0; run < 30; ++run) {
    std::vector<Received> frames;
    for (uint64_t i = random.below(40); i > 0; --i) {
      const size_t size = random.below(uint64_t{1} << random.below(18));
      frames.push_back({static_cast<FrameKind>(1 + random.below(kLastFrameKind)),
                        random.next() >> random.below(64),
                        std::string(size, static_cast<char>(random.next()))});
    }
    std::vector<size_t> pieces;
    for (int i = 0; i < 200; ++i) pieces.push_back(1 + random.below(uint64_t{1} << random.below(16)));
    pieces.push_back(4096);
    FrameDecoder decoder(kLargestFrameBytes);
    std::vector<Received> received;
    CHECK(feed(&decoder, encode(frames), pieces, &received));
    CHECK(received == frames);
  }
}

bool broken(const std::string& bytes, size_t largest = kStrangerFrameBytes) {
  FrameDecoder decoder(largest);
  std::vector<Received> received;
  if (feed(&decoder, bytes, {bytes.size()}, &received)) return false;
  // It stays so.
  Frame frame;
  CHECK(decoder.next(&frame) == FrameDecoder::Result::kBroken);
  CHECK(!decoder.reason().empty());
  return true;
}

TEST_CASE("frame: what no frame begins with ends the stream") {
  CHECK(broken(std::string(4, '\0')));
  CHECK(broken(std::string("\x01\0\0\0\x17", 5)));
  CHECK(broken("GET / HTTP/1.1\r\n"));
  CHECK(broken("*1\r\n$4\r\nPING\r\n"));
  CHECK(broken(std::string("\x02\0\0\0\0\0", 6)));
  CHECK(broken(std::string("\x02\0\0\0\x1f\0", 6)));
  // The kind is looked at before the rest has come.
  CHECK(broken(std::string("\xff\x0f\0\0\x63", 5)));
  // A correlation that does not end within the frame, or is longer than it must be.
  CHECK(broken(std::string("\x03\0\0\0\x17\x80\x80", 7)));
  CHECK(broken(std::string("\x03\0\0\0\x17\x80\0", 7)));
  CHECK_FALSE(broken(std::string("\x03\0\0\0\x17\x80\x01", 7)));
}

TEST_CASE("frame: the bound holds for strangers, and moves when they are known") {
  std::string at_bound, above;
  append_frame(FrameKind::kHello, 0, std::string(kStrangerFrameBytes - 2, 'h'), &at_bound);
  append_frame(FrameKind::kHello, 0, std::string(kStrangerFrameBytes - 1, 'h'), &above);
  CHECK_FALSE(broken(at_bound));
  CHECK(broken(above));
  CHECK(broken(above.substr(0, 4)));
  CHECK_FALSE(broken(above, kLargestFrameBytes));
}

TEST_CASE("frame: an announced length takes no memory, what came takes about twice its size") {
  FrameDecoder decoder(kLargestFrameBytes);
  std::string header;
  append_frame_header(FrameKind::kState, 1, 500 << 20, &header);
  std::vector<Received> received;
  CHECK(feed(&decoder, header, {1}, &received));
  CHECK(decoder.memory_bytes() <= 32 << 10);
  CHECK(feed(&decoder, std::string(3 << 20, 'x'), {10000}, &received));
  CHECK(received.empty());
  CHECK(decoder.memory_bytes() >= 3 << 20);
  CHECK(decoder.memory_bytes() <= 7 << 20);
}

TEST_CASE("frame: after a large frame its memory is given back") {
  FrameDecoder decoder(kLargestFrameBytes);
  std::vector<Received> received;
  CHECK(feed(&decoder, encode({{FrameKind::kState, 1, std::string(5 << 20, 'x')}}), {100000}, &received));
  REQUIRE(received.size() == 1);
  CHECK(received[0].payload.size() == 5 << 20);
  CHECK(decoder.memory_bytes() > 5 << 20);
  decoder.shrink();
  CHECK(decoder.memory_bytes() <= 32 << 10);
  CHECK(feed(&decoder, encode({{FrameKind::kPing, 2, ""}}), {100}, &received));
  CHECK(received.back() == Received{FrameKind::kPing, 2, ""});
}

}  // namespace
}  // namespace starling::cluster
