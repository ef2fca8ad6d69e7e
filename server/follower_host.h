// What the follower of another server (server/replica_of/) needs of this one.
#pragma once

#include <memory>

#include "engine/base/status.h"
#include "server/replica_of/follower.h"

namespace starling::server {

class Server;

// Begins to follow whom the settings and the data directory say, if anybody. On the first loop's thread, or while the
// loops stand still; the data are loaded. Goes before the server does, while its loops stand still. Not ok: what it
// is to follow cannot be found out.
[[nodiscard]] engine::Status start_follower(Server& server, std::unique_ptr<Follower>* follower);

}  // namespace starling::server
