#include "engine/log/log_format.h"

#include <doctest/doctest.h>

#include <string>

namespace starling::engine {
namespace {

std::string data_frame(std::string_view payload, LogPlace place) {
  std::string frame(kFramePrefixMaxBytes, '\0');
  frame.resize(encode_unplaced_prefix(FrameKind::kData, payload_sum(payload), payload.size(), frame.data()));
  frame += payload;
  CHECK(place_frame(frame.data(), place) == frame.size());
  return frame;
}

TEST_CASE("a segment header comes back as it was written") {
  const auto bytes = encode_segment_header({7, 5, 1234});
  SegmentHeader header;
  REQUIRE(decode_segment_header({bytes.data(), bytes.size()}, &header) == HeaderState::kValid);
  CHECK(header.number == 7);
  CHECK(header.previous == 5);
  CHECK(header.previous_end == 1234);
}

TEST_CASE("a segment header of a newer format is told from a damaged one") {
  auto bytes = encode_segment_header({7, 5, 1234});
  SegmentHeader header;
  bytes[20] ^= 1;
  CHECK(decode_segment_header({bytes.data(), bytes.size()}, &header) == HeaderState::kInvalid);
  bytes[8] = kLogFormatVersion + 1;
  CHECK(decode_segment_header({bytes.data(), bytes.size()}, &header) == HeaderState::kNewerFormat);
  CHECK(decode_segment_header({bytes.data(), bytes.size() - 1}, &header) == HeaderState::kInvalid);
  CHECK(decode_segment_header(std::string(kSegmentHeaderBytes, '\0'), &header) == HeaderState::kInvalid);
}

TEST_CASE("a frame is valid only whole, unaltered and in its place") {
  for (const size_t bytes : {size_t{1}, size_t{63}, size_t{64}, size_t{8191}, size_t{8192}, size_t{70000}}) {
    CAPTURE(bytes);
    const LogPlace place{3, 4096};
    const std::string payload(bytes, 'p');
    std::string frame = data_frame(payload, place);
    CHECK(frame.size() == frame_bytes(bytes));
    CHECK(whole_frame_bytes(frame.data()) == frame.size());
    const std::string more = frame + "rest";
    const auto decoded = decode_frame(more, place);
    REQUIRE(decoded);
    CHECK(decoded->kind == FrameKind::kData);
    CHECK(decoded->size == frame.size());
    CHECK(decoded->payload == payload);
    CHECK_FALSE(decode_frame(frame, {4, 4096}));
    CHECK_FALSE(decode_frame(frame, {3, 4097}));
    CHECK_FALSE(decode_frame(frame.substr(0, frame.size() - 1), place));
    for (size_t at = 0; at < frame.size(); at += 1 + frame.size() / 50) {
      frame[at] ^= 4;
      CHECK_FALSE(decode_frame(frame, place));
      frame[at] ^= 4;
    }
  }
}

TEST_CASE("zeros and unended varints are no frames") {
  CHECK_FALSE(decode_frame(std::string(100, '\0'), {0, 0}));
  CHECK_FALSE(decode_frame(std::string(100, '\xff'), {0, 0}));
  CHECK_FALSE(decode_frame("", {0, 0}));
}

TEST_CASE("marks are found behind bytes that are no frames") {
  const LogPlace place{9, 1000};
  std::string bytes = "no frame at all";
  bytes += encode_mark({9, 500}, {9, 1000 + bytes.size()});
  bytes += std::string(100, '\0');
  bytes += encode_mark({9, 1050}, {9, 1000 + bytes.size()});
  bytes += encode_mark({9, 99999}, {9, 1});  // Of an earlier life of the file.
  CHECK(greatest_mark(bytes, place) == LogPlace{9, 1050});
  CHECK(greatest_mark(bytes.substr(0, 100), place) == LogPlace{9, 500});
  CHECK(greatest_mark("", place) == LogPlace{});
}

}  // namespace
}  // namespace starling::engine
