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

}  // namespace starling::engine
