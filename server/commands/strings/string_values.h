// String values in replies, and their largest size: what the families of string and bitmap commands share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "server/execute/command.h"

namespace starling::server {

// Replies with the value as a bulk; a big one is referred to, not copied. Precondition: found and a string.
void reply_value(CommandContext& context, const engine::Found& found);
// The same for a part of it: `part` lies within found.string().
void reply_value(CommandContext& context, const engine::Found& found, std::string_view part);

// The largest string there may be, bytes: proto-max-bulk-len.
int64_t max_string_bytes(const CommandContext& context);
// True when a string may have `size` + `added` bytes, both not negative. False: an error was replied.
[[nodiscard]] bool check_string_size(const CommandContext& context, int64_t size, size_t added);
// Argument i as the position of a bit: a number, or for a field of `field_bits` bits also "#" and a number of
// such fields to skip. It lies within the largest string there may be. `field_bits` 0: only a number. False:
// an error was replied.
[[nodiscard]] bool bit_offset_argument(const CommandContext& context, size_t i, int field_bits,
                                       uint64_t* offset);

}  // namespace starling::server
