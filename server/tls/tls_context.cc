#include "server/tls/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <climits>
#include <vector>

namespace starling::server {
namespace {

using engine::Status;
using engine::StatusCode;

struct Protocol {
  std::string_view name;
  uint64_t switched_off_by;
  bool usual;
};
constexpr Protocol kProtocols[] = {{"TLSv1", SSL_OP_NO_TLSv1, false},
                                   {"TLSv1.1", SSL_OP_NO_TLSv1_1, false},
                                   {"TLSv1.2", SSL_OP_NO_TLSv1_2, true},
                                   {"TLSv1.3", SSL_OP_NO_TLSv1_3, true}};

// Sessions of other programs that have the same certificate are none of ours.
constexpr unsigned char kSessionOwner[] = "starling";

// The first of OpenSSL's complaints on this thread; all of them are forgotten.
std::string complaint() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "not accepted";
  if (ERR_SYSTEM_ERROR(code)) return strerror(ERR_GET_REASON(code));
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "error " + std::to_string(code);
}

Status wrong(std::string_view option, std::string_view value, std::string_view why) {
  return {StatusCode::kInvalid, std::string(option) + " '" + std::string(value) + "': " + std::string(why)};
}

// Without a password of its own OpenSSL would ask for one at the terminal.
int give_password(char* into, int capacity, int, void* password) {
  const auto& text = *static_cast<const std::string*>(password);
  if (text.empty() || text.size() > static_cast<size_t>(capacity)) return -1;
  memcpy(into, text.data(), text.size());
  return static_cast<int>(text.size());
}

// Of a client's certificates, which it may make the server hold before it is known.
constexpr long kLargestChainBytes = 32 << 10;

// False: the list names something else.
bool read_protocols(std::string_view text, uint64_t* switched_off) {
  std::array<bool, std::size(kProtocols)> on{};
  bool any = false;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string word(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (word.empty()) continue;
    const auto found =
        std::find_if(std::begin(kProtocols), std::end(kProtocols), [&word](const Protocol& known) {
          return ::strcasecmp(word.c_str(), std::string(known.name).c_str()) == 0;
        });
    if (found == std::end(kProtocols)) return false;
    on[static_cast<size_t>(found - std::begin(kProtocols))] = any = true;
  }
  *switched_off = 0;
  for (size_t i = 0; i < on.size(); ++i) {
    if (any ? !on[i] : !kProtocols[i].usual) *switched_off |= kProtocols[i].switched_off_by;
  }
  return true;
}

Status use_certificate(const TlsOptions& options, SSL_CTX* native) {
  std::string password = options.key_password;
  SSL_CTX_set_default_passwd_cb(native, give_password);
  SSL_CTX_set_default_passwd_cb_userdata(native, &password);
  Status status;
  if (SSL_CTX_use_certificate_chain_file(native, options.certificate_file.c_str()) != 1) {
    status = wrong("tls-cert-file", options.certificate_file, complaint());
  } else if (SSL_CTX_use_PrivateKey_file(native, options.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    status = wrong("tls-key-file", options.key_file, complaint());
  } else if (SSL_CTX_check_private_key(native) != 1) {
    // A key of another kind than the certificate's is taken until somebody asks.
    status = wrong("tls-key-file", options.key_file, complaint());
  }
  SSL_CTX_set_default_passwd_cb_userdata(native, nullptr);
  return status;
}

Status trust(const TlsOptions& options, SSL_CTX* native) {
  const char* file = options.ca_file.empty() ? nullptr : options.ca_file.c_str();
  const char* directory = options.ca_directory.empty() ? nullptr : options.ca_directory.c_str();
  if (file != nullptr && SSL_CTX_load_verify_file(native, file) != 1)
    return wrong("tls-ca-cert-file", options.ca_file, complaint());
  if (directory != nullptr && SSL_CTX_load_verify_dir(native, directory) != 1)
    return wrong("tls-ca-cert-dir", options.ca_directory, complaint());
  if (options.peer == PeerCertificate::kIgnored) {
    SSL_CTX_set_verify(native, SSL_VERIFY_NONE, nullptr);
    return {};
  }
  if (file == nullptr && directory == nullptr)
    return {StatusCode::kInvalid,
            "tls-auth-clients wants certificates checked, which takes 'tls-ca-cert-file' or "
            "'tls-ca-cert-dir' (or say 'tls-auth-clients no')"};
  const int must = options.peer == PeerCertificate::kRequired ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
  SSL_CTX_set_verify(native, SSL_VERIFY_PEER | must, nullptr);
  return {};
}

Status choose_ciphers(const TlsOptions& options, SSL_CTX* native) {
  uint64_t switched_off = 0;
  if (!read_protocols(options.protocols, &switched_off))
    return wrong("tls-protocols", options.protocols, "any of TLSv1, TLSv1.1, TLSv1.2, TLSv1.3");
  SSL_CTX_set_options(native, switched_off);
  if (!options.ciphers.empty() && SSL_CTX_set_cipher_list(native, options.ciphers.c_str()) != 1)
    return wrong("tls-ciphers", options.ciphers, complaint());
  if (!options.cipher_suites.empty() && SSL_CTX_set_ciphersuites(native, options.cipher_suites.c_str()) != 1)
    return wrong("tls-ciphersuites", options.cipher_suites, complaint());
  if (options.prefer_own_ciphers) SSL_CTX_set_options(native, SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_dh_auto(native, 1);
  return {};
}

void keep_sessions(const TlsOptions& options, SSL_CTX* native) {
  SSL_CTX_set_session_id_context(native, kSessionOwner, sizeof kSessionOwner - 1);
  if (!options.cache_sessions) {
    SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(native, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(native, 0);
    return;
  }
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_SERVER);
  SSL_CTX_sess_set_cache_size(native, static_cast<long>(options.cached_sessions));
  SSL_CTX_set_timeout(native, static_cast<long>(options.cache_seconds));
}

int64_t seconds_of(const ASN1_TIME* time) {
  tm parts{};
  return time != nullptr && ASN1_TIME_to_tm(time, &parts) == 1 ? static_cast<int64_t>(::timegm(&parts)) : 0;
}

}  // namespace

bool is_protocol_list(std::string_view text) {
  uint64_t switched_off;
  return read_protocols(text, &switched_off);
}

Status TlsContext::make(const TlsOptions& options, std::shared_ptr<const TlsContext>* context) {
  ERR_clear_error();
  SSL_CTX* native = SSL_CTX_new(TLS_method());
  if (native == nullptr) return {StatusCode::kInvalid, "TLS cannot be used: " + complaint()};
  std::shared_ptr<TlsContext> made(new TlsContext(native));
  // Idle connections give their buffers back. Nothing that a client could have the server do over and over.
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(native, SSL_OP_NO_SSLv3 | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                  SSL_OP_SINGLE_DH_USE | SSL_OP_SINGLE_ECDH_USE);
  SSL_CTX_set_max_cert_list(native, kLargestChainBytes);
  Status status;
  if (!options.certificate_file.empty() || !options.key_file.empty())
    status = use_certificate(options, native);
  if (status.ok()) status = trust(options, native);
  if (status.ok()) status = choose_ciphers(options, native);
  if (!status.ok()) return status;
  keep_sessions(options, native);
  if (const X509* own = SSL_CTX_get0_certificate(native); own != nullptr) {
    made->valid_from_s_ = seconds_of(X509_get0_notBefore(own));
    made->valid_until_s_ = seconds_of(X509_get0_notAfter(own));
  }
  *context = std::move(made);
  return {};
}

TlsContext::~TlsContext() {
  SSL_CTX_free(native_);
}

}  // namespace starling::server
