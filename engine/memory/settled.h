// What a node knows of a whole partition, besides what each record knows of itself: up to which stamp it has
// settled, that is, holds or has superseded every event that any actor made or will make there. A key's whole
// history is then its record's context and this. It is what lets tombstones go: their events are below it, so
// whatever comes late is known to be superseded. Who may say so, and why, is in cluster/README.md,
// "Tombstones".
//
// Contexts alone say what was merged into a record, and stay what is compared and summed: two replicas with
// equal contexts hold equal records. So whenever the settled stamp alone decides that an element goes, the
// context is given a floor that says so (VersionVector::floor()).
//
// Plain values, as in record.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/dot.h"
#include "engine/record/record.h"
#include "engine/record/record_codec.h"
#include "engine/record/version_vector.h"

namespace starling::engine {

class ActorTable;
struct Entry;

// In place of a settled stamp: this node is no replica of the partition any more, and its records may go. No event
// has so low a stamp, so nothing is settled by it.
inline constexpr Stamp kLost = 1;

// One side's knowledge of a key.
struct Known {
  const VersionVector& context;  // Empty: there is no record.
  Stamp settled = 0;

  bool covers(const Known& other) const { return context.covers(other.context, settled); }
};

// *mine relative to *theirs. Of two that cover each other (what differs was settled) the one that has settled
// more is after. kEqual if neither has and one has no record any more, or if it is the other one that has
// none: what is still here, and was superseded there, is on its way out. merge_state() and this agree: after
// merging what a peer hands over, it is neither before nor beside this node.
Order compare_known(const Known& mine, const Known& theirs);

// The merge of two records as seen by who holds `mine`, with a context that is true by itself.
Record merge_known(const Record& mine, Stamp my_settled, const Record& theirs, Stamp their_settled);

// --- On the wire (record_codec.h, `settled`). Nothing is appended for 0.
void append_settled(Stamp settled, std::string* out);
// Takes it off the front; 0 when there is none.
Stamp take_settled(std::string_view* bytes);

// --- Tombstones.
inline constexpr Stamp kNeverRipe = UINT64_MAX;
// The least settled stamp that lets the record go: it shows nothing from then on (by a time that is the same
// for all nodes), and all it has seen is settled. 0 of what a settled stamp took everything of: a context
// that is a floor and nothing else. It guards the key until the partition is settled here too, and means no
// more than that the key is absent.
Stamp ripe_stamp(const Header& header);
Stamp ripe_stamp(const ActorTable& actors, const Entry& entry);

// How many values the record has at once as a string. By no clock, so that all nodes see the same: values
// that have expired count.
size_t sibling_count(const Header& header);
size_t sibling_count(const ActorTable& actors, const Entry& entry);

}  // namespace starling::engine
