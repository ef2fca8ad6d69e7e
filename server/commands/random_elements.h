// Elements of a hash, a set or a sorted set chosen at random: HRANDFIELD, SRANDMEMBER, ZRANDMEMBER, SPOP.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "engine/memory/collection.h"
#include "server/execute/command.h"

namespace starling::server {

// Visits `count` different elements (all when it has no more), each subset of that size with the same
// probability, in no particular order. Takes O(count) steps.
void sample_elements(const engine::Collection& collection, uint64_t count, engine::Random& random,
                     absl::FunctionRef<void(const engine::Collection::Element&)> visit);

// The name of one element, or null when the key is absent.
void reply_random_element(CommandContext& context, engine::Type type);

enum class Show { kNames, kNamesAndValues };

inline constexpr std::string_view kRepetitionsDifference =
    "No more than 16777216 repeated elements (a negative count) are given at a time.";

// At most `count` different elements; a negative count asks for that many which may repeat.
void reply_random_elements(CommandContext& context, engine::Type type, int64_t count, Show show);

}  // namespace starling::server
