#include "server/bus/bus_link.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "engine/base/assert.h"
#include "engine/base/byte_codec.h"
#include "server/bus/bus_links.h"

namespace starling::server {
namespace {

using cluster::Frame;
using cluster::FrameDecoder;
using cluster::FrameKind;
using cluster::Handshake;

// For one link before the others have their turn.
constexpr size_t kReadBytesPerTurn = 4 << 20;
constexpr size_t kWriteBytesPerTurn = 4 << 20;
constexpr size_t kWritePieces = 64;
// A payload from here on is kept apart, so that the frames around it stay in small chunks.
constexpr size_t kLargePayloadBytes = 32 << 10;
// So much of the lane is in the output: what is queued meanwhile waits for no more than that.
constexpr size_t kLaneAheadBytes = 256 << 10;
// And so much is in the system beside what is on its way.
constexpr int kUnsentBytes = 512 << 10;
// The protocol's version from which on a peer takes pieces.
constexpr uint32_t kPiecesVersion = 4;
// A peer's signs of life are passed on no more often.
constexpr int64_t kTellHeardMs = 200;

// What says that nothing comes behind it.
bool ends_all(FrameKind kind) {
  return kind == FrameKind::kLeaving || kind == FrameKind::kLeavingReply;
}

}  // namespace

BusLink::BusLink(BusLinks& owner, uint64_t id, std::string address, const cluster::NodeId& expected)
    : owner_(owner),
      id_(id),
      outgoing_(true),
      address_(std::move(address)),
      expected_(expected),
      state_(State::kConnecting),
      incoming_(owner.options_.largest_frame_bytes),
      deadline_ms_(owner.now_ms_ + owner.options_.handshake_timeout_ms) {}

BusLink::BusLink(BusLinks& owner, uint64_t id, std::string address)
    : owner_(owner),
      id_(id),
      outgoing_(false),
      address_(std::move(address)),
      state_(State::kIntroducing),
      incoming_(owner.options_.largest_frame_bytes),
      deadline_ms_(owner.now_ms_ + owner.options_.handshake_timeout_ms) {}

BusLink::~BusLink() = default;

void BusLink::connect() {
  connector_.emplace(owner_.loop_, address_, [this](int fd, const std::string& failure) {
    if (fd < 0) return close(failure);
    if (state_ == State::kClosed) {
      ::close(fd);
      return;
    }
    open(fd);
  });
}

void BusLink::accept(int fd) {
  open(fd);
}

void BusLink::open(int fd) {
  set_socket_options(fd, owner_.options_.keepalive_seconds);
  set_unacknowledged_timeout(fd, static_cast<int>(owner_.options_.silence_timeout_ms));
  set_unsent_bytes(fd, kUnsentBytes);
  connection_.emplace(owner_.loop_, fd, *this);
  connection_->watch(true, false);
  state_ = State::kIntroducing;
  begin_handshake();
}

void BusLink::begin_handshake() {
  Handshake::Options options = owner_.handshake_options(*this);
  options.deadline_ms = deadline_ms_;
  handshake_.emplace(std::move(options));
  std::string hello;
  handshake_->start(&hello);
  after_handshake_step(hello);
}

void BusLink::on_events(int events) {
  if (state_ == State::kClosed) return;
  if (events & kReadable) read();
  if (state_ == State::kClosed) return;
  if (events & kBroken) return close("the connection broke");
  if (events & kWritable) flush();
}

void BusLink::read() {
  for (size_t total = 0; total < kReadBytesPerTurn;) {
    const std::span<char> room = decoder_.prepare();
    const IoResult result = connection_->read(room.data(), room.size());
    if (result.kind == IoResult::kWouldBlock) return;
    if (result.kind == IoResult::kClosed) return close("it closed the connection");
    if (result.kind == IoResult::kFailed) return close("the connection broke");
    decoder_.commit(result.bytes);
    total += result.bytes;
    heard_ms_ = owner_.now_ms_;
    pinged_ = false;
    if (std::exchange(challenged_until_ms_, 0) != 0) challenge_answered_ms_ = heard_ms_;
    owner_.statistics_.bytes_received.add(result.bytes);
    if (state_ == State::kUp && heard_ms_ - told_heard_ms_ >= kTellHeardMs) {
      told_heard_ms_ = heard_ms_;
      owner_.handler_.on_heard(peer_.id, outgoing_);
      if (state_ == State::kClosed) return;
    }
    if (!take_frames() || result.bytes < room.size()) return;
  }
}

bool BusLink::take_frames() {
  for (;;) {
    Frame frame;
    const FrameDecoder::Result result = decoder_.next(&frame);
    if (result == FrameDecoder::Result::kMore) return true;
    if (result == FrameDecoder::Result::kBroken) {
      if (state_ == State::kUp) {
        close("it sent " + std::string(decoder_.reason()));
      } else {
        std::string answer;
        handshake_->on_broken_stream(decoder_.reason(), &answer);
        after_handshake_step(answer);
      }
      return false;
    }
    if (state_ == State::kUp) {
      take_frame(frame);
    } else {
      std::string answer;
      handshake_->on_frame(frame, &answer);
      after_handshake_step(answer);
    }
    if (state_ == State::kClosed) return false;
  }
}

void BusLink::after_handshake_step(const std::string& answer) {
  if (!answer.empty()) {
    const size_t before = queued_bytes();
    output_.append(answer);
    note_queued(before);
  }
  switch (handshake_->state()) {
    case Handshake::State::kRunning:
      return;
    case Handshake::State::kRefused: {
      refusal_ = handshake_->reason();
      flush();  // So that the other side knows why.
      const std::string by = handshake_->refused_by_peer() ? "it says that this node " : "it ";
      return close(by + handshake_->explanation());
    }
    case Handshake::State::kDone:
      state_ = State::kUp;
      peer_ = handshake_->peer();
      version_ = handshake_->version();
      cuts_ = version_ >= kPiecesVersion;
      peer_clock_.note(handshake_->peer_clock_us(), handshake_->heard_us());
      handshake_.reset();
      decoder_.set_largest_frame_bytes(owner_.options_.largest_frame_bytes);
      up_since_ms_ = heard_ms_ = owner_.now_ms_;
      // The handshake may have taken long: its clock anew.
      if (outgoing_) ping();
      return owner_.on_link_up(*this);
  }
}

void BusLink::take_frame(const Frame& frame) {
  owner_.statistics_.frames_received.add(1);
  switch (frame.kind) {
    case FrameKind::kHello:
    case FrameKind::kHelloReply:
    case FrameKind::kRefuse:
      return close("it sent a " + std::string(frame_kind_name(frame.kind)) + " frame after the handshake");
    case FrameKind::kPing: {
      std::string clock;
      engine::append_u64(static_cast<uint64_t>(owner_.handler_.clock_us()), &clock);
      if (!queue(FrameKind::kPong, frame.correlation, clock)) close("its pings pile up");
      return;
    }
    case FrameKind::kPong:
      return take_pong(frame.payload);
    case FrameKind::kPiece:
      return take_piece(frame.payload);
    default:
      return owner_.handler_.on_frame(peer_.id, id_, frame.kind, frame.correlation, frame.payload);
  }
}

void BusLink::take_piece(std::string_view piece) {
  switch (incoming_.take(piece)) {
    case cluster::IncomingPieces::Result::kBroken:
      return close("it sent a piece of a frame that makes no sense");
    case cluster::IncomingPieces::Result::kMore:
      if (incoming_.kind() != FrameKind{})
        owner_.handler_.on_receiving(peer_.id, incoming_.kind(), incoming_.correlation());
      return;
    case cluster::IncomingPieces::Result::kFrame: {
      // A handler may take the payload over.
      std::string payload = std::move(incoming_.payload());
      owner_.assembled_ = &payload;
      owner_.frame_age_us_ = incoming_.age_us();
      owner_.handler_.on_frame(peer_.id, id_, incoming_.kind(), incoming_.correlation(), payload);
      owner_.assembled_ = nullptr;
      owner_.frame_age_us_ = 0;
      return;
    }
  }
}

void BusLink::take_pong(std::string_view payload) {
  engine::ByteReader reader(payload);
  uint64_t clock_us = 0;
  if (!reader.read_u64(&clock_us) || clock_us > static_cast<uint64_t>(cluster::PeerClock::kLargestUs))
    return close("it sent a malformed pong");
  peer_clock_.note(static_cast<int64_t>(clock_us), owner_.handler_.clock_us());
}

void BusLink::ping() {
  if (!queue(FrameKind::kPing, 0, {})) return;
  pinged_ = true;
  ping_position_ = output_.position();
  ping_sent_ms_ = -1;
  clock_asked_ms_ = owner_.now_ms_;
}

// The other end would cut the link.
bool BusLink::too_large(size_t payload_bytes) const {
  constexpr size_t kFrontBytes = 64;
  return payload_bytes + kFrontBytes > owner_.options_.largest_frame_bytes;
}

bool BusLink::takes(uint64_t correlation, size_t payload_bytes) const {
  if (state_ != State::kUp || too_large(payload_bytes)) return false;
  return output_.empty() ||
         output_.size() + cluster::frame_bytes(correlation, payload_bytes) <= owner_.options_.queue_bytes;
}

bool BusLink::full(size_t bytes) const {
  if (cuts_ && bytes >= cluster::kLanePayloadBytes)
    return !lane_.empty() && lane_.bytes() + bytes > owner_.options_.queue_bytes;
  return !output_.empty() && output_.size() + bytes > owner_.options_.queue_bytes;
}

// Large ones, what must not overtake one that is there, and what is to be the last of all.
bool BusLink::takes_lane(FrameKind kind, size_t payload_bytes, uint64_t order) const {
  if (!cuts_) return false;
  return payload_bytes >= cluster::kLanePayloadBytes || (order != 0 && lane_.holds(order)) ||
         (ends_all(kind) && !lane_.empty());
}

bool BusLink::queue_in_lane(FrameKind kind, uint64_t correlation, cluster::SharedBytes payload,
                            uint64_t order) {
  if (state_ != State::kUp || too_large(payload->size())) return false;
  if (!lane_.empty() && lane_.bytes() + payload->size() > owner_.options_.lane_bytes) return false;
  const size_t before = queued_bytes();
  lane_.add(kind, correlation, std::move(payload), order, ends_all(kind), owner_.handler_.clock_us());
  note_queued(before);
  owner_.statistics_.frames_sent.add(1);
  return true;
}

bool BusLink::queue(FrameKind kind, uint64_t correlation, cluster::SharedBytes payload, uint64_t order) {
  if (!takes_lane(kind, payload->size(), order)) return queue(kind, correlation, *payload, order);
  return queue_in_lane(kind, correlation, std::move(payload), order);
}

bool BusLink::queue(FrameKind kind, uint64_t correlation, std::string_view payload, uint64_t order) {
  if (kind == FrameKind::kWorking && !cuts_) return true;  // It would make nothing of it.
  if (takes_lane(kind, payload.size(), order))
    return queue_in_lane(kind, correlation, std::make_shared<const std::string>(payload), order);
  if (!takes(correlation, payload.size())) return false;
  const size_t before = queued_bytes();
  append_frame(kind, correlation, payload);
  note_queued(before);
  owner_.statistics_.frames_sent.add(1);
  return true;
}

void BusLink::append_frame(FrameKind kind, uint64_t correlation, std::string_view payload) {
  header_.clear();
  cluster::append_frame_header(kind, correlation, payload.size(), &header_);
  output_.append(header_);
  if (payload.size() < kLargePayloadBytes) return output_.append(payload);
  auto kept = std::make_shared<const std::string>(payload);
  const std::string_view bytes = *kept;
  output_.append_shared(std::move(kept), bytes);
}

bool BusLink::withdraw(FrameKind kind, uint64_t correlation) {
  const size_t before = queued_bytes();
  cluster::OutgoingPieces::Piece piece;
  if (state_ != State::kUp || !lane_.withdraw(kind, correlation, &piece)) return false;
  output_.append(piece.head);
  note_queued(before);
  return true;
}

// Keeps a little of the lane in the output.
void BusLink::fill_from_lane() {
  while (!lane_.empty() && output_.size() < kLaneAheadBytes) {
    cluster::OutgoingPieces::Piece piece;
    const size_t before = queued_bytes();
    if (!lane_.next(owner_.handler_.clock_us(), &piece)) return;
    output_.append(piece.head);
    output_.append_shared(std::move(piece.keep_alive), piece.body);
    owner_.note_queue(static_cast<int64_t>(queued_bytes()) - static_cast<int64_t>(before));
    const auto known = std::find_if(moved_.begin(), moved_.end(), [&](const Moved& moved) {
      return moved.kind == piece.kind && moved.correlation == piece.correlation;
    });
    if (known == moved_.end()) {
      moved_.push_back({piece.kind, piece.correlation, piece.age_us});
    } else if (piece.age_us) {
      known->age_us = piece.age_us;
    }
  }
}

void BusLink::tell_moved() {
  for (const Moved& moved : std::exchange(moved_, {}))
    owner_.handler_.on_sending(peer_.id, id_, moved.kind, moved.correlation, moved.age_us);
}

void BusLink::note_queued(size_t bytes_before) {
  if (bytes_before == 0) progress_ms_ = owner_.now_ms_;
  owner_.note_queue(static_cast<int64_t>(queued_bytes()) - static_cast<int64_t>(bytes_before));
  owner_.output_pending(*this);
}

void BusLink::flush() {
  if (state_ == State::kClosed || !connection_) return;
  size_t written_bytes = 0;
  bool blocked = false;
  for (;;) {
    fill_from_lane();
    if (output_.empty() || blocked || written_bytes >= kWriteBytesPerTurn) break;
    std::array<iovec, kWritePieces> pieces;
    const size_t count = output_.gather(pieces.data(), pieces.size());
    size_t offered = 0;
    for (size_t i = 0; i < count; ++i) offered += pieces[i].iov_len;
    const IoResult result = connection_->write(pieces.data(), static_cast<int>(count));
    if (result.kind == IoResult::kFailed || result.kind == IoResult::kClosed) {
      // Its refusal may still be there to read; what ends the connection comes after it.
      if (state_ == State::kIntroducing) return connection_->watch(true, false);
      return close("the connection broke");
    }
    const size_t written = result.kind == IoResult::kOk ? result.bytes : 0;
    output_.consume(written);
    written_bytes += written;
    blocked = written < offered;
  }
  if (written_bytes > 0) {
    progress_ms_ = owner_.now_ms_;
    owner_.note_queue(-static_cast<int64_t>(written_bytes));
    owner_.statistics_.bytes_sent.add(written_bytes);
  }
  if (pinged_ && ping_sent_ms_ < 0 && output_.consumed_position() >= ping_position_) {
    ping_sent_ms_ = owner_.now_ms_;
  }
  connection_->watch(true, !output_.empty());
  if (!moved_.empty()) tell_moved();
}

void BusLink::on_time(int64_t now_ms) {
  const BusOptions& options = owner_.options_;
  switch (state_) {
    case State::kClosed:
      return;
    case State::kConnecting:
      if (now_ms >= deadline_ms_) close("no answer to connecting");
      return;
    case State::kIntroducing: {
      std::string answer;
      if (handshake_->on_time(now_ms, &answer) != Handshake::State::kRunning) after_handshake_step(answer);
      return;
    }
    case State::kUp:
      break;
  }
  note_arrivals(now_ms);
  if (challenged_until_ms_ != 0 && now_ms >= challenged_until_ms_)
    return close("it did not answer when another process had come under its id");
  if (!output_.empty() && now_ms - progress_ms_ >= options.stall_timeout_ms) {
    owner_.statistics_.stalled_links.add(1);
    return reset("it stopped reading; " + std::to_string(queued_bytes()) + " bytes were waiting for it");
  }
  if (pinged_ && ping_sent_ms_ >= 0 && now_ms - ping_sent_ms_ >= options.silence_timeout_ms) {
    return reset("it has been silent for " + std::to_string(now_ms - heard_ms_) + " ms");
  }
  const bool quiet = now_ms - heard_ms_ >= options.ping_after_ms;
  const bool clock_old = outgoing_ && now_ms - clock_asked_ms_ >= options.ping_after_ms;
  if (pinged_ || (!quiet && !clock_old)) return;
  if (quiet) {
    decoder_.shrink();
    output_.shrink();
  }
  ping();
}

uint64_t BusLink::acknowledged() const {
  const size_t missing = connection_->unacknowledged_bytes();
  const uint64_t written = output_.consumed_position();
  return written - std::min<uint64_t>(missing, written);
}

bool BusLink::arrived(uint64_t queued_until) const {
  return connection_ && acknowledged() >= queued_until;
}

void BusLink::note_arrivals(int64_t now_ms) {
  if (!connection_) return;
  const uint64_t acknowledged = this->acknowledged();
  if (acknowledged != acknowledged_ || acknowledged == output_.position()) arrived_ms_ = now_ms;
  acknowledged_ = acknowledged;
}

bool BusLink::stuck(int64_t for_ms) const {
  return owner_.now_ms_ - arrived_ms_ >= for_ms;
}

void BusLink::reset(const std::string& reason) {
  if (state_ == State::kClosed) return;
  if (connection_) connection_->reset_on_close();
  close(reason);
}

void BusLink::challenge(int64_t until_ms) {
  if (state_ != State::kUp || challenged_until_ms_ != 0) return;
  if (queue(FrameKind::kPing, 0, {})) challenged_until_ms_ = until_ms;
}

bool BusLink::answered_challenge(int64_t within_ms) const {
  return challenge_answered_ms_ >= 0 && owner_.now_ms_ - challenge_answered_ms_ <= within_ms;
}

void BusLink::close(const std::string& reason) {
  if (state_ == State::kClosed) return;
  const State was = std::exchange(state_, State::kClosed);
  if (connection_) connection_->watch(false, false);
  owner_.note_queue(-static_cast<int64_t>(queued_bytes()));
  owner_.on_link_down(*this, was == State::kUp, reason);
}

}  // namespace starling::server
