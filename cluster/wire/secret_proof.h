// Keyed hashes (HMAC-SHA256): what only a holder of 'cluster-secret' can make. With the hashes of users' passwords
// (server/acl/password.h) the only use of libsodium.
//
// Every use names its purpose, so that what was made for one proves nothing in another.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace starling::cluster {

using SecretProof = std::array<uint8_t, 32>;
// Short enough to travel in a token, long enough not to be guessed online.
using TokenMac = std::array<uint8_t, 16>;

SecretProof make_proof(std::string_view secret, std::string_view purpose, std::string_view bytes);
// `proof` may have any size. Takes the same time wherever it differs.
bool check_proof(std::string_view secret, std::string_view purpose, std::string_view bytes,
                 std::string_view proof);

// For tokens that nodes hand out and get back. With an empty secret it detects damage, not forgery.
TokenMac token_mac(std::string_view secret, std::string_view bytes);
bool check_token_mac(std::string_view secret, std::string_view bytes, std::string_view mac);

}  // namespace starling::cluster
