// An authority and what it has signed, made on the spot by openssl(1).
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "server/tls/tls_context.h"
#include "tests/unit/server/temporary_directory.h"

namespace starling::server {

class Certificates {
 public:
  explicit Certificates(const std::string& authority = "authority") {
    run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=" +
        authority + " -keyout ca.key -out ca.pem");
  }

  // Makes NAME.pem and NAME.key. `days` may be negative: expired.
  void sign(const std::string& name, int days = 30) {
    run("openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=" + name +
        " -keyout " + name + ".key -out " + name + ".csr");
    run("openssl x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days " + std::to_string(days) + " -in " +
        name + ".csr -out " + name + ".pem");
  }
  // A key of another kind, that belongs to no certificate.
  void make_other_key(const std::string& name) {
    run("openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out " + name + ".key");
  }
  void encrypt_key(const std::string& name, const std::string& password) {
    run("openssl ec -aes256 -passout 'pass:" + password + "' -in " + name + ".key -out " + name + ".locked");
  }

  std::string path(const std::string& name) const { return directory_.path() + "/" + name; }
  std::string write(const std::string& name, const std::string& text) const {
    return directory_.write(name, text);
  }

  TlsOptions server(const std::string& name, PeerCertificate peer = PeerCertificate::kIgnored) const {
    TlsOptions options;
    options.certificate_file = path(name + ".pem");
    options.key_file = path(name + ".key");
    options.ca_file = path("ca.pem");
    options.peer = peer;
    return options;
  }
  // Checks the server's certificate; has one of its own if `name` is not empty.
  TlsOptions client(const std::string& name = "") const {
    TlsOptions options;
    if (!name.empty()) options = server(name);
    options.ca_file = path("ca.pem");
    options.peer = PeerCertificate::kRequired;
    return options;
  }

 private:
  void run(const std::string& command) {
    REQUIRE(std::system(("cd " + directory_.path() + " && " + command + " > log 2>&1").c_str()) == 0);
  }

  TemporaryDirectory directory_;
};

}  // namespace starling::server
