// The payload of a `forward` frame: requests of one client of another node.
//
//   forward  := origin:varint [life:u64 settled:varint repeated:u8 deadline:varint replies:varint request+]
//   origin   := the client's id at the other node; nothing behind it: the client went away
//   life     := drawn by the asking loop when it began: with the frame's correlation it names the operation,
//               for good. 0: the operation may be run twice, so nobody needs to remember it
//   settled  := of this life, operations with lower numbers have their answers
//   repeated := 0: it is sent for the first time | 1: it was sent before, to the same process
//   deadline := by the clock of the node that it is sent to (BusLinks::peer_time_us), in microseconds: what has not
//               begun by then is not run any more
//   replies  := how many replies the requests have; the last one is the answer
//   request  := as in forward_prefix.h
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cluster/wire/frame.h"

namespace starling::server {

struct ForwardFrame {
  uint64_t origin = 0;
  uint64_t life = 0;
  uint64_t settled = 0;
  bool repeated = false;
  int64_t deadline_us = 0;
  int replies = 1;
  std::string_view requests;  // Empty: the client went away.

  bool operator==(const ForwardFrame&) const = default;
};

// Of the frames of one client, which stay in their order (BusLinks::send()).
inline uint64_t order_of(uint64_t client_id) {
  return uint64_t{static_cast<uint8_t>(cluster::FrameKind::kForward)} << 56 | client_id;
}

std::string encode_forward(const ForwardFrame& frame);
// False for anything that encode_forward() does not write. Views into `payload`.
[[nodiscard]] bool decode_forward(std::string_view payload, ForwardFrame* frame);

}  // namespace starling::server
