// What the TLS port lets connections in by: the context of the settings in force, made anew when they change. Where
// that fails the one before stays. Connections that are there keep theirs.
//
// Any thread, but open(): once, before there are connections.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>

#include "engine/base/status.h"
#include "server/tls/tls_context.h"
#include "server/tls/tls_stream.h"

namespace starling::server {

struct Settings;

class TlsDoor {
 public:
  // The settings that make a context.
  static constexpr std::string_view kSettings[] = {"tls-cert-file",
                                                   "tls-key-file",
                                                   "tls-key-file-pass",
                                                   "tls-ca-cert-file",
                                                   "tls-ca-cert-dir",
                                                   "tls-auth-clients",
                                                   "tls-protocols",
                                                   "tls-ciphers",
                                                   "tls-ciphersuites",
                                                   "tls-session-caching",
                                                   "tls-session-cache-size",
                                                   "tls-session-cache-timeout",
                                                   "tls-prefer-server-ciphers"};

  // `settings` outlives it.
  explicit TlsDoor(const Settings& settings) : settings_(settings) {}

  // Not ok: what is wrong with which setting. `now_ms` by the wall clock: a certificate not valid now is warned of.
  engine::Status open(int64_t now_ms);
  // The same after settings changed. Ok, and nothing, where there is no TLS port.
  engine::Status reload(int64_t now_ms);

  // The server's side of a new connection. Precondition: open() went well.
  std::unique_ptr<TlsStream> admit() const;

 private:
  const Settings& settings_;
  mutable std::mutex mutex_;
  std::shared_ptr<const TlsContext> context_;  // Guarded by mutex_. Null: not open.
};

}  // namespace starling::server
