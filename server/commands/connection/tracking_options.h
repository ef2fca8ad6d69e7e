// The options of CLIENT TRACKING, as a client gives them.
#pragma once

#include <string>

#include "server/execute/key_specification.h"
#include "server/tracking/client_tracking.h"

namespace starling::server {

// What follows ON or OFF, at `from`. Returns the error reply; empty: `options` is what they say.
[[nodiscard]] std::string parse_tracking_options(Arguments arguments, size_t from, TrackingOptions* options);

}  // namespace starling::server
