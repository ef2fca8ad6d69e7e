#include "server/cluster/forward_frame.h"

#include <algorithm>

#include "engine/base/byte_codec.h"

namespace starling::server {
namespace {

constexpr uint64_t kMostReplies = 1 << 24;
constexpr uint64_t kLatestDeadlineUs = uint64_t{1} << 61;

}  // namespace

std::string encode_forward(const ForwardFrame& frame) {
  std::string payload;
  payload.reserve(frame.requests.size() + 48);
  engine::append_varint(frame.origin, &payload);
  if (frame.requests.empty()) return payload;
  engine::append_u64(frame.life, &payload);
  engine::append_varint(frame.settled, &payload);
  payload.push_back(frame.repeated ? 1 : 0);
  // A node that began a moment ago: its clock was not there yet.
  engine::append_varint(static_cast<uint64_t>(std::max<int64_t>(frame.deadline_us, 0)), &payload);
  engine::append_varint(static_cast<uint64_t>(frame.replies), &payload);
  payload += frame.requests;
  return payload;
}

bool decode_forward(std::string_view payload, ForwardFrame* frame) {
  engine::ByteReader reader(payload);
  uint8_t repeated;
  uint64_t deadline_us, replies;
  *frame = {};
  if (!reader.read_varint(&frame->origin)) return false;
  if (reader.left() == 0) return true;
  if (!reader.read_u64(&frame->life) || !reader.read_varint(&frame->settled) ||
      !reader.read_byte(&repeated) || !reader.read_varint(&deadline_us) || !reader.read_varint(&replies) ||
      reader.left() == 0) {
    return false;
  }
  if (repeated > 1 || replies == 0 || replies > kMostReplies || deadline_us > kLatestDeadlineUs) return false;
  frame->repeated = repeated == 1;
  frame->deadline_us = static_cast<int64_t>(deadline_us);
  frame->replies = static_cast<int>(replies);
  frame->requests = reader.rest();
  return true;
}

}  // namespace starling::server
