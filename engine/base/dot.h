// Events and who made them. See README.md, "Versions".
#pragma once

#include <compare>
#include <cstdint>

namespace starling::engine {

// One incarnation of a node; drawn anew at every start that does not follow a clean stop. 0 is no actor.
using ActorId = uint64_t;

// A hybrid logical clock reading: milliseconds since the Unix epoch << 16 | logical counter. An actor never
// issues the same one twice and only issues rising ones, so it serves as the actor's event counter as well: a
// dot carries its own time, and the record saves eight bytes.
using Stamp = uint64_t;

inline constexpr int64_t stamp_wall_ms(Stamp stamp) {
  return static_cast<int64_t>(stamp >> 16);
}

// The first one of a millisecond. A clock before 1970 counts as 1970, one beyond the 48 bits as their end.
inline constexpr Stamp stamp_at(int64_t wall_ms) {
  constexpr int64_t kMaxWallMs = (int64_t{1} << 47) - 1;
  if (wall_ms < 0) return 0;
  return static_cast<Stamp>(wall_ms < kMaxWallMs ? wall_ms : kMaxWallMs) << 16;
}

struct Dot {
  // Compared in this order: the total order that decides which sibling a plain GET shows.
  Stamp stamp = 0;
  ActorId actor = 0;

  auto operator<=>(const Dot&) const = default;
};

}  // namespace starling::engine
