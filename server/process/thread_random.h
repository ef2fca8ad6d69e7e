// The calling thread's own source of chance, for commands that choose at random.
#pragma once

#include "engine/base/clock.h"

namespace starling::server {

// Seeded by the system when the thread first asks. Only for the calling thread.
engine::Random& thread_random();

}  // namespace starling::server
