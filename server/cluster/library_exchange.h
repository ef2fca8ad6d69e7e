// How nodes come to have the same libraries of functions.
//
// FUNCTION LOAD and its kin are done by all nodes that can be reached before they answer (Scope::kEveryNode).
// Whoever was away, or did two of them in another order, is told here: each node asks another one now and then whether
// it knows the same, and where it does not, both give each other what they have. Merging (function_libraries.h) makes
// that the same on all, whoever begins.
//
//   message := %x00 digest u64      do you know the same?
//            | %x01 state           what I know; what of it is news to me?
//            | %x02 state           that
//
// A node that never had a library says nothing. On the first loop.
#pragma once

#include <string_view>

#include "cluster/wire/frame.h"
#include "cluster/wire/node_id.h"

namespace starling::server {

class BusLinks;
class ClusterNode;
class Server;

// A kind that was reserved and never sent, so that earlier versions pass over it instead of ending the connection.
inline constexpr cluster::FrameKind kLibrariesFrame = cluster::FrameKind::kScan;

// Asks one of the members, each time another one.
void ask_for_libraries(Server& server, const ClusterNode& node, BusLinks& links);
void receive_libraries(Server& server, BusLinks& links, const cluster::NodeId& peer,
                       std::string_view message);

}  // namespace starling::server
