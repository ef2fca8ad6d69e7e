// What the running program was built from, and what it stands for.
#pragma once

#include <string_view>

namespace starling::server {

// The Redis version whose behaviour is followed; some clients choose commands by it.
inline constexpr std::string_view kRedisVersion = "7.0.15";

struct BuildFacts {
  std::string_view version;     // Of Starling, as project() in CMakeLists.txt has it: there and nowhere else.
  std::string_view commit;      // In hexadecimal. Empty: not built from a git checkout.
  bool changed;                 // Tracked files differed from the commit.
  std::string_view build_type;  // CMAKE_BUILD_TYPE, such as Release.
};

// The same for the life of the process; any thread.
const BuildFacts& build_facts();

}  // namespace starling::server
