// What nodes tell each other of keys that their clients track.
//
//   track      := item*                             I am to be told; no answer
//   item       := 0 key:string                      of its next change, once
//               | 1 prefix:string                   of each change of a key that begins so
//               | 2 prefix:string                   of these no more
//   invalidate := origin:varint broadcast:u8 key:string*       without keys: all, or any
//   origin     := 0 | the client that the node forwarded for, by its id there
//
// string and varint as in engine/base/byte_codec.h. Both go over the link on which the asking loop asks: `track` is
// there before a question that is sent behind it, and what answers it comes back on the same one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "server/tracking/invalidation.h"

namespace starling::server {

enum class TrackedItem : uint8_t { kKey = 0, kPrefix = 1, kPrefixEnds = 2 };

void append_tracked(TrackedItem item, std::string_view name, std::string* payload);
// Calls `visit` for each, in order. False: the rest makes no sense.
[[nodiscard]] bool decode_tracked(std::string_view payload,
                                  absl::FunctionRef<void(TrackedItem item, std::string_view name)> visit);

std::string encode_invalidation(uint64_t origin, const Invalidation& invalidation);
[[nodiscard]] bool decode_invalidation(std::string_view payload, uint64_t* origin,
                                       Invalidation* invalidation);

}  // namespace starling::server
