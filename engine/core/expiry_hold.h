// While no key may go for its age: nothing is removed, told of or counted as expired. What is due is not seen all the
// same. Not in a cluster: there a deadline that passes changes what a key shows, on all replicas alike, and others
// go on writing what is to be removed.
#pragma once

#include <cstdint>

namespace starling::engine {

class Engine;

// Until then, by the wall clock; one that lasts longer goes on. 0: not any more. Any thread; it counts for what is
// looked up from now on.
void hold_expiry(Engine& engine, int64_t until_ms);
// Whether somebody else says when records go: a node that copies another one's data runs its commands a moment
// later, when a record may be due that was not when the command ran there. Had it been removed here, PERSIST, RENAME
// or a later deadline would come to nothing. Those commands see what is due (Late::kSeen). Any thread.
void leave_expiry_to_others(Engine& engine, bool left);

}  // namespace starling::engine
