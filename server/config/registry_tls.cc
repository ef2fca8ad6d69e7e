#include "server/config/setting_spec.h"
#include "server/tls/tls_context.h"

namespace starling::server {
namespace {

using enum SettingKind;

constexpr SettingChoice kAuthClients[] = {{"no", static_cast<int>(PeerCertificate::kIgnored)},
                                          {"yes", static_cast<int>(PeerCertificate::kRequired)},
                                          {"optional", static_cast<int>(PeerCertificate::kOptional)}};

constexpr int64_t kMostSessions = std::numeric_limits<int32_t>::max();

const SettingSpec kSettings[] = {
    {.name = "tls-port",
     .kind = kInteger,
     .default_text = "0",
     .field = &Settings::tls_port,
     .flags = kFixed | kValueFirst,
     .maximum = 65535,
     .documentation = "TCP port that speaks TLS, at the addresses of bind, beside 'port' or, with 'port 0', "
                      "in its place. 0: none. It needs tls-cert-file and tls-key-file."},
    {.name = "tls-cert-file",
     .kind = kText,
     .default_text = "\"\"",
     .field = &Settings::tls_certificate_file,
     .flags = kNamesFile,
     .documentation =
         "The server's certificate, in PEM, with those between it and the authority behind it. CONFIG "
         "SET reads it and the other files again, also when it gives the name that was there: "
         "connections from then on use it, those that are there go on with the one before. A file that "
         "does not do is refused, and nothing changes."},
    {.name = "tls-key-file",
     .kind = kText,
     .default_text = "\"\"",
     .field = &Settings::tls_key_file,
     .flags = kNamesFile,
     .documentation = "Its private key, in PEM."},
    {.name = "tls-key-file-pass",
     .kind = kText,
     .default_text = "\"\"",
     .field = &Settings::tls_key_password,
     .flags = kSecret,
     .documentation = "The password of tls-key-file, if it has one."},
    {.name = "tls-ca-cert-file",
     .kind = kText,
     .default_text = "\"\"",
     .field = &Settings::tls_ca_file,
     .flags = kNamesFile,
     .documentation = "Certificates, in PEM, of the authorities whose word for a client counts."},
    {.name = "tls-ca-cert-dir",
     .kind = kText,
     .default_text = "\"\"",
     .field = &Settings::tls_ca_directory,
     .flags = kNamesFile,
     .documentation = "The same as a directory of files that are named by their hash (openssl rehash)."},
    {.name = "tls-auth-clients",
     .kind = kChoice,
     .default_text = "yes",
     .field = &Settings::tls_auth_clients,
     .choices = kAuthClients,
     .documentation =
         "Whether a client must show a certificate. 'optional': one that it shows must be good. It lets "
         "a client connect, and is no user: passwords and ACL rules count as ever."},
    {.name = "tls-protocols",
     .kind = kText,
     .default_text = "\"\"",
     .field = &Settings::tls_protocols,
     .check = is_protocol_list,
     .accepted = "any of TLSv1, TLSv1.1, TLSv1.2, TLSv1.3",
     .documentation =
         "The versions that are spoken, separated by spaces. Empty: TLSv1.2 and TLSv1.3. The system's "
         "OpenSSL may want no older ones all the same."},
    {.name = "tls-ciphers",
     .kind = kText,
     .default_text = "\"\"",
     .field = &Settings::tls_ciphers,
     .documentation = "Ciphers of TLSv1.2 and before, in OpenSSL's notation. Empty: OpenSSL's choice."},
    {.name = "tls-ciphersuites",
     .kind = kText,
     .default_text = "\"\"",
     .field = &Settings::tls_cipher_suites,
     .documentation = "Cipher suites of TLSv1.3. Empty: OpenSSL's choice."},
    {.name = "tls-prefer-server-ciphers",
     .kind = kBoolean,
     .default_text = "no",
     .field = &Settings::tls_prefer_own_ciphers,
     .documentation =
         "Takes the first cipher of the server's list that the client has, and not the other way round."},
    {.name = "tls-session-caching",
     .kind = kBoolean,
     .default_text = "yes",
     .field = &Settings::tls_cache_sessions,
     .documentation =
         "Lets clients that come back take up their session, which spares both the costly part of the "
         "handshake."},
    {.name = "tls-session-cache-size",
     .kind = kInteger,
     .default_text = "20480",
     .field = &Settings::tls_cached_sessions,
     .maximum = kMostSessions,
     .documentation = "Sessions that are remembered. 0: any number."},
    {.name = "tls-session-cache-timeout",
     .kind = kInteger,
     .default_text = "300",
     .field = &Settings::tls_cache_seconds,
     .maximum = kMostSessions,
     .documentation = "For how many seconds."},
};

}  // namespace

SettingSection tls_settings() {
  return {"TLS",
          "Connections of clients that nobody on the way can read or change. See conf/README.md, \"TLS\".",
          kSettings};
}

}  // namespace starling::server
