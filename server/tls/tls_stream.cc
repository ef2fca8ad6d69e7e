#include "server/tls/tls_stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <string.h>

#include <algorithm>
#include <utility>

#include "engine/base/assert.h"

namespace starling::server {

// What OpenSSL takes for a socket: the stream's own buffers.
struct TlsStreamBio {
  static TlsStream& stream(BIO* bio) { return *static_cast<TlsStream*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* into, int capacity) {
    TlsStream& self = stream(bio);
    BIO_clear_retry_flags(bio);
    const auto room = static_cast<size_t>(std::max(capacity, 0));
    size_t taken = std::min(room, self.kept_in_.size() - self.kept_used_);
    if (taken > 0) {
      memcpy(into, self.kept_in_.data() + self.kept_used_, taken);
      self.kept_used_ += taken;
    } else {
      taken = std::min(room, self.cipher_in_.size());
      if (taken > 0) memcpy(into, self.cipher_in_.data(), taken);
      self.cipher_in_ = self.cipher_in_.subspan(taken);
    }
    if (taken > 0) return static_cast<int>(taken);
    BIO_set_retry_read(bio);
    return -1;
  }

  static int write(BIO* bio, const char* bytes, int count) {
    TlsStream& self = stream(bio);
    BIO_clear_retry_flags(bio);
    if (count <= 0) return 0;
    if (self.cipher_out_.empty() && self.cipher_out_.capacity() < kLeastSpareBytes)
      self.cipher_out_.swap(spare());
    self.cipher_out_.append(bytes, static_cast<size_t>(count));
    return count;
  }

  static long control(BIO*, int what, long, void*) {
    return what == BIO_CTRL_FLUSH || what == BIO_CTRL_DUP ? 1 : 0;
  }

  static const BIO_METHOD* method() {
    static const BIO_METHOD* const kMethod = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
      STARLING_ASSERT(made != nullptr);
      BIO_meth_set_read(made, read);
      BIO_meth_set_write(made, write);
      BIO_meth_set_ctrl(made, control);
      return made;
    }();
    return kMethod;
  }

  // Most streams have nothing to send at most times: those of a thread share a buffer that has grown.
  static constexpr size_t kLeastSpareBytes = 4096;
  static constexpr size_t kMostSpareBytes = 512 << 10;
  static std::string& spare() {
    static thread_local std::string buffer;
    return buffer;
  }
};

namespace {

// Of a connection at rest, by measurement (see README.md).
constexpr size_t kRestingBytes = 16 << 10;
// What clients say first has some hundred bytes, or two thousand with keys that quantum computers do not break.
constexpr size_t kLargestHelloBytes = 16 << 10;

// What others left on this thread would be taken for the next call's. Mostly there is nothing, and to look costs less.
void forget_errors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

std::string reason(SSL* native) {
  // The last one is about the connection, those before about the parts that it was found by.
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* text = code != 0 ? ERR_reason_error_string(code) : nullptr;
  std::string why = text != nullptr ? text : "the peer does not keep to the protocol";
  // The verdict on the peer's certificate says more than "verify failed".
  const long verdict = SSL_get_verify_result(native);
  if (code != 0 && ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED && verdict != X509_V_OK)
    why += std::string(": ") + X509_verify_cert_error_string(verdict);
  return why;
}

}  // namespace

TlsStream::TlsStream(std::shared_ptr<const TlsContext> context, Side side)
    : context_(std::move(context)), native_(SSL_new(context_->native_)) {
  BIO* bio = BIO_new(TlsStreamBio::method());
  STARLING_ASSERT(native_ != nullptr && bio != nullptr);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(native_, bio, bio);
  side == Side::kServer ? SSL_set_accept_state(native_) : SSL_set_connect_state(native_);
}

TlsStream::~TlsStream() {
  // One that was not ended in order would be taken out of the cache of sessions.
  if (open()) SSL_set_shutdown(native_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(native_);
}

void TlsStream::fail(int result) {
  const int kind = SSL_get_error(native_, result);
  if (kind == SSL_ERROR_WANT_READ) return;
  if (kind == SSL_ERROR_ZERO_RETURN) {
    state_ = State::kEnded;
    return;
  }
  state_ = State::kFailed;
  failure_ = reason(native_);
  more_ = false;
}

void TlsStream::advance() {
  forget_errors();
  const int result = SSL_do_handshake(native_);
  if (result == 1) {
    state_ = State::kOpen;
  } else {
    fail(result);
  }
}

// OpenSSL makes room for what the first message says that it is.
bool TlsStream::begins_modestly(std::span<const char> cipher) {
  constexpr uint8_t kClientHello = 1;
  constexpr size_t kTypeAt = 5;  // Behind the record's head.
  for (size_t i = 0; i < cipher.size() && head_size_ < head_.size(); ++i)
    head_[head_size_++] = static_cast<uint8_t>(cipher[i]);
  if (head_size_ < head_.size() || head_[kTypeAt] != kClientHello) return true;
  const size_t size =
      static_cast<size_t>(head_[kTypeAt + 1]) << 16 | head_[kTypeAt + 2] << 8 | head_[kTypeAt + 3];
  return size <= kLargestHelloBytes;
}

size_t TlsStream::read(std::span<const char> cipher, std::span<char> plain) {
  if (!cipher.empty()) untouched_ = false;
  if (state_ == State::kHandshaking && !begins_modestly(cipher)) {
    state_ = State::kFailed;
    failure_ = "its first message is too large";
    return 0;
  }
  cipher_in_ = cipher;
  if (kept_used_ < kept_in_.size()) {
    // Rare: in order behind what is there already.
    kept_in_.append(cipher.data(), cipher.size());
    cipher_in_ = {};
  }
  if (state_ == State::kHandshaking) advance();
  // What is left to be opened, or is open already. (Half a record that OpenSSL keeps is neither.)
  const auto any_left = [this] {
    return kept_used_ < kept_in_.size() || !cipher_in_.empty() || SSL_pending(native_) > 0;
  };
  size_t filled = 0;
  forget_errors();
  while (state_ == State::kOpen && filled < plain.size() && any_left()) {
    size_t count = 0;
    const int result = SSL_read_ex(native_, plain.data() + filled, plain.size() - filled, &count);
    if (result != 1) {
      fail(result);
      break;
    }
    filled += count;
  }
  more_ = state_ == State::kOpen && any_left();
  if (state_ == State::kFailed || state_ == State::kEnded || kept_used_ == kept_in_.size()) {
    kept_in_ = {};
    kept_used_ = 0;
  }
  if (state_ == State::kOpen || state_ == State::kHandshaking)
    kept_in_.append(cipher_in_.data(), cipher_in_.size());
  cipher_in_ = {};
  return filled;
}

bool TlsStream::write(std::string_view plain) {
  STARLING_ASSERT(open());
  if (plain.empty()) return true;
  forget_errors();
  size_t count = 0;
  const int result = SSL_write_ex(native_, plain.data(), plain.size(), &count);
  if (result == 1) return true;
  state_ = State::kFailed;
  failure_ = reason(native_);
  return false;
}

void TlsStream::end() {
  if (!open() || said_end_) return;
  said_end_ = true;
  forget_errors();
  (void)SSL_shutdown(native_);
  forget_errors();
}

void TlsStream::sent(size_t bytes) {
  constexpr size_t kLittleBytes = 64 << 10;
  sent_ += bytes;
  STARLING_ASSERT(sent_ <= cipher_out_.size());
  if (sent_ < cipher_out_.size()) {
    // A peer that makes TLS answer over and over, and reads slowly, is never done.
    if (sent_ >= kLittleBytes && sent_ >= cipher_out_.size() / 2) {
      cipher_out_.erase(0, sent_);
      sent_ = 0;
    }
    return;
  }
  sent_ = 0;
  cipher_out_.clear();
  std::string& spare = TlsStreamBio::spare();
  if (cipher_out_.capacity() > spare.capacity() && cipher_out_.capacity() <= TlsStreamBio::kMostSpareBytes)
    spare.swap(cipher_out_);
  spare.clear();
  cipher_out_ = {};
}

size_t TlsStream::memory_bytes() const {
  return kRestingBytes + kept_in_.capacity() + cipher_out_.capacity();
}

}  // namespace starling::server
