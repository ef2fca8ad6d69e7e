// What a node's settings say of its cluster, and what of it cannot be.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cluster/membership/membership.h"
#include "engine/base/status.h"
#include "server/settings.h"

namespace starling::server {

// host:port, the port not 0. False: it is not that.
[[nodiscard]] bool parse_bus_address(const std::string& text, cluster::BusAddress* address);

// It founds no cluster: it is to be counted in by one.
bool joins(const Settings& settings);

// Appends the nodes that 'cluster-seeds' and 'cluster-join' name, as text and as addresses. A list with commas means
// the same as one with spaces. Not ok: one is not host:busport.
[[nodiscard]] engine::Status read_seeds(const Settings& settings, std::vector<std::string>* seeds,
                                        std::vector<cluster::BusAddress>* addresses);

// A quorum of more replicas than there are is never reached.
[[nodiscard]] engine::Status check_quorums(const Settings& settings, int64_t replicas);

}  // namespace starling::server
