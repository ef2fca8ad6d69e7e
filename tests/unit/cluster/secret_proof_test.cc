#include "cluster/wire/secret_proof.h"

#include <doctest/doctest.h>

#include <string>

namespace starling::cluster {
namespace {

template <typename Bytes>
std::string_view text(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST_CASE("secret proof: an HMAC-SHA256 over purpose and bytes") {
  // Computed by another implementation: key "secret", message "\x07" "purpose" "bytes".
  const SecretProof proof = make_proof("secret", "purpose", "bytes");
  std::string hex;
  for (const uint8_t byte : proof) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  CHECK(hex == "657e8cedda9e864520025aa0bafcc53bb21f96560f4354b6db3754e9c0fa4d13");
}

TEST_CASE("secret proof: it holds for one secret, purpose and text only") {
  const SecretProof proof = make_proof("secret", "purpose", "bytes");
  CHECK(check_proof("secret", "purpose", "bytes", text(proof)));
  CHECK_FALSE(check_proof("secreT", "purpose", "bytes", text(proof)));
  CHECK_FALSE(check_proof("", "purpose", "bytes", text(proof)));
  CHECK_FALSE(check_proof("secret", "purposf", "bytes", text(proof)));
  CHECK_FALSE(check_proof("secret", "purpose", "bytet", text(proof)));
  CHECK_FALSE(check_proof("secret", "purposeb", "ytes", text(proof)));
  CHECK_FALSE(check_proof("secret", "purpose", "bytes", text(proof).substr(1)));
  CHECK_FALSE(check_proof("secret", "purpose", "bytes", ""));
  for (size_t i = 0; i < proof.size(); ++i) {
    SecretProof changed = proof;
    changed[i] ^= 1;
    CHECK_FALSE(check_proof("secret", "purpose", "bytes", text(changed)));
  }
}

TEST_CASE("secret proof: tokens") {
  const TokenMac mac = token_mac("secret", "token");
  CHECK(check_token_mac("secret", "token", text(mac)));
  CHECK_FALSE(check_token_mac("other", "token", text(mac)));
  CHECK_FALSE(check_token_mac("secret", "tokem", text(mac)));
  CHECK_FALSE(check_token_mac("secret", "token", text(mac).substr(0, 8)));
  const TokenMac unkeyed = token_mac("", "token");
  CHECK(check_token_mac("", "token", text(unkeyed)));
  CHECK_FALSE(check_token_mac("secret", "token", text(unkeyed)));
}

}  // namespace
}  // namespace starling::cluster
