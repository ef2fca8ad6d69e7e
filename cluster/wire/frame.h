// What nodes say to each other, cut into frames.
//
//   stream      := frame*
//   frame       := length:u32 kind:u8 correlation:varint payload:bytes    length counts all that follows it
//   kind        := FrameKind; any other ends the connection
//   correlation := the asker's number of a request, repeated in its reply; 0 where nobody waits for one
//
// u32 is little-endian; varint as in engine/base/byte_codec.h. What a payload holds is the business of the kind.
// The first frames are those of the handshake (handshake.h), which agrees on the version of all that follow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace starling::cluster {

// The numbers are the protocol: never reuse or change one.
enum class FrameKind : uint8_t {
  kHello = 1,
  kHelloReply = 2,
  kRefuse = 3,
  kGossip = 4,
  kTopology = 5,
  kTopologyRequest = 6,
  kForward = 7,
  kForwardReply = 8,
  kWrite = 9,
  kWriteReply = 10,
  kVersion = 11,
  kVersionReply = 12,
  kState = 13,
  kStateReply = 14,
  kHint = 15,
  kHintReply = 16,
  kTree = 17,
  kTreeReply = 18,
  kPublish = 19,
  kScan = 20,
  kScanReply = 21,
  kPaxos = 22,
  kPing = 23,
  kPong = 24,
  kLeaving = 25,
  kLeavingReply = 26,
  kPiece = 27,
  kWorking = 28,
  kTrack = 29,
  kInvalidate = 30,
};
inline constexpr uint8_t kLastFrameKind = 30;

// As in the logs: "gossip", "forward reply".
std::string_view frame_kind_name(FrameKind kind);

// Bounds of `length`. Until the handshake is done a peer is a stranger; after, a frame holds at most one
// record of the largest size and what belongs to it.
inline constexpr size_t kStrangerFrameBytes = 4 << 10;
inline constexpr size_t kLargestFrameBytes = (512 << 20) + (16 << 20);

struct Frame {
  FrameKind kind{};
  uint64_t correlation = 0;
  std::string_view payload;
};

// Everything of a frame before its payload. Precondition: the frame is within kLargestFrameBytes.
void append_frame_header(FrameKind kind, uint64_t correlation, size_t payload_bytes, std::string* out);
void append_frame(FrameKind kind, uint64_t correlation, std::string_view payload, std::string* out);
// The size of the whole frame.
size_t frame_bytes(uint64_t correlation, size_t payload_bytes);

// Bytes in, in any pieces; frames out. Holds at most one announced frame and what was received with it:
// memory grows with the bytes that came, not with the length that a peer announces.
class FrameDecoder {
 public:
  enum class Result { kFrame, kMore, kBroken };

  explicit FrameDecoder(size_t largest_frame_bytes = kStrangerFrameBytes);

  // Holds for frames that next() has not returned yet.
  void set_largest_frame_bytes(size_t bytes) { largest_frame_bytes_ = bytes; }

  // Room for what comes next, never empty. Ends the life of all views given out.
  std::span<char> prepare();
  // `bytes` of the room were filled.
  void commit(size_t bytes);

  // kFrame: `frame` is the next one, its payload valid until prepare(). kMore: needs more bytes. kBroken: the
  // stream holds no frames, `reason()` says why; nothing more can be had from it.
  Result next(Frame* frame);
  std::string_view reason() const { return reason_; }

  // The memory held.
  size_t memory_bytes() const { return capacity_; }
  // Gives back what only a large frame needed. For idle links; views must be done with.
  void shrink();

 private:
  Result broken(std::string_view reason);
  void resize(size_t capacity);
  size_t pending() const { return end_ - begin_; }

  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0;
  size_t begin_ = 0, end_ = 0;  // Received and not yet returned.
  size_t wanted_ = 0;           // The whole of the frame that begin_ starts, when known.
  size_t largest_frame_bytes_;
  std::string_view reason_;  // Set: broken.
};

}  // namespace starling::cluster
