#include "engine/memory/kept_actors.h"

#include "engine/memory/actor_table.h"
#include "engine/memory/collection.h"
#include "engine/memory/counter_form.h"

namespace starling::engine {

namespace {

void keep_own(ActorTable& actors, const Entry& entry) {
  actors.keep(entry.actor());
  if (entry.counter()) actors.keep(base_actor(entry));
}

}  // namespace

void keep_actors(ActorTable& actors, const Entry& entry) {
  keep_own(actors, entry);
  if (!is_collection(entry.type())) return;
  const Table& elements = entry.collection()->elements();
  for (Table::Slot i = elements.begin(); i != elements.end(); i = elements.next(i)) {
    if (const Entry* element = elements.entry(i)) keep_own(actors, *element);
  }
}

}  // namespace starling::engine
