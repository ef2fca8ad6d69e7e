// The indexes of actors that a record holds, for a sweep that looks for those which none does (actor_sweep.h).
#pragma once

#include "engine/memory/entry.h"

namespace starling::engine {

class ActorTable;

// Keeps all indexes in the record's entry. Its stripe is held.
void keep_actors(ActorTable& actors, const Entry& entry);

}  // namespace starling::engine
