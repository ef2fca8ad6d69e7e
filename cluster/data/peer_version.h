// What a peer knows of a key.
#pragma once

#include <string>

#include "cluster/wire/node_id.h"

namespace starling::cluster {

struct PeerVersion {
  NodeIndex node;
  std::string context;  // Encoded; empty: it has never seen the key.
};

}  // namespace starling::cluster
