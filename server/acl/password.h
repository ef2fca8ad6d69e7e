// Passwords of users: only their hashes are kept.
//
// Any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace starling::server::acl {

inline constexpr size_t kHashDigits = 64;

// SHA-256 of the password, in lower-case hexadecimal digits.
std::string password_hash(std::string_view password);
// Whether that is how password_hash() writes.
[[nodiscard]] bool is_password_hash(std::string_view text);
// Takes the same time wherever two hashes differ. Precondition: each is_password_hash().
[[nodiscard]] bool same_hash(std::string_view a, std::string_view b);
// So many hexadecimal digits that nobody can guess.
std::string random_digits(size_t digits);

}  // namespace starling::server::acl
