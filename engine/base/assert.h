// An assertion that stays in release builds: for what cannot happen unless the program is wrong.
#pragma once

namespace starling::engine {
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);
}

#define STARLING_ASSERT(condition) \
  ((condition) ? (void)0 : ::starling::engine::assertion_failed(#condition, __FILE__, __LINE__))
