#include "cluster/wire/piece.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "engine/base/byte_codec.h"

namespace starling::cluster {
namespace {

SharedBytes bytes_of(size_t size, char filler) {
  return std::make_shared<const std::string>(size, filler);
}

// The two ends of one connection.
struct Lane {
  struct Arrived {
    uint64_t correlation;
    std::string payload;
    int64_t age_us;
  };

  // Brings one piece over. False: there is none.
  bool step(int64_t now_us = 0) {
    OutgoingPieces::Piece piece;
    if (!out.next(now_us, &piece)) return false;
    deliver(piece);
    return true;
  }
  void deliver(const OutgoingPieces::Piece& piece) {
    FrameDecoder decoder(kLargestFrameBytes);
    const std::string frame = piece.head + std::string(piece.body);
    for (size_t taken = 0; taken < frame.size();) {
      const std::span<char> room = decoder.prepare();
      const size_t count = std::min(room.size(), frame.size() - taken);
      frame.copy(room.data(), count, taken);
      decoder.commit(count);
      taken += count;
    }
    Frame received;
    REQUIRE(decoder.next(&received) == FrameDecoder::Result::kFrame);
    REQUIRE(received.kind == FrameKind::kPiece);
    last = in.take(received.payload);
    REQUIRE(last != IncomingPieces::Result::kBroken);
    if (last == IncomingPieces::Result::kFrame)
      arrived.push_back({in.correlation(), in.payload(), in.age_us()});
  }
  std::vector<uint64_t> order() const {
    std::vector<uint64_t> numbers;
    for (const Arrived& each : arrived) numbers.push_back(each.correlation);
    return numbers;
  }

  OutgoingPieces out;
  IncomingPieces in{kLargestFrameBytes};
  IncomingPieces::Result last{};
  std::vector<Arrived> arrived;
};

TEST_CASE("piece: a large frame arrives as it was, with the time that it took") {
  Lane lane;
  const SharedBytes payload = bytes_of(3 * kPieceBytes + 5, 'x');
  lane.out.add(FrameKind::kForward, 7, payload, 0, false, 1000);
  CHECK(lane.out.bytes() == payload->size());
  int pieces = 0;
  while (lane.step(1000 + 500 * pieces)) ++pieces;
  CHECK(pieces == 4);
  CHECK(lane.out.empty());
  REQUIRE(lane.arrived.size() == 1);
  CHECK(lane.arrived[0].payload == *payload);
  CHECK(lane.arrived[0].age_us == 1500);
  CHECK(lane.in.memory_bytes() == 0);
}

TEST_CASE("piece: large frames take turns, so that a short one does not wait for a long one") {
  Lane lane;
  lane.out.add(FrameKind::kWrite, 1, bytes_of(50 * kPieceBytes, 'a'), 0, false, 0);
  for (uint64_t i = 2; i <= kMostAtOnce; ++i)
    lane.out.add(FrameKind::kWrite, i, bytes_of(2 * kPieceBytes, 'b'), 0, false, 0);
  // More than may be under way at once waits for one to end.
  lane.out.add(FrameKind::kWrite, 9, bytes_of(kPieceBytes, 'c'), 0, false, 0);
  while (lane.step()) {
  }
  CHECK(lane.order() == std::vector<uint64_t>{2, 3, 4, 9, 1});
}

TEST_CASE("piece: what has the same order does not overtake, and what is to be the last is") {
  Lane lane;
  lane.out.add(FrameKind::kLeaving, 5, bytes_of(0, ' '), 0, true, 0);
  lane.out.add(FrameKind::kForward, 1, bytes_of(20 * kPieceBytes, 'a'), 33, false, 0);
  lane.out.add(FrameKind::kForward, 2, bytes_of(10, 'b'), 33, false, 0);
  lane.out.add(FrameKind::kForward, 3, bytes_of(10, 'c'), 44, false, 0);
  CHECK(lane.out.holds(33));
  CHECK_FALSE(lane.out.holds(55));
  while (lane.step()) {
  }
  CHECK(lane.order() == std::vector<uint64_t>{3, 1, 2, 5});
  CHECK_FALSE(lane.out.holds(33));
  CHECK(lane.out.empty());
}

TEST_CASE("piece: what is withdrawn never arrives, and whoever waited behind it does") {
  Lane lane;
  OutgoingPieces::Piece piece;
  lane.out.add(FrameKind::kForward, 1, bytes_of(9 * kPieceBytes, 'a'), 33, false, 0);
  lane.out.add(FrameKind::kForward, 2, bytes_of(10, 'b'), 33, false, 0);
  lane.out.add(FrameKind::kForward, 3, bytes_of(10, 'b'), 33, false, 0);
  CHECK(lane.step());
  CHECK(lane.in.memory_bytes() == kPieceBytes);
  CHECK_FALSE(lane.out.withdraw(FrameKind::kForward, 99, &piece));
  REQUIRE(lane.out.withdraw(FrameKind::kForward, 2, &piece));
  CHECK(piece.head.empty());
  REQUIRE(lane.out.withdraw(FrameKind::kForward, 1, &piece));
  lane.deliver(piece);
  CHECK(lane.in.memory_bytes() == 0);
  while (lane.step()) {
  }
  CHECK(lane.order() == std::vector<uint64_t>{3});
  CHECK_FALSE(lane.out.withdraw(FrameKind::kForward, 3, &piece));
  CHECK(lane.out.bytes() == 0);
  CHECK(lane.out.empty());
}

// A piece by its grammar.
std::string piece(uint64_t number, uint8_t part, const std::string& rest) {
  std::string bytes;
  engine::append_varint(number, &bytes);
  bytes.push_back(static_cast<char>(part));
  return bytes + rest;
}
std::string first(uint64_t number, uint8_t kind, uint64_t size, const std::string& bytes) {
  std::string rest(1, static_cast<char>(kind));
  engine::append_varint(8, &rest);
  engine::append_varint(size, &rest);
  return piece(number, 0, rest + bytes);
}

TEST_CASE("piece: what makes no sense is refused") {
  using Result = IncomingPieces::Result;
  const auto takes = [](std::vector<std::string> pieces) {
    IncomingPieces in(1000);
    Result result = Result::kBroken;
    for (const std::string& bytes : pieces) {
      result = in.take(bytes);
      if (result == Result::kBroken) break;
    }
    return result;
  };
  const std::string age(1, '\0');
  CHECK(takes({first(1, 9, 4, "ab"), piece(1, 2, age + "cd")}) == Result::kFrame);
  CHECK(takes({first(1, 9, 4, "ab"), piece(1, 2, age + "c")}) == Result::kBroken);  // Too short.
  CHECK(takes({first(1, 9, 4, "ab"), piece(1, 1, "cde")}) == Result::kBroken);      // Too long.
  CHECK(takes({first(1, 9, 1001, "ab")}) == Result::kBroken);                       // Larger than allowed.
  CHECK(takes({piece(1, 1, "ab")}) == Result::kBroken);                             // Never begun.
  CHECK(takes({piece(1, 3, "")}) == Result::kBroken);
  CHECK(takes({piece(1, 5, "")}) == Result::kBroken);
  CHECK(takes({first(1, 9, 4, "ab"), first(1, 9, 4, "ab")}) == Result::kBroken);
  CHECK(takes({first(1, 0, 4, "ab")}) == Result::kBroken);
  CHECK(takes({first(1, 23, 4, "ab")}) == Result::kBroken);  // A ping is not cut,
  CHECK(takes({first(1, 27, 4, "ab")}) == Result::kBroken);  // nor a piece.
  CHECK(takes({""}) == Result::kBroken);
  std::vector<std::string> many;
  for (uint64_t i = 0; i <= kMostAtOnce; ++i) many.push_back(first(i, 9, 4, "ab"));
  CHECK(takes(many) == Result::kBroken);
}

}  // namespace
}  // namespace starling::cluster
