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
  kList = 4,
  kSortedSet = 5,
  kStream = 6,
};

// Those that are made of elements.
inline constexpr bool is_collection(Type type) {
  return type >= Type::kHash && type <= Type::kStream;
}
// Those whose elements have an order (order_index.h).
inline constexpr bool is_ordered(Type type) {
  return type == Type::kList || type == Type::kSortedSet || type == Type::kStream;
}

}  // namespace starling::engine
