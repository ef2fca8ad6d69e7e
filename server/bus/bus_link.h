// One connection to one other node. Owned by a BusLinks and used by its loop's thread only.
//
//   connecting ──> introducing ──> up ──> closed        outgoing
//                  introducing ──> up ──> closed        incoming
//
// Any state may go to closed. A closed link does nothing more; its owner destroys it at the end of the pass.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/wire/frame.h"
#include "cluster/wire/handshake.h"
#include "cluster/wire/peer_clock.h"
#include "cluster/wire/piece.h"
#include "resp/output_buffer.h"
#include "server/net/connection.h"
#include "server/net/connector.h"

namespace starling::server {

class BusLinks;

class BusLink final : public FdHandler {
 public:
  enum class State { kConnecting, kIntroducing, kUp, kClosed };

  // Outgoing; connect() begins. `expected` as in Handshake::Options.
  BusLink(BusLinks& owner, uint64_t id, std::string address, const cluster::NodeId& expected);
  // Incoming; accept() begins.
  BusLink(BusLinks& owner, uint64_t id, std::string address);
  ~BusLink() override;

  void connect();
  void accept(int fd);

  // Queues a frame. False: not up, or no room. `order`: as for OutgoingPieces.
  bool queue(cluster::FrameKind kind, uint64_t correlation, std::string_view payload, uint64_t order = 0);
  // The same without a copy of a large payload.
  bool queue(cluster::FrameKind kind, uint64_t correlation, cluster::SharedBytes payload, uint64_t order);
  // The frame has not left, or not all of it: it never arrives.
  bool withdraw(cluster::FrameKind kind, uint64_t correlation);
  // Writes what the socket takes.
  void flush();
  // Looks at deadlines.
  void on_time(int64_t now_ms);
  // Closes the link unless something comes from the peer until then: another process says that it is the peer.
  void challenge(int64_t until_ms);
  // It has answered to that within this time.
  bool answered_challenge(int64_t within_ms) const;
  // Ends the link and tells the owner, once.
  void close(const std::string& reason);
  // The same, and what was sent and has not arrived never does.
  void reset(const std::string& reason);
  // Where what was queued so far ends; for arrived(). Of a large frame that is exact once it has left (on_sending()).
  uint64_t queued_until() const { return output_.position() + lane_.bytes(); }
  // The peer's system has all that was queued up to there.
  bool arrived(uint64_t queued_until) const;
  // Something waits to arrive there, and for so long (to some 100 ms) nothing has.
  bool stuck(int64_t for_ms) const;

  uint64_t id() const { return id_; }
  State state() const { return state_; }
  bool outgoing() const { return outgoing_; }
  // The peer's: as configured, or as the connection came.
  const std::string& address() const { return address_; }
  const cluster::NodeId& expected() const { return expected_; }
  // Once up.
  const cluster::Introduction& peer() const { return peer_; }
  int64_t up_since_ms() const { return up_since_ms_; }
  // Once up: of the protocol, that both speak.
  uint32_t version() const { return version_; }
  // Set when the handshake ended in a refusal.
  std::optional<cluster::RefusalReason> refusal() const { return refusal_; }
  // Once up.
  const cluster::PeerClock& peer_clock() const { return peer_clock_; }
  size_t queued_bytes() const { return output_.size() + lane_.bytes(); }
  // Frames of so many bytes have to wait.
  bool full(size_t bytes) const;
  size_t memory_bytes() const {
    return decoder_.memory_bytes() + output_.memory_bytes() + lane_.bytes() + incoming_.memory_bytes();
  }

  bool in_output_list = false;  // The owner's.

 private:
  uint64_t acknowledged() const;
  void note_arrivals(int64_t now_ms);
  void on_events(int events) override;
  void open(int fd);
  void begin_handshake();
  void read();
  // False: the link is closed.
  bool take_frames();
  void take_frame(const cluster::Frame& frame);
  void after_handshake_step(const std::string& answer);
  void take_pong(std::string_view payload);
  void ping();
  void take_piece(std::string_view piece);
  void note_queued(size_t bytes_before);
  bool too_large(size_t payload_bytes) const;
  bool takes(uint64_t correlation, size_t payload_bytes) const;
  bool takes_lane(cluster::FrameKind kind, size_t payload_bytes, uint64_t order) const;
  bool queue_in_lane(cluster::FrameKind kind, uint64_t correlation, cluster::SharedBytes payload,
                     uint64_t order);
  void append_frame(cluster::FrameKind kind, uint64_t correlation, std::string_view payload);
  void fill_from_lane();
  void tell_moved();

  BusLinks& owner_;
  const uint64_t id_;
  const bool outgoing_;
  const std::string address_;
  const cluster::NodeId expected_;
  State state_;
  std::optional<Connector> connector_;
  std::optional<Connection> connection_;
  std::optional<cluster::Handshake> handshake_;
  cluster::FrameDecoder decoder_;
  resp::OutputBuffer output_;
  uint32_t version_ = 0;
  // The peer takes pieces.
  bool cuts_ = false;
  cluster::OutgoingPieces lane_;
  cluster::IncomingPieces incoming_;
  // Frames of which pieces have left since the handler was told, and the ages of those that are complete.
  struct Moved {
    cluster::FrameKind kind;
    uint64_t correlation;
    std::optional<int64_t> age_us;
  };
  std::vector<Moved> moved_;
  std::string header_;  // Scratch.
  cluster::Introduction peer_;
  cluster::PeerClock peer_clock_;
  std::optional<cluster::RefusalReason> refusal_;
  int64_t deadline_ms_;  // Of connecting and the handshake.
  int64_t up_since_ms_ = 0;
  int64_t heard_ms_ = 0;       // Bytes came.
  int64_t told_heard_ms_ = 0;  // The handler was told so.
  int64_t progress_ms_ = 0;    // Bytes went, or began to wait.
  uint64_t acknowledged_ = 0;  // By the peer's system, when that was looked at last,
  int64_t arrived_ms_ = 0;     // and when it had become more, or nothing was missing.
  // The last ping: where it ends in the output, and when it had gone; -1: it has not, or was answered.
  bool pinged_ = false;
  uint64_t ping_position_ = 0;
  int64_t ping_sent_ms_ = -1;
  int64_t challenged_until_ms_ = 0;  // 0: it is not.
  int64_t challenge_answered_ms_ = -1;
  int64_t clock_asked_ms_ = 0;  // By the last ping.
};

}  // namespace starling::server
