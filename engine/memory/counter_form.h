// A counter in memory. Nearly always it is one contribution: then it lies within the entry, behind the text that it
// shows; its sum is what the text says beyond the base. Otherwise the entry has the text, and the history all
// siblings, that of the entry's dot included (elsewhere the history has all but that one). The same holds for whatever
// else joins (join.h): the entry has what shows, the history the siblings.
//
//   tail := base stamp u64, base actor u16 (its index), base value i64          base stamp 0: no base
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/memory/entry.h"
#include "engine/memory/keyspace.h"
#include "engine/record/counter.h"
#include "engine/record/record.h"

namespace starling::engine {

// The text and the tail of an entry for the contribution. Nothing when what it shows is out of range, so that
// the text would not tell the sum.
std::optional<std::string> counter_value(ActorTable& actors, const Contribution& contribution);
// Precondition: the entry is a counter.
Contribution contribution_in(const ActorTable& actors, const Entry& entry);
// Of the same, the base's actor as it lies there; 0 where there is no base.
ActorIndex base_actor(const Entry& entry);

// What an entry has of an element with these siblings, and what is left for the history.
struct ElementForm {
  Dot dot;
  std::string value;
  bool counter = false;  // For Entry::Parts.
  Siblings hidden;
};
// inline_counter: the entry can hold one.
ElementForm form_of(ActorTable& actors, Siblings siblings, bool inline_counter);

// Whether the entry shows what several siblings make together and one of them, not the entry's own, has expired.
bool part_expired(const ActorTable& actors, const Entry& entry, int64_t now_ms);

// All siblings again. `hidden` may be null.
Siblings siblings_of(const ActorTable& actors, const Entry& entry, const Siblings* hidden);

}  // namespace starling::engine
