// What ZADD, ZINCRBY and GEOADD have in common: members with scores, put under conditions.
#pragma once

#include <span>
#include <string_view>

#include "engine/types/sorted_set/sorted_set.h"
#include "server/execute/command.h"

namespace starling::server::sorted_sets {

struct AddOptions {
  bool only_new = false;       // NX
  bool only_present = false;   // XX
  bool only_greater = false;   // GT; new members are put all the same.
  bool only_less = false;      // LT; as GT.
  bool count_changed = false;  // CH: the reply also counts members with another score than before.
  bool increment = false;      // INCR: of one member, whose new score is the reply.
};

// Puts the members into the key in argument 1, one after the other, publishes the event and replies. Precondition:
// there are some; one with `increment`.
void add_members(CommandContext& context, const AddOptions& options,
                 std::span<const engine::ScoredMember> members);

}  // namespace starling::server::sorted_sets
