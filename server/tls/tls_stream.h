// One TLS connection as a machine that turns bytes into bytes: what a socket gave goes in, what the peer said comes
// out; what is to be said goes in, what the socket is to take comes out. It knows no socket, no time and no loop.
//
//   kHandshaking -> kOpen -> kEnded      the peer has said that it sends nothing more; what is written still leaves
//        `-----------'-----> kFailed     for good; outgoing() may hold the alert that tells the peer why
//
// One thread at a time; not necessarily the same one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "server/tls/tls_context.h"

struct ssl_st;
struct bio_st;

namespace starling::server {

// Whether the first byte that a peer sends is that of a TLS connection. No request begins so.
[[nodiscard]] constexpr bool begins_as_tls(std::string_view bytes) {
  return !bytes.empty() && bytes[0] == 0x16 && (bytes.size() < 2 || bytes[1] == 0x03);
}

class TlsStream {
 public:
  enum class Side { kServer, kClient };
  enum class State { kHandshaking, kOpen, kEnded, kFailed };

  TlsStream(std::shared_ptr<const TlsContext> context, Side side);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  State state() const { return state_; }
  bool handshaking() const { return state_ == State::kHandshaking; }
  // It may be written to.
  bool open() const { return state_ == State::kOpen || state_ == State::kEnded; }
  // Of kFailed: why, in a few words for the log.
  const std::string& failure() const { return failure_; }
  // Whether the peer has sent anything yet.
  bool untouched() const { return untouched_; }

  // The client's side: lets the handshake begin. The server's begins with what the client sends.
  void begin() { advance(); }

  // Takes what the socket gave (it may be nothing) and fills in what the peer said. Returns how many bytes of
  // `plain` were filled. All of it: there may be more (has_input()); what of `cipher` is not used yet is copied.
  // Less: state() tells why.
  [[nodiscard]] size_t read(std::span<const char> cipher, std::span<char> plain);
  // Something is left for read() without new bytes: input, or the news that it has ended.
  bool has_input() const { return more_ || state_ == State::kEnded; }

  // Seals it all. False: it failed. Precondition: open().
  [[nodiscard]] bool write(std::string_view plain);
  // Tells the peer that nothing more comes. Does nothing before the handshake is done or after a failure.
  void end();

  // For the socket; good until the next call of anything but outgoing(). `sent`: how many of them it took.
  std::string_view outgoing() const { return std::string_view(cipher_out_).substr(sent_); }
  void sent(size_t bytes);

  // What it makes the process hold, roughly.
  size_t memory_bytes() const;

 private:
  friend struct TlsStreamBio;
  void advance();
  void fail(int result);
  bool begins_modestly(std::span<const char> cipher);

  std::shared_ptr<const TlsContext> context_;
  ssl_st* native_;
  State state_ = State::kHandshaking;
  bool untouched_ = true;
  std::array<uint8_t, 9> head_;  // Of the first record and of the message in it, as far as it has come.
  uint8_t head_size_ = 0;
  bool more_ = false;
  bool said_end_ = false;
  std::span<const char> cipher_in_;  // Within read() only.
  std::string kept_in_;              // What came before that and is not used yet.
  size_t kept_used_ = 0;
  std::string cipher_out_;
  size_t sent_ = 0;
  std::string failure_;
};

}  // namespace starling::server
