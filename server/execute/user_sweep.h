// After users have changed: whoever was one that is gone, or listens to what it may not any more, is closed. What a
// client may run needs no sweep: its next command finds out.
#pragma once

#include <cstdint>
#include <functional>

namespace starling::server {

class IoThread;
class Server;

// Of all loops. `asking_client` (0: none) is not closed; `done` runs on the loop of `asking`, which calls this, and
// is told whether it should be.
void sweep_users(Server& server, IoThread& asking, uint64_t asking_client,
                 std::function<void(bool asker_goes)> done);

}  // namespace starling::server
