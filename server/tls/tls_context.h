// What all TLS connections of a port have in common: certificate, key, whom to trust, what is spoken. Made from
// settings, never changed: a change of settings makes a new one, and connections keep the one they began with.
//
// Values and files in, an opaque context out; no sockets, no settings of the server, no log. Any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "engine/base/status.h"

struct ssl_ctx_st;

namespace starling::server {

// Whether the other side of a connection must, or may, show a certificate. One that is shown is checked.
enum class PeerCertificate : uint8_t { kIgnored = 0, kRequired = 1, kOptional = 2 };

struct TlsOptions {
  std::string certificate_file;       // PEM, with the chain behind it.
  std::string key_file;               // PEM.
  std::string key_password;           // Of an encrypted key_file.
  std::string ca_file, ca_directory;  // Whose certificates are believed; one of the two unless kIgnored.
  PeerCertificate peer = PeerCertificate::kRequired;
  std::string protocols;      // "TLSv1.2 TLSv1.3"; empty: these two.
  std::string ciphers;        // Of TLS 1.2 and before, as OpenSSL lists them; empty: its own list.
  std::string cipher_suites;  // Of TLS 1.3.
  bool prefer_own_ciphers = false;
  bool cache_sessions = true;
  int64_t cached_sessions = 20480;  // 0: any number.
  int64_t cache_seconds = 300;
};

// Whether a list of protocols has known names only.
[[nodiscard]] bool is_protocol_list(std::string_view text);

class TlsContext {
 public:
  // Reads the files. Not ok: which option, and why, in a line for people; *context is left as it is.
  static engine::Status make(const TlsOptions& options, std::shared_ptr<const TlsContext>* context);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // Of the own certificate, in seconds since 1970. 0: there is none (a client without one).
  int64_t valid_from_s() const { return valid_from_s_; }
  int64_t valid_until_s() const { return valid_until_s_; }

 private:
  friend class TlsStream;
  explicit TlsContext(ssl_ctx_st* native) : native_(native) {}

  ssl_ctx_st* native_;
  int64_t valid_from_s_ = 0, valid_until_s_ = 0;
};

}  // namespace starling::server
