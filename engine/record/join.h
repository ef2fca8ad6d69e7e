// What an element with several siblings shows.
//
// Merging never computes: it keeps siblings (record.h). Those of one family show as one value, a fold over them, under
// the greatest dot of theirs; of families the one with the greatest dot shows. A family is
//
//   a value by itself (Join::kLatest)
//   all values that are HyperLogLogs                                their union: each register the greatest of all
//   the contributions to one base (Join::kSum, kDoubleSum)          their sum
//   all scores that are to be greatest, or least (kGreatest, kLeast)  the greatest, the least
//
// Each fold depends on what siblings there are and on nothing else, so equal siblings show equal values on all nodes.
#pragma once

#include <string>

#include "engine/record/record.h"

namespace starling::engine {

bool same_family(const Sibling& a, const Sibling& b);
// Whether the winner says by itself what shows: it is a value, and none of the others is of its family.
bool shows_alone(const Siblings& siblings);

// What an element with these siblings shows: what the family of the winner does. Precondition: not empty.
std::string shown_value(const Siblings& siblings);
// The same of each: a family is one sibling, a plain value, under the greatest dot of its. Ascending by dot.
Siblings shown_siblings(const Siblings& siblings);

// The event: the new sibling, a contribution, supersedes all that is here but others' contributions to the same base.
void place_contribution(Sibling own, Siblings* siblings);

}  // namespace starling::engine
