#include "server/acl/password.h"

#include <sodium.h>

#include <algorithm>
#include <vector>

#include "engine/base/assert.h"

namespace starling::server::acl {
namespace {

std::string hexadecimal(const unsigned char* bytes, size_t size) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * size);
  for (size_t i = 0; i < size; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

void make_ready() {
  static const bool ready = sodium_init() >= 0;
  STARLING_ASSERT(ready);
}

}  // namespace

std::string password_hash(std::string_view password) {
  make_ready();
  static_assert(2 * crypto_hash_sha256_BYTES == kHashDigits);
  unsigned char hash[crypto_hash_sha256_BYTES];
  crypto_hash_sha256(hash, reinterpret_cast<const unsigned char*>(password.data()), password.size());
  return hexadecimal(hash, sizeof hash);
}

bool is_password_hash(std::string_view text) {
  return text.size() == kHashDigits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

bool same_hash(std::string_view a, std::string_view b) {
  STARLING_ASSERT(a.size() == kHashDigits && b.size() == kHashDigits);
  return sodium_memcmp(a.data(), b.data(), kHashDigits) == 0;
}

std::string random_digits(size_t digits) {
  make_ready();
  std::vector<unsigned char> bytes((digits + 1) / 2);
  randombytes_buf(bytes.data(), bytes.size());
  std::string text = hexadecimal(bytes.data(), bytes.size());
  text.resize(digits);
  return text;
}

}  // namespace starling::server::acl
