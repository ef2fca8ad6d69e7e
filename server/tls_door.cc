#include "server/tls_door.h"

#include <string>
#include <utility>

#include "server/process/log.h"
#include "server/settings.h"

namespace starling::server {
namespace {

TlsOptions options_of(const Settings& settings) {
  TlsOptions options;
  options.certificate_file = settings.tls_certificate_file.get();
  options.key_file = settings.tls_key_file.get();
  options.key_password = settings.tls_key_password.get();
  options.ca_file = settings.tls_ca_file.get();
  options.ca_directory = settings.tls_ca_directory.get();
  options.peer = static_cast<PeerCertificate>(settings.tls_auth_clients.get());
  options.protocols = settings.tls_protocols.get();
  options.ciphers = settings.tls_ciphers.get();
  options.cipher_suites = settings.tls_cipher_suites.get();
  options.prefer_own_ciphers = settings.tls_prefer_own_ciphers;
  options.cache_sessions = settings.tls_cache_sessions;
  options.cached_sessions = settings.tls_cached_sessions;
  options.cache_seconds = settings.tls_cache_seconds;
  return options;
}

}  // namespace

engine::Status TlsDoor::open(int64_t now_ms) {
  const TlsOptions options = options_of(settings_);
  if (options.certificate_file.empty() || options.key_file.empty())
    return {engine::StatusCode::kInvalid, "TLS needs 'tls-cert-file' and 'tls-key-file'"};
  std::shared_ptr<const TlsContext> made;
  if (engine::Status status = TlsContext::make(options, &made); !status.ok()) return status;
  const int64_t now_s = now_ms / 1000;
  if (now_s < made->valid_from_s() || now_s > made->valid_until_s()) {
    log_text(LogLevel::kWarning, "The certificate " + options.certificate_file +
                                     (now_s > made->valid_until_s() ? " has expired" : " is not valid yet") +
                                     ": clients that check it will not connect.");
  }
  std::lock_guard lock(mutex_);
  context_ = std::move(made);
  return {};
}

engine::Status TlsDoor::reload(int64_t now_ms) {
  {
    std::lock_guard lock(mutex_);
    if (context_ == nullptr) return {};
  }
  engine::Status status = open(now_ms);
  if (!status.ok()) {
    log_text(LogLevel::kWarning, "TLS goes on as before: " + status.message());
    return {status.code(), "Unable to update TLS configuration. Check server logs."};
  }
  log_text(LogLevel::kNotice, "The TLS settings were read; new connections follow them.");
  return {};
}

std::unique_ptr<TlsStream> TlsDoor::admit() const {
  std::shared_ptr<const TlsContext> context;
  {
    std::lock_guard lock(mutex_);
    context = context_;
  }
  return std::make_unique<TlsStream>(std::move(context), TlsStream::Side::kServer);
}

}  // namespace starling::server
