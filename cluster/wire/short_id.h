// The first digits of a node's id, by which people tell nodes apart in logs and reports.
#pragma once

#include <string>

#include "cluster/wire/node_id.h"

namespace starling::cluster {

inline std::string short_id(const NodeId& id) {
  constexpr size_t kDigits = 8;
  return id.to_string().substr(0, kDigits);
}

}  // namespace starling::cluster
