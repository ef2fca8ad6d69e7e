#include "engine/log/log_format.h"

// Nearly all sums are of few bytes: a call would cost more than they do.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "engine/base/assert.h"

namespace starling::engine {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "the log's integers are stored as the machine has them");

constexpr std::string_view kMagic("STARLOG\0", 8);
constexpr std::string_view kMarkMagic("\xf3mark\x8e\x01\xd9", 8);
constexpr size_t kMarkPayloadBytes = 8 + 8 + 8;
constexpr size_t kSumBytes = 4;

template <typename T>
void put(char* out, T value) {
  std::memcpy(out, &value, sizeof(value));
}

template <typename T>
T take(const char* in) {
  T value;
  std::memcpy(&value, in, sizeof(value));
  return value;
}

uint32_t header_check(const SegmentHeader& header) {
  const uint64_t fields[] = {header.number, header.previous, header.previous_end};
  return static_cast<uint32_t>(XXH3_64bits(fields, sizeof(fields)));
}

uint32_t place_sum(LogPlace place, uint64_t word) {
  const uint64_t fields[] = {place.segment, place.offset, word};
  return static_cast<uint32_t>(XXH3_64bits(fields, sizeof(fields)));
}

size_t varint_bytes(uint64_t value) {
  size_t bytes = 1;
  for (; value >= 0x80; value >>= 7) ++bytes;
  return bytes;
}

// Returns the bytes used; 0 when `bytes` hold no whole varint.
size_t decode_varint(std::string_view bytes, uint64_t* value) {
  *value = 0;
  for (size_t i = 0; i < std::min<size_t>(bytes.size(), 10); ++i) {
    const auto byte = static_cast<uint8_t>(bytes[i]);
    *value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) return i + 1;
  }
  return 0;
}

}  // namespace

std::array<char, kSegmentHeaderBytes> encode_segment_header(const SegmentHeader& header) {
  std::array<char, kSegmentHeaderBytes> out{};
  std::copy(kMagic.begin(), kMagic.end(), out.begin());
  put<uint32_t>(out.data() + 8, kLogFormatVersion);
  put<uint32_t>(out.data() + 12, header_check(header));
  put<uint64_t>(out.data() + 16, header.number);
  put<uint64_t>(out.data() + 24, header.previous);
  put<uint64_t>(out.data() + 32, header.previous_end);
  return out;
}

HeaderState decode_segment_header(std::string_view bytes, SegmentHeader* header) {
  if (bytes.size() < kSegmentHeaderBytes || !bytes.starts_with(kMagic)) return HeaderState::kInvalid;
  const auto version = take<uint32_t>(bytes.data() + 8);
  if (version > kLogFormatVersion) return HeaderState::kNewerFormat;
  header->number = take<uint64_t>(bytes.data() + 16);
  header->previous = take<uint64_t>(bytes.data() + 24);
  header->previous_end = take<uint64_t>(bytes.data() + 32);
  const bool intact =
      version == kLogFormatVersion && take<uint32_t>(bytes.data() + 12) == header_check(*header);
  return intact ? HeaderState::kValid : HeaderState::kInvalid;
}

size_t frame_bytes(size_t payload_bytes) {
  return kSumBytes + varint_bytes(uint64_t{payload_bytes} * 2) + payload_bytes;
}

uint32_t payload_sum(std::string_view payload) {
  return static_cast<uint32_t>(XXH3_64bits(payload.data(), payload.size()));
}

size_t encode_unplaced_prefix(FrameKind kind, uint32_t payload_sum, size_t payload_bytes, char* out) {
  STARLING_ASSERT(payload_bytes > 0);
  put<uint32_t>(out, payload_sum);
  size_t used = kSumBytes;
  uint64_t word = uint64_t{payload_bytes} * 2 + static_cast<uint64_t>(kind);
  for (; word >= 0x80; word >>= 7) out[used++] = static_cast<char>(word | 0x80);
  out[used++] = static_cast<char>(word);
  return used;
}

size_t place_frame(char* frame, LogPlace place) {
  uint64_t word = 0;
  const size_t word_bytes = decode_varint({frame + kSumBytes, 10}, &word);
  put<uint32_t>(frame, take<uint32_t>(frame) ^ place_sum(place, word));
  return kSumBytes + word_bytes + word / 2;
}

size_t whole_frame_bytes(const char* frame) {
  uint64_t word = 0;
  const size_t word_bytes = decode_varint({frame + kSumBytes, 10}, &word);
  return kSumBytes + word_bytes + word / 2;
}

std::optional<Frame> decode_frame(std::string_view bytes, LogPlace place) {
  if (bytes.size() <= kSumBytes) return std::nullopt;
  uint64_t word = 0;
  const size_t word_bytes = decode_varint(bytes.substr(kSumBytes), &word);
  if (word_bytes == 0 || word < 2) return std::nullopt;
  const size_t prefix_bytes = kSumBytes + word_bytes;
  const uint64_t payload_bytes = word / 2;
  if (payload_bytes > bytes.size() - prefix_bytes) return std::nullopt;
  const std::string_view payload = bytes.substr(prefix_bytes, payload_bytes);
  if ((payload_sum(payload) ^ place_sum(place, word)) != take<uint32_t>(bytes.data())) return std::nullopt;
  return Frame{static_cast<FrameKind>(word & 1), payload, prefix_bytes + payload.size()};
}

std::string encode_mark(LogPlace durable, LogPlace place) {
  std::string payload(kMarkMagic);
  payload.resize(kMarkPayloadBytes);
  put<uint64_t>(payload.data() + 8, durable.segment);
  put<uint64_t>(payload.data() + 16, durable.offset);
  std::string frame(kFramePrefixMaxBytes, '\0');
  frame.resize(encode_unplaced_prefix(FrameKind::kMark, payload_sum(payload), payload.size(), frame.data()));
  frame += payload;
  place_frame(frame.data(), place);
  return frame;
}

LogPlace greatest_mark(std::string_view bytes, LogPlace place) {
  const size_t prefix_bytes = frame_bytes(kMarkPayloadBytes) - kMarkPayloadBytes;
  LogPlace greatest;
  for (size_t at = bytes.find(kMarkMagic); at != bytes.npos; at = bytes.find(kMarkMagic, at + 1)) {
    if (at < prefix_bytes) continue;
    const size_t start = at - prefix_bytes;
    const auto frame = decode_frame(bytes.substr(start), {place.segment, place.offset + start});
    if (!frame || frame->kind != FrameKind::kMark || frame->payload.size() != kMarkPayloadBytes) continue;
    const LogPlace durable{take<uint64_t>(frame->payload.data() + 8),
                           take<uint64_t>(frame->payload.data() + 16)};
    greatest = std::max(greatest, durable);
  }
  return greatest;
}

}  // namespace starling::engine
