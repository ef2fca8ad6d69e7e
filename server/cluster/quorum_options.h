// QUORUM's options, as QUORUM SET and QUORUM EXEC take them:
//
//   options := ("R" level | "W" level | "SLOPPY" | "STRICT" | "TIMEOUT" milliseconds)*
#pragma once

#include <string>

#include "cluster/data/quorum.h"
#include "server/execute/command.h"

namespace starling::server {

// Changes what `arguments` name. Returns the error reply; empty: none.
std::string read_quorum_options(Arguments arguments, cluster::QuorumOptions* options);

}  // namespace starling::server
