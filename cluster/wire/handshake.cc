#include "cluster/wire/handshake.h"

#include <algorithm>
#include <utility>

#include "cluster/wire/peer_clock.h"
#include "cluster/wire/secret_proof.h"
#include "cluster/wire/short_id.h"
#include "engine/base/assert.h"
#include "engine/base/byte_codec.h"

namespace starling::cluster {
namespace {

constexpr std::string_view kMagic = "STARLING";
constexpr std::string_view kInitiatorPurpose = "starling bus initiator";
constexpr std::string_view kAcceptorPurpose = "starling bus acceptor";
constexpr size_t kLargestExplanationBytes = 200;

[[nodiscard]] bool take(size_t bytes, std::string_view* from, std::string_view* taken) {
  if (from->size() < bytes) return false;
  *taken = from->substr(0, bytes);
  from->remove_prefix(bytes);
  return true;
}

std::string version_range(uint64_t least, uint64_t greatest) {
  return least == greatest ? std::to_string(least)
                           : std::to_string(least) + " to " + std::to_string(greatest);
}

}  // namespace

Handshake::Handshake(Options options) : options_(std::move(options)) {
  STARLING_ASSERT(options_.self.id.valid() && options_.self.address.size() <= kLargestBusAddressBytes);
}

void Handshake::start(std::string* out) {
  if (!initiator()) return;
  own_introduction_ = encode_introduction();
  append_frame(FrameKind::kHello, 0, own_introduction_, out);
}

Handshake::State Handshake::on_frame(const Frame& frame, std::string* out) {
  STARLING_ASSERT(state_ == State::kRunning);
  if (frame.kind == FrameKind::kRefuse) return take_refusal(frame.payload);
  const FrameKind expected = initiator() ? FrameKind::kHelloReply : FrameKind::kHello;
  if (frame.kind != expected || frame.correlation != 0) {
    return refuse(RefusalReason::kMalformed,
                  "sent a " + std::string(frame_kind_name(frame.kind)) + " frame within the handshake", out);
  }
  return step_ == Step::kIntroduction ? take_introduction(frame.payload, out)
                                      : take_proof(frame.payload, out);
}

Handshake::State Handshake::on_broken_stream(std::string_view reason, std::string* out) {
  if (state_ != State::kRunning) return state_;
  return refuse(RefusalReason::kMalformed, "sent " + std::string(reason), out);
}

Handshake::State Handshake::on_time(int64_t now_ms, std::string* out) {
  if (state_ != State::kRunning || now_ms < options_.deadline_ms) return state_;
  return refuse(RefusalReason::kTimeout, "did not finish the handshake in time", out);
}

Handshake::State Handshake::take_introduction(std::string_view payload, std::string* out) {
  bool common_version = false;
  if (!decode_introduction(payload, &common_version)) {
    return refuse(RefusalReason::kMalformed, "sent a malformed introduction", out);
  }
  if (!common_version) {
    return refuse(RefusalReason::kVersion,
                  "speaks version " + version_range(peer_.least_version, peer_.greatest_version) +
                      " of the bus protocol, its peer " +
                      version_range(options_.self.least_version, options_.self.greatest_version),
                  out);
  }
  peer_introduction_ = payload;
  heard_us_ = clock_us();
  if (examine(out) == State::kRefused) return state_;
  step_ = Step::kProof;
  if (initiator()) {
    send_proof(out);
  } else {
    own_introduction_ = encode_introduction();
    append_frame(FrameKind::kHelloReply, 0, own_introduction_, out);
  }
  return state_;
}

// What can be said against the peer before it has proved anything.
Handshake::State Handshake::examine(std::string* out) {
  const Introduction& self = options_.self;
  if (peer_.id == self.id) return refuse(RefusalReason::kSelf, "is at both ends of the connection", out);
  if (options_.expected.valid() && peer_.id != options_.expected) {
    return refuse(RefusalReason::kIdentity,
                  "is node " + short_id(peer_.id) + ", not " + short_id(options_.expected), out);
  }
  if (peer_has_secret_ != !options_.secret.empty()) {
    return refuse(RefusalReason::kSecret,
                  peer_has_secret_ ? "has a cluster-secret and its peer has none"
                                   : "has no cluster-secret and its peer has one",
                  out);
  }
  return state_;
}

Handshake::State Handshake::take_proof(std::string_view payload, std::string* out) {
  const std::string_view purpose = initiator() ? kAcceptorPurpose : kInitiatorPurpose;
  const bool proved = options_.secret.empty() ? payload.empty()
                                              : check_proof(options_.secret, purpose, transcript(), payload);
  if (!proved) return refuse(RefusalReason::kSecret, "has another cluster-secret", out);
  const ClusterId cluster = options_.self.cluster;
  if (cluster != 0 && peer_.cluster != 0 && cluster != peer_.cluster) {
    return refuse(RefusalReason::kCluster, "belongs to another cluster", out);
  }
  if (options_.objection) {
    if (std::optional<std::string> objection = options_.objection(peer_)) {
      return refuse(RefusalReason::kObjection, std::move(*objection), out);
    }
  }
  if (!initiator()) send_proof(out);
  return state_ = State::kDone;
}

void Handshake::send_proof(std::string* out) {
  const FrameKind kind = initiator() ? FrameKind::kHello : FrameKind::kHelloReply;
  if (options_.secret.empty()) return append_frame(kind, 0, {}, out);
  const SecretProof proof =
      make_proof(options_.secret, initiator() ? kInitiatorPurpose : kAcceptorPurpose, transcript());
  append_frame(kind, 0, {reinterpret_cast<const char*>(proof.data()), proof.size()}, out);
}

std::string Handshake::transcript() const {
  std::string text;
  engine::append_string(initiator() ? own_introduction_ : peer_introduction_, &text);
  engine::append_string(initiator() ? peer_introduction_ : own_introduction_, &text);
  return text;
}

Handshake::State Handshake::refuse(RefusalReason reason, std::string explanation, std::string* out) {
  explanation.resize(std::min(explanation.size(), kLargestExplanationBytes));
  std::string payload(1, static_cast<char>(reason));
  engine::append_string(explanation, &payload);
  append_frame(FrameKind::kRefuse, 0, payload, out);
  reason_ = reason;
  explanation_ = std::move(explanation);
  return state_ = State::kRefused;
}

Handshake::State Handshake::take_refusal(std::string_view payload) {
  engine::ByteReader reader(payload);
  uint8_t reason = 0;
  std::string_view text;
  refused_by_peer_ = true;
  reason_ = RefusalReason::kMalformed;
  if (reader.read_byte(&reason) && reader.read_string(&text)) {
    reason_ = static_cast<RefusalReason>(reason);
    explanation_ = text.substr(0, kLargestExplanationBytes);
  }
  return state_ = State::kRefused;
}

std::string Handshake::encode_introduction() const {
  const Introduction& self = options_.self;
  std::string out(kMagic);
  engine::append_varint(self.least_version, &out);
  engine::append_varint(self.greatest_version, &out);
  out.push_back(options_.secret.empty() ? 0 : 1);
  out.append(options_.nonce.begin(), options_.nonce.end());
  engine::append_u64(self.cluster, &out);
  out.append(self.id.bytes.begin(), self.id.bytes.end());
  engine::append_varint(self.epoch, &out);
  engine::append_string(self.address, &out);
  engine::append_u64(self.life, &out);
  engine::append_u64(static_cast<uint64_t>(clock_us()), &out);
  if (self.life_signs) out.push_back(1);
  return out;
}

// True as soon as the versions are read when they have nothing in common: the rest may be of any form.
bool Handshake::decode_introduction(std::string_view payload, bool* common_version) {
  std::string_view magic;
  if (!take(kMagic.size(), &payload, &magic) || magic != kMagic) return false;
  engine::ByteReader reader(payload);
  uint64_t least = 0, greatest = 0;
  if (!reader.read_varint(&least) || !reader.read_varint(&greatest)) return false;
  if (least == 0 || least > greatest || greatest > UINT32_MAX) return false;
  peer_.least_version = static_cast<uint32_t>(least);
  peer_.greatest_version = static_cast<uint32_t>(greatest);
  version_ = std::min(peer_.greatest_version, options_.self.greatest_version);
  *common_version = version_ >= peer_.least_version && version_ >= options_.self.least_version;
  if (!*common_version) return true;

  uint8_t has_secret = 0;
  if (!reader.read_byte(&has_secret) || has_secret > 1) return false;
  peer_has_secret_ = has_secret == 1;
  std::string_view rest = reader.rest(), nonce, id, address;
  if (!take(sizeof(Nonce), &rest, &nonce)) return false;
  reader = engine::ByteReader(rest);
  if (!reader.read_u64(&peer_.cluster)) return false;
  rest = reader.rest();
  if (!take(NodeId::kBytes, &rest, &id)) return false;
  std::copy(id.begin(), id.end(), peer_.id.bytes.begin());
  reader = engine::ByteReader(rest);
  uint64_t clock_us = 0;
  if (!reader.read_varint(&peer_.epoch) || !reader.read_string(&address) || !reader.read_u64(&peer_.life) ||
      !reader.read_u64(&clock_us) || clock_us > static_cast<uint64_t>(PeerClock::kLargestUs)) {
    return false;
  }
  peer_clock_us_ = static_cast<int64_t>(clock_us);
  peer_.address = address;
  uint8_t purpose = 0;
  peer_.life_signs = reader.left() > 0 && reader.read_byte(&purpose) && purpose == 1;
  return peer_.id.valid() && address.size() <= kLargestBusAddressBytes;
}

std::optional<bool> begins_life_signs(std::string_view stream) {
  FrameDecoder decoder;
  const std::span<char> room = decoder.prepare();
  const size_t bytes = std::min(stream.size(), room.size());
  std::copy_n(stream.begin(), bytes, room.begin());
  decoder.commit(bytes);
  Frame frame;
  const FrameDecoder::Result result = decoder.next(&frame);
  if (result == FrameDecoder::Result::kMore) return std::nullopt;
  if (result == FrameDecoder::Result::kBroken || frame.kind != FrameKind::kHello) return false;
  Handshake::Options nobody;
  nobody.role = Handshake::Role::kAcceptor;
  nobody.self.id.bytes.fill(1);
  Handshake reader(nobody);
  bool common_version = false;
  return reader.decode_introduction(frame.payload, &common_version) && reader.peer_.life_signs;
}

}  // namespace starling::cluster
