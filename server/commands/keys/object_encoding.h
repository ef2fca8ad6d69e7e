// The encoding in which Redis would keep a value with the same content.
#pragma once

#include <string_view>

#include "engine/core/operation.h"
#include "server/settings.h"

namespace starling::server {

// As OBJECT ENCODING names it.
std::string_view encoding_of(const Settings& settings, const engine::Found& found);

}  // namespace starling::server
