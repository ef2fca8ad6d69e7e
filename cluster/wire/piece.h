// Large frames, cut into pieces between which other frames go: the lane for bulk of one connection, and its end.
//
//   piece := number:varint part:u8 rest         the payload of a `piece` frame (frame.h); `number` is the sender's
//   part  := 0 the first one       kind:u8 correlation:varint size:varint byte*       of the whole payload
//          | 1 a further one       byte*
//          | 2 the last one        age:varint byte*
//          | 3 it is given up: nothing of it counts
//          | 4 all of it           kind:u8 correlation:varint age:varint byte*
//   age   := for how long it had been under way at the sender, in microseconds, when this left
//
// What has an order never overtakes what has the same one. Everything else does: up to kMostAtOnce large frames are
// under way together, turn by turn, and frames that are not in the lane do not wait for it at all.
//
// Pure: time comes as an argument.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "cluster/wire/frame.h"

namespace starling::cluster {

// Payloads from here on take the lane. What is shorter passes in less than ten milliseconds on a slow network.
inline constexpr size_t kLanePayloadBytes = 1 << 20;
inline constexpr size_t kPieceBytes = 64 << 10;
// More would need memory for each at the other end.
inline constexpr size_t kMostAtOnce = 4;

using SharedBytes = std::shared_ptr<const std::string>;

class OutgoingPieces {
 public:
  // A frame of the connection: `head`, then `body`.
  struct Piece {
    std::string head;
    std::string_view body;
    SharedBytes keep_alive;  // Of the body.
    // What it is a part of, and for the last part how old that is.
    FrameKind kind{};
    uint64_t correlation = 0;
    std::optional<int64_t> age_us;
  };

  // `order` 0: of none. `at_end`: behind all that is there, whatever its order.
  void add(FrameKind kind, uint64_t correlation, SharedBytes payload, uint64_t order, bool at_end,
           int64_t now_us);
  bool empty() const { return bytes_ == 0 && frames_ == 0; }
  // Payload bytes that have not left.
  size_t bytes() const { return bytes_; }
  // Something of that order is there.
  bool holds(uint64_t order) const { return behind_.contains(order); }
  // False: there is none.
  bool next(int64_t now_us, Piece* piece);
  // Takes a frame out, so that it never arrives. False: it is not there, or all of it has left. `piece` is a frame to
  // send then, or has no head: nothing of it had left.
  bool withdraw(FrameKind kind, uint64_t correlation, Piece* piece);

 private:
  struct Entry {
    uint64_t number;
    FrameKind kind;
    uint64_t correlation;
    SharedBytes payload;
    uint64_t order;
    int64_t queued_us;
    size_t sent = 0;
    bool begun = false;
  };

  void end(const Entry& entry);

  std::deque<Entry> active_;  // In turn.
  std::deque<Entry> ready_;
  std::deque<Entry> at_end_;
  // By order, what waits for the one of it that is active or ready.
  absl::flat_hash_map<uint64_t, std::deque<Entry>> behind_;
  uint64_t next_number_ = 1;
  size_t bytes_ = 0;
  size_t frames_ = 0;
};

class IncomingPieces {
 public:
  enum class Result { kMore, kFrame, kBroken };

  explicit IncomingPieces(size_t largest_frame_bytes) : largest_frame_bytes_(largest_frame_bytes) {}

  // The payload of a `piece` frame. kFrame: it was the last one of a frame, which is in kind(), correlation(), age_us()
  // and payload(). kMore: kind() and correlation() say what it belongs to; kind 0: it was given up.
  Result take(std::string_view piece);
  FrameKind kind() const { return kind_; }
  uint64_t correlation() const { return correlation_; }
  int64_t age_us() const { return age_us_; }
  std::string& payload() { return payload_; }
  size_t memory_bytes() const { return bytes_; }

 private:
  struct Entry {
    FrameKind kind;
    uint64_t correlation;
    size_t size;
    std::string bytes;
  };

  Result begin(uint64_t number, std::string_view rest);
  Result add(uint64_t number, std::string_view bytes, bool last);
  Result whole(std::string_view rest);

  const size_t largest_frame_bytes_;
  absl::flat_hash_map<uint64_t, Entry> entries_;
  size_t bytes_ = 0;
  FrameKind kind_{};
  uint64_t correlation_ = 0;
  int64_t age_us_ = 0;
  std::string payload_;
};

}  // namespace starling::cluster
