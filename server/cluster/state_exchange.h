// How nodes come to have the same libraries of functions and the same users.
//
// FUNCTION LOAD and its kin are done by all nodes that can be reached before they answer (Scope::kEveryNode); changes
// of users are told to them (user_telling.h). Whoever was away, or did two of them in another order, is told here:
// each node asks another one now and then whether it knows the same, and where it does not, both give each other what
// they have. Merging (function_libraries.h, server/acl/users.h) makes that the same on all, whoever begins.
//
//   message := kind body
//   kind    := %x00 | %x03      do you know the same functions, users?   body: digest u64
//            | %x01 | %x04      what I know; what of it is news to me?    body: state
//            | %x02 | %x05      that                                      body: state
//            | %x06 | %x07      as in user_telling.h
//
// A node that never had a library, or whose users are those of its configuration, says nothing. On the first loop.
#pragma once

#include <string_view>

#include "cluster/wire/frame.h"
#include "cluster/wire/node_id.h"

namespace starling::server {

class BusLinks;
class ClusterNode;
class Server;

// A kind that was reserved and never sent, so that earlier versions pass over it instead of ending the connection.
inline constexpr cluster::FrameKind kStateFrame = cluster::FrameKind::kScan;
// Kinds of messages from here on are not of this file.
inline constexpr char kFirstTellingKind = 6;

// Asks one of the members, each time another one.
void ask_for_states(Server& server, const ClusterNode& node, BusLinks& links);
// Precondition: the message's kind is of this file.
void receive_state(Server& server, BusLinks& links, const cluster::NodeId& peer, std::string_view message);

}  // namespace starling::server
