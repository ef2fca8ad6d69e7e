// Checks of what cannot be false unless the program is wrong; kept in release builds. The folder's own,
// because resp/ includes no other folder.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace starling::resp {

[[noreturn, gnu::cold, gnu::noinline]] inline void requirement_failed(const char* what) {
  std::fprintf(stderr, "resp: requirement failed: %s\n", what);
  std::abort();
}

inline void require(bool holds, const char* what) {
  if (!holds) [[unlikely]]
    requirement_failed(what);
}

}  // namespace starling::resp
