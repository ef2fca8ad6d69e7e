#include "engine/base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace starling::engine {

void assertion_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "starling: assertion failed: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace starling::engine
