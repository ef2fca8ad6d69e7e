// What a node keeps of what all nodes are to know, in one small file of the data directory each, replaced as a whole.
//
//   file := magic state crc:u64      CRC-64 of all before it
//
// Any thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "engine/base/status.h"

namespace starling::server {

class Server;

struct StateFile {
  std::string_view name;
  std::string_view magic;  // With a newline at its end.
  std::string_view what;   // "the libraries of functions", for messages.
};

// Where they are; empty: nothing is kept (storage memory), which is fine with all below.
std::string state_directory(const Server& server);
// `state` is called once nobody else writes. Durable when it returns ok.
engine::Status save_state(const std::string& directory, const StateFile& file,
                          const std::function<std::string()>& state);
// `take` is given what was kept, if there is anything, and says whether it makes sense. Not ok: it cannot be read, or
// is damaged.
engine::Status load_state(const std::string& directory, const StateFile& file,
                          const std::function<bool(std::string_view)>& take);
// Into a snapshot's directory. No file is fine.
engine::Status copy_state(const std::string& from, const std::string& to, const StateFile& file);

}  // namespace starling::server
