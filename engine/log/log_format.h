// The bytes of a commit log segment.
//
//   segment  = header *frame [rest]
//   header   = magic version check number previous previous-end *zero        ; 64 bytes
//   magic    = "STARLOG" %x00                                                ; 8 bytes
//   version  = u32                       ; 1. A greater one is from a newer program and stops the start.
//   check    = u32                       ; low half of XXH3 over number, previous and previous-end
//   number   = u64                       ; the segment's own, as in its file name
//   previous = u64                       ; the segment before this one, 0: none
//   previous-end = u64                   ; where the frames of the one before end; what lies behind is void
//   frame    = sum word payload
//   sum      = u32                       ; low halves: XXH3(payload) xor XXH3(segment number, frame's offset, word)
//   word     = varint                    ; 2 * payload bytes + kind; never 0 or 1: preallocated zeros are no frame
//   kind     = 0 (data) / 1 (mark)
//   payload  = *byte                     ; of a data frame: the writer's
//   mark     = mark-magic u64 u64        ; payload of a mark: the log is durable up to (segment, offset)
//   rest     = *byte                     ; preallocated zeros, or what a recycled file held before
//
// Integers are little-endian; a varint has seven bits a byte, the low ones first.
//
// The sum takes in the segment number and the offset, so that the frames of an earlier life of a recycled
// file, or ones that a block written to the wrong place brought, never pass as this segment's.
//
// Why marks: a power cut leaves of the unsynced part of a file whichever pages the kernel had written, so
// valid frames may well follow a hole there, and that is no corruption. A mark, written after each sync,
// tells the two apart: a bad frame before a position that was durable is damage, a bad frame behind it is a
// torn tail.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace starling::engine {

inline constexpr uint64_t kSegmentHeaderBytes = 64;
inline constexpr uint32_t kLogFormatVersion = 1;

struct SegmentHeader {
  uint64_t number = 0;
  uint64_t previous = 0;
  uint64_t previous_end = 0;
};

enum class HeaderState { kValid, kNewerFormat, kInvalid };

std::array<char, kSegmentHeaderBytes> encode_segment_header(const SegmentHeader& header);
HeaderState decode_segment_header(std::string_view bytes, SegmentHeader* header);

// A place in the log.
struct LogPlace {
  uint64_t segment = 0;
  uint64_t offset = 0;
  auto operator<=>(const LogPlace&) const = default;
};

enum class FrameKind : uint8_t { kData = 0, kMark = 1 };

inline constexpr size_t kFramePrefixMaxBytes = 4 + 10;

// The size of a whole frame around a payload of so many bytes.
size_t frame_bytes(size_t payload_bytes);
// The part of a frame's sum that does not depend on its place.
uint32_t payload_sum(std::string_view payload);
// Writes the prefix of an unplaced frame (its sum is payload_sum alone) to `out`, which has
// kFramePrefixMaxBytes. Returns the bytes used.
size_t encode_unplaced_prefix(FrameKind kind, uint32_t payload_sum, size_t payload_bytes, char* out);
// Completes the sum of the unplaced frame at `frame` for its place. Returns the frame's size.
size_t place_frame(char* frame, LogPlace place);
// The size of the frame at `frame`, which must be one, placed or not.
size_t whole_frame_bytes(const char* frame);

struct Frame {
  FrameKind kind;
  std::string_view payload;
  size_t size;  // With the prefix.
};
// The frame at the head of `bytes`, if it is valid at `place`.
std::optional<Frame> decode_frame(std::string_view bytes, LogPlace place);

// A whole mark frame to be written at `place`, saying that the log is durable up to `durable`.
std::string encode_mark(LogPlace durable, LogPlace place);
// The greatest place that a mark within `bytes` (which start at `place`) says is durable. Finds marks
// wherever they lie, also behind bytes that are no frames.
LogPlace greatest_mark(std::string_view bytes, LogPlace place);

}  // namespace starling::engine
