// SHA-1 (RFC 3174), by which scripts are known. It names them and protects nothing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace starling::server {

using Sha1 = std::array<uint8_t, 20>;

Sha1 sha1_of(std::string_view bytes);
// 40 lower-case hexadecimal digits.
std::string to_hex(const Sha1& sha);
// Digits of either case. Nothing: they are not 40 of them.
std::optional<Sha1> sha1_from_hex(std::string_view digits);

// For hash tables: its bytes are as good as random.
struct Sha1Hash {
  size_t operator()(const Sha1& sha) const;
};

}  // namespace starling::server
