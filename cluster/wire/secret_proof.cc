#include "cluster/wire/secret_proof.h"

#include <sodium.h>

#include <algorithm>

#include "engine/base/assert.h"

namespace starling::cluster {
namespace {

constexpr std::string_view kTokenPurpose = "starling token";

const unsigned char* unsigned_bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

template <size_t size>
bool equal(const std::array<uint8_t, size>& expected, std::string_view given) {
  return given.size() == size && sodium_memcmp(expected.data(), given.data(), size) == 0;
}

}  // namespace

SecretProof make_proof(std::string_view secret, std::string_view purpose, std::string_view bytes) {
  static const bool ready = sodium_init() >= 0;
  STARLING_ASSERT(ready);
  static_assert(sizeof(SecretProof) == crypto_auth_hmacsha256_BYTES);
  // The length in front keeps the border between purpose and bytes.
  const auto purpose_bytes = static_cast<uint8_t>(purpose.size());
  STARLING_ASSERT(purpose_bytes == purpose.size());
  SecretProof proof;
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, unsigned_bytes(secret), secret.size());
  crypto_auth_hmacsha256_update(&state, &purpose_bytes, 1);
  crypto_auth_hmacsha256_update(&state, unsigned_bytes(purpose), purpose.size());
  crypto_auth_hmacsha256_update(&state, unsigned_bytes(bytes), bytes.size());
  crypto_auth_hmacsha256_final(&state, proof.data());
  return proof;
}

bool check_proof(std::string_view secret, std::string_view purpose, std::string_view bytes,
                 std::string_view proof) {
  return equal(make_proof(secret, purpose, bytes), proof);
}

TokenMac token_mac(std::string_view secret, std::string_view bytes) {
  const SecretProof full = make_proof(secret, kTokenPurpose, bytes);
  TokenMac mac;
  std::copy_n(full.begin(), mac.size(), mac.begin());
  return mac;
}

bool check_token_mac(std::string_view secret, std::string_view bytes, std::string_view mac) {
  return equal(token_mac(secret, bytes), mac);
}

}  // namespace starling::cluster
