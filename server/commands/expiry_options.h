// The forms in which commands take a time to live, and the deadline that follows.
//
//   expiry = "EX" seconds | "PX" milliseconds | "EXAT" unix-seconds | "PXAT" unix-milliseconds
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "server/execute/command.h"

namespace starling::server {

enum class ExpiryForm : uint8_t { kNone, kSeconds, kMilliseconds, kUnixSeconds, kUnixMilliseconds };

inline bool is_relative(ExpiryForm form) {
  return form == ExpiryForm::kSeconds || form == ExpiryForm::kMilliseconds;
}

// EX, PX, EXAT or PXAT in any mix of cases; kNone when `option` is none of them.
ExpiryForm parse_expiry_form(std::string_view option);

// The deadline, Unix time in milliseconds, of `amount` in that form. False when it does not fit. It may lie
// in the past and be zero or negative, so it must not reach the engine, where such values mean something
// else, before a comparison with the current time.
[[nodiscard]] bool deadline_of(int64_t amount, ExpiryForm form, int64_t now_ms, int64_t* deadline_ms);

// Argument i as the amount of SET, GETEX, SETEX and PSETEX, which must be positive: *deadline_ms is then
// positive. False: an error was replied.
[[nodiscard]] bool deadline_argument(const CommandContext& context, size_t i, ExpiryForm form,
                                     int64_t* deadline_ms);

// Replies "invalid expire time", naming the command.
void reply_invalid_expire(const CommandContext& context);

}  // namespace starling::server
