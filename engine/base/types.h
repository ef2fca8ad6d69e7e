// Names of data types and deadlines shared by the whole engine.
#pragma once

#include <cstdint>

namespace starling::engine {

// Wire and disk: never renumber.
enum class Type : uint8_t {
  kNone = 0,
  kString = 1,
  kHash = 2,
  kSet = 3,
  kList = 4,  // From here on reserved: the grammar has room, no command makes them yet.
  kSortedSet = 5,
  kStream = 6,
};

}  // namespace starling::engine
