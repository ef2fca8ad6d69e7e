// What GEOSEARCH, GEORADIUS and their kin ask for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "engine/core/operation.h"
#include "server/commands/geo/shape.h"
#include "server/execute/command.h"

namespace starling::server::geo {

enum class Centre : uint8_t {
  kOption,    // FROMMEMBER or FROMLONLAT, and the shape by BYRADIUS or BYBOX.
  kPosition,  // Arguments 2 to 5: longitude, latitude, radius, unit.
  kMember,    // Arguments 2 to 4: member, radius, unit.
};

struct SearchForm {
  Centre centre = Centre::kOption;
  size_t key_at = 1;
  bool stores = false;         // GEOSEARCHSTORE: into the key in argument 1.
  bool store_options = false;  // GEORADIUS: STORE and STOREDIST may name one.
};

enum class Sort : uint8_t { kNot, kNearest, kFarthest };

struct SearchRequest {
  Shape shape;
  double unit_m = 1;  // Distances are replied in it.
  Sort sort = Sort::kNot;
  int64_t count = 0;  // 0: all.
  bool any = false;   // Those found first, not the nearest ones.
  bool with_distance = false, with_score = false, with_position = false;
  std::optional<size_t> store_at;  // The argument with the key that takes the result.
  bool store_distances = false;
};

// `found`: the sorted set that is searched, or nothing; then the shape may be left open. False: an error was replied.
[[nodiscard]] bool search_request(const CommandContext& context, const SearchForm& form,
                                  const engine::Found& found, SearchRequest* request);

}  // namespace starling::server::geo
