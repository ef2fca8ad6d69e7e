#include "cluster/wire/frame.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "engine/base/assert.h"
#include "engine/base/byte_codec.h"

namespace starling::cluster {
namespace {

constexpr size_t kLengthBytes = 4;
constexpr size_t kFirstCapacity = 16 << 10;
constexpr size_t kLeastRoom = 8 << 10;
constexpr size_t kKeptCapacity = 256 << 10;

constexpr std::array<std::string_view, kLastFrameKind + 1> kNames = {"none",
                                                                     "hello",
                                                                     "hello reply",
                                                                     "refuse",
                                                                     "gossip",
                                                                     "topology",
                                                                     "topology request",
                                                                     "forward",
                                                                     "forward reply",
                                                                     "write",
                                                                     "write reply",
                                                                     "version",
                                                                     "version reply",
                                                                     "state",
                                                                     "state reply",
                                                                     "hint",
                                                                     "hint reply",
                                                                     "tree",
                                                                     "tree reply",
                                                                     "publish",
                                                                     "scan",
                                                                     "scan reply",
                                                                     "paxos",
                                                                     "ping",
                                                                     "pong",
                                                                     "leaving",
                                                                     "leaving reply",
                                                                     "piece",
                                                                     "working",
                                                                     "track",
                                                                     "invalidate"};

size_t varint_bytes(uint64_t value) {
  size_t bytes = 1;
  for (; value >= 0x80; value >>= 7) ++bytes;
  return bytes;
}

}  // namespace

std::string_view frame_kind_name(FrameKind kind) {
  const auto number = static_cast<uint8_t>(kind);
  return number <= kLastFrameKind ? kNames[number] : kNames[0];
}

size_t frame_bytes(uint64_t correlation, size_t payload_bytes) {
  return kLengthBytes + 1 + varint_bytes(correlation) + payload_bytes;
}

void append_frame_header(FrameKind kind, uint64_t correlation, size_t payload_bytes, std::string* out) {
  const size_t length = frame_bytes(correlation, payload_bytes) - kLengthBytes;
  STARLING_ASSERT(length <= kLargestFrameBytes);
  const auto encoded = static_cast<uint32_t>(length);
  char bytes[kLengthBytes];
  std::memcpy(bytes, &encoded, kLengthBytes);
  out->append(bytes, kLengthBytes);
  out->push_back(static_cast<char>(kind));
  engine::append_varint(correlation, out);
}

void append_frame(FrameKind kind, uint64_t correlation, std::string_view payload, std::string* out) {
  append_frame_header(kind, correlation, payload.size(), out);
  out->append(payload);
}

FrameDecoder::FrameDecoder(size_t largest_frame_bytes) : largest_frame_bytes_(largest_frame_bytes) {}

void FrameDecoder::resize(size_t capacity) {
  std::unique_ptr<char[]> larger(new char[capacity]);  // Not zeroed, as make_unique would.
  if (pending() > 0) std::memcpy(larger.get(), buffer_.get() + begin_, pending());
  buffer_ = std::move(larger);
  capacity_ = capacity;
  end_ = pending();
  begin_ = 0;
}

std::span<char> FrameDecoder::prepare() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (capacity_ - end_ < kLeastRoom) {
    // Doubles towards the end of an announced frame: few moves, and no more than twice what has come.
    const size_t missing = wanted_ > pending() ? wanted_ - pending() : 0;
    const size_t target = pending() + std::max(kLeastRoom, std::min(missing, pending()));
    if (capacity_ >= target && begin_ >= pending()) {
      std::memcpy(buffer_.get(), buffer_.get() + begin_, pending());
      end_ = pending();
      begin_ = 0;
    } else {
      resize(std::max(target, kFirstCapacity));
    }
  }
  return {buffer_.get() + end_, capacity_ - end_};
}

void FrameDecoder::commit(size_t bytes) {
  STARLING_ASSERT(bytes <= capacity_ - end_);
  end_ += bytes;
}

FrameDecoder::Result FrameDecoder::broken(std::string_view reason) {
  reason_ = reason;
  return Result::kBroken;
}

FrameDecoder::Result FrameDecoder::next(Frame* frame) {
  if (!reason_.empty()) return Result::kBroken;
  if (pending() < kLengthBytes) {
    wanted_ = 0;
    return Result::kMore;
  }
  uint32_t length;
  std::memcpy(&length, buffer_.get() + begin_, kLengthBytes);
  if (length < 2) return broken("a frame without kind and correlation");
  if (length > largest_frame_bytes_) return broken("a frame longer than allowed");
  wanted_ = kLengthBytes + length;
  // What follows is not waited for when the beginning is wrong already.
  if (pending() > kLengthBytes) {
    const auto kind = static_cast<uint8_t>(buffer_[begin_ + kLengthBytes]);
    if (kind == 0 || kind > kLastFrameKind) return broken("a frame of unknown kind");
  }
  if (pending() < wanted_) return Result::kMore;
  engine::ByteReader reader({buffer_.get() + begin_ + kLengthBytes, length});
  uint8_t kind = 0;
  if (!reader.read_byte(&kind) || !reader.read_varint(&frame->correlation)) {
    return broken("a frame with a malformed correlation");
  }
  frame->kind = static_cast<FrameKind>(kind);
  frame->payload = reader.rest();
  begin_ += wanted_;
  wanted_ = 0;
  return Result::kFrame;
}

void FrameDecoder::shrink() {
  if (capacity_ > kKeptCapacity && pending() < kKeptCapacity / 2) resize(std::max(pending(), kFirstCapacity));
}

}  // namespace starling::cluster
