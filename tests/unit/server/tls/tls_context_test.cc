#include "server/tls/tls_context.h"

#include <doctest/doctest.h>

#include "tests/unit/server/tls/certificates.h"

namespace starling::server {
namespace {

std::string make_error(const TlsOptions& options) {
  std::shared_ptr<const TlsContext> context;
  const engine::Status status = TlsContext::make(options, &context);
  CHECK((context == nullptr) == !status.ok());
  return status.message();
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("tls context: what cannot be used is named with its setting") {
  Certificates made;
  made.sign("one");
  made.sign("two");
  CHECK(make_error(made.server("one")) == "");

  TlsOptions options = made.server("one");
  options.certificate_file = made.path("nowhere.pem");
  CHECK(contains(make_error(options), "tls-cert-file '" + options.certificate_file + "': No such file"));
  options.certificate_file = made.write("garbage.pem", "-----BEGIN CERTIFICATE-----\nno\n");
  CHECK(contains(make_error(options), "tls-cert-file"));

  options = made.server("one");
  options.key_file = made.path("two.key");
  CHECK(contains(make_error(options), "tls-key-file"));
  CHECK(contains(make_error(options), "mismatch"));
  made.make_other_key("other");
  options.key_file = made.path("other.key");
  CHECK(contains(make_error(options), "tls-key-file"));

  options = made.server("one");
  options.ca_file = made.path("nowhere.pem");
  CHECK(contains(make_error(options), "tls-ca-cert-file"));

  options = made.server("one");
  options.protocols = "TLSv1.2 SSLv3";
  CHECK(contains(make_error(options), "tls-protocols"));
  options.protocols = "tlsv1.2  TLSv1.3";
  CHECK(make_error(options) == "");

  options.ciphers = "no-such-cipher";
  CHECK(contains(make_error(options), "tls-ciphers '"));
  options.ciphers = "";
  options.cipher_suites = "TLS_NO_SUCH_SUITE";
  CHECK(contains(make_error(options), "tls-ciphersuites '"));
}

TEST_CASE("tls context: whoever wants certificates checked says by whom") {
  Certificates made;
  made.sign("one");
  TlsOptions options = made.server("one", PeerCertificate::kRequired);
  CHECK(make_error(options) == "");
  options.ca_file = "";
  CHECK(contains(make_error(options), "tls-auth-clients"));
  options.peer = PeerCertificate::kOptional;
  CHECK(contains(make_error(options), "tls-auth-clients"));
  options.peer = PeerCertificate::kIgnored;
  CHECK(make_error(options) == "");
}

TEST_CASE("tls context: a key behind a password, which is never asked for at a terminal") {
  Certificates made;
  made.sign("one");
  made.encrypt_key("one", "open sesame");
  TlsOptions options = made.server("one");
  options.key_file = made.path("one.locked");
  CHECK(contains(make_error(options), "tls-key-file"));
  options.key_password = "closed";
  CHECK(contains(make_error(options), "tls-key-file"));
  options.key_password = "open sesame";
  CHECK(make_error(options) == "");
}

TEST_CASE("tls context: from when until when the certificate is good") {
  Certificates made;
  made.sign("good");
  made.sign("gone", -1);
  std::shared_ptr<const TlsContext> good, gone;
  REQUIRE(TlsContext::make(made.server("good"), &good).ok());
  REQUIRE(TlsContext::make(made.server("gone"), &gone).ok());
  CHECK(good->valid_until_s() - good->valid_from_s() == 30 * 86400);
  CHECK(gone->valid_until_s() < gone->valid_from_s());
}

}  // namespace
}  // namespace starling::server
