// What every change of an entry keeps of the one before.
#pragma once

#include "engine/core/mutation.h"
#include "engine/memory/entry.h"
#include "engine/memory/history.h"

namespace starling::engine {

inline bool is_collection(const Entry& entry) {
  return is_collection(entry.type());
}

// What the store may hold of a key passes on from each entry to the one that replaces it. Precondition: a checkpoint
// under way that has yet to write the old one has got it (save_before_change() in rows.h).
inline uint8_t inherited_flags(const Entry* old) {
  if (old == nullptr) return 0;
  uint8_t flags = old->flags() & (Entry::kOnDisk | Entry::kPurge);
  if ((flags & Entry::kOnDisk) == 0) return flags;
  const History* history = old->history();
  if (is_collection(*old) || (history != nullptr && history->stored_apart())) flags |= Entry::kPurge;
  return flags;
}

inline uint8_t was_bits(const Entry* old, uint8_t flags) {
  uint8_t was = (flags & Entry::kPurge) != 0 ? kWasPurge : 0;
  if (old != nullptr && !old->tombstone())
    was |= kWasLive | (old->has(Entry::kHasDeadline) ? kWasWithDeadline : 0);
  return was;
}

}  // namespace starling::engine
