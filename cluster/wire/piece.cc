#include "cluster/wire/piece.h"

#include <algorithm>
#include <utility>

#include "engine/base/byte_codec.h"

namespace starling::cluster {
namespace {

enum Part : uint8_t { kFirst = 0, kFurther = 1, kLast = 2, kGivenUp = 3, kWhole = 4 };

// An age that makes no sense is none.
constexpr uint64_t kOldestUs = uint64_t{1} << 40;

// What other frames mean to the connection itself.
bool may_be_cut(uint8_t kind) {
  switch (static_cast<FrameKind>(kind)) {
    case FrameKind::kHello:
    case FrameKind::kHelloReply:
    case FrameKind::kRefuse:
    case FrameKind::kPing:
    case FrameKind::kPong:
    case FrameKind::kPiece:
      return false;
    default:
      return kind != 0 && kind <= kLastFrameKind;
  }
}

}  // namespace

void OutgoingPieces::add(FrameKind kind, uint64_t correlation, SharedBytes payload, uint64_t order,
                         bool at_end, int64_t now_us) {
  bytes_ += payload->size();
  ++frames_;
  Entry entry{next_number_++, kind, correlation, std::move(payload), order, now_us};
  if (at_end) return at_end_.push_back(std::move(entry));
  if (order == 0) return ready_.push_back(std::move(entry));
  const auto [behind, first] = behind_.try_emplace(order);
  (first ? ready_ : behind->second).push_back(std::move(entry));
}

// Whoever waited for it has its turn.
void OutgoingPieces::end(const Entry& entry) {
  bytes_ -= entry.payload->size() - entry.sent;
  --frames_;
  if (entry.order == 0) return;
  const auto behind = behind_.find(entry.order);
  if (behind == behind_.end()) return;
  if (behind->second.empty()) return (void)behind_.erase(behind);
  ready_.push_back(std::move(behind->second.front()));
  behind->second.pop_front();
}

bool OutgoingPieces::next(int64_t now_us, Piece* piece) {
  while (active_.size() < kMostAtOnce && !ready_.empty()) {
    active_.push_back(std::move(ready_.front()));
    ready_.pop_front();
  }
  if (active_.empty() && !at_end_.empty()) {
    active_.push_back(std::move(at_end_.front()));
    at_end_.pop_front();
  }
  if (active_.empty()) return false;
  Entry entry = std::move(active_.front());
  active_.pop_front();
  const size_t size = entry.payload->size();
  const size_t bytes = std::min(kPieceBytes, size - entry.sent);
  const bool last = entry.sent + bytes == size;
  std::string prefix;
  engine::append_varint(entry.number, &prefix);
  prefix.push_back(static_cast<char>(!entry.begun ? (last ? kWhole : kFirst) : (last ? kLast : kFurther)));
  if (!entry.begun) {
    prefix.push_back(static_cast<char>(entry.kind));
    engine::append_varint(entry.correlation, &prefix);
    if (!last) engine::append_varint(size, &prefix);
  }
  *piece = {};
  piece->kind = entry.kind;
  piece->correlation = entry.correlation;
  if (last) {
    piece->age_us = std::max<int64_t>(now_us - entry.queued_us, 0);
    engine::append_varint(static_cast<uint64_t>(*piece->age_us), &prefix);
  }
  append_frame_header(FrameKind::kPiece, 0, prefix.size() + bytes, &piece->head);
  piece->head += prefix;
  piece->body = std::string_view(*entry.payload).substr(entry.sent, bytes);
  piece->keep_alive = entry.payload;
  entry.begun = true;
  entry.sent += bytes;
  bytes_ -= bytes;
  if (last) {
    end(entry);
  } else {
    active_.push_back(std::move(entry));
  }
  return true;
}

bool OutgoingPieces::withdraw(FrameKind kind, uint64_t correlation, Piece* piece) {
  *piece = {};
  const auto is_it = [&](const Entry& entry) {
    return entry.kind == kind && entry.correlation == correlation;
  };
  for (auto* entries : {&active_, &ready_}) {
    const auto found = std::find_if(entries->begin(), entries->end(), is_it);
    if (found == entries->end()) continue;
    const Entry entry = std::move(*found);
    entries->erase(found);
    if (entry.begun) {
      std::string prefix;
      engine::append_varint(entry.number, &prefix);
      prefix.push_back(static_cast<char>(kGivenUp));
      append_frame(FrameKind::kPiece, 0, prefix, &piece->head);
    }
    end(entry);
    return true;
  }
  for (auto& [order, entries] : behind_) {
    const auto found = std::find_if(entries.begin(), entries.end(), is_it);
    if (found == entries.end()) continue;
    bytes_ -= found->payload->size();
    --frames_;
    entries.erase(found);
    return true;
  }
  return false;
}

IncomingPieces::Result IncomingPieces::take(std::string_view piece) {
  engine::ByteReader reader(piece);
  uint64_t number;
  uint8_t part;
  payload_ = std::string();
  kind_ = {};
  if (!reader.read_varint(&number) || !reader.read_byte(&part)) return Result::kBroken;
  switch (part) {
    case kFirst:
      return begin(number, reader.rest());
    case kFurther:
      return add(number, reader.rest(), false);
    case kLast: {
      uint64_t age_us;
      if (!reader.read_varint(&age_us) || age_us > kOldestUs) return Result::kBroken;
      age_us_ = static_cast<int64_t>(age_us);
      return add(number, reader.rest(), true);
    }
    case kGivenUp: {
      const auto found = entries_.find(number);
      if (found == entries_.end()) return Result::kBroken;
      bytes_ -= found->second.bytes.size();
      entries_.erase(found);
      return Result::kMore;
    }
    case kWhole:
      return whole(reader.rest());
    default:
      return Result::kBroken;
  }
}

IncomingPieces::Result IncomingPieces::begin(uint64_t number, std::string_view rest) {
  engine::ByteReader reader(rest);
  uint8_t kind;
  uint64_t correlation, size;
  if (!reader.read_byte(&kind) || !may_be_cut(kind) || !reader.read_varint(&correlation) ||
      !reader.read_varint(&size) || size > largest_frame_bytes_ || entries_.size() >= kMostAtOnce) {
    return Result::kBroken;
  }
  const auto [entry, added] =
      entries_.try_emplace(number, Entry{static_cast<FrameKind>(kind), correlation, size, {}});
  if (!added) return Result::kBroken;
  return add(number, reader.rest(), false);
}

IncomingPieces::Result IncomingPieces::add(uint64_t number, std::string_view bytes, bool last) {
  const auto found = entries_.find(number);
  if (found == entries_.end()) return Result::kBroken;
  Entry& entry = found->second;
  if (bytes.size() > entry.size - entry.bytes.size()) return Result::kBroken;
  // Once something has come the rest may be counted on: room that is not written to takes no memory, and what is there
  // is not moved again.
  if (entry.bytes.empty()) entry.bytes.reserve(entry.size);
  entry.bytes += bytes;
  bytes_ += bytes.size();
  kind_ = entry.kind;
  correlation_ = entry.correlation;
  if (!last) return Result::kMore;
  if (entry.bytes.size() != entry.size) return Result::kBroken;
  bytes_ -= entry.size;
  payload_ = std::move(entry.bytes);
  entries_.erase(found);
  return Result::kFrame;
}

IncomingPieces::Result IncomingPieces::whole(std::string_view rest) {
  engine::ByteReader reader(rest);
  uint8_t kind;
  uint64_t age_us;
  if (!reader.read_byte(&kind) || !may_be_cut(kind) || !reader.read_varint(&correlation_) ||
      !reader.read_varint(&age_us) || age_us > kOldestUs) {
    return Result::kBroken;
  }
  kind_ = static_cast<FrameKind>(kind);
  age_us_ = static_cast<int64_t>(age_us);
  payload_ = reader.rest();
  return Result::kFrame;
}

}  // namespace starling::cluster
