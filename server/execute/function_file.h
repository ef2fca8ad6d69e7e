// The libraries of functions on the disk: the file `functions` (state_file.h), whose state is function_libraries.h's.
//
// Any thread.
#pragma once

#include <string>

#include "engine/base/status.h"

namespace starling::server {

class Server;

// Where it is; empty: nothing is kept (storage memory), which is fine with all below.
std::string function_directory(const Server& server);
// Durable when it returns ok. Of several at a time the last one writes what there is then.
engine::Status save_functions(const std::string& directory);
// What was kept comes to what is known. Not ok: it cannot be read, or is damaged.
engine::Status load_functions(const std::string& directory);
// Into a snapshot's directory. No file is fine.
engine::Status copy_functions(const std::string& from, const std::string& to);

}  // namespace starling::server
