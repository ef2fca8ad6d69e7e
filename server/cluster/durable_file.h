// Small files of the cluster's shell that must survive a power failure.
#pragma once

#include <string>
#include <string_view>

#include "engine/base/status.h"

namespace starling::server {

// Puts a file with these bytes in place of `directory`/`name`: afterwards, and after a crash in between,
// there is the old one or the new one. Durable when it returns ok.
engine::Status replace_file(const std::string& directory, const std::string& name, std::string_view bytes);
// Durable when it returns ok. A file that is not there is fine.
engine::Status remove_file(const std::string& directory, const std::string& name);

}  // namespace starling::server
