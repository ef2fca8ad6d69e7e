// Whose rules a client's commands follow: see execute/dispatcher_rights.cc. On the client's loop.
#pragma once

#include <cstdint>

#include "server/acl/users.h"

namespace starling::server {

struct ClientRights {
  acl::Users::Ref user;    // As it was last looked at. Null: asked_elsewhere.
  uint64_t looked_in = 0;  // In that generation of users.
  uint64_t free_in = 0;    // In that generation it may do everything, and nobody need look.
  bool asked_elsewhere =
      false;  // Of a forwarded client: its own node knows that it is the default user, who may.
};

}  // namespace starling::server
