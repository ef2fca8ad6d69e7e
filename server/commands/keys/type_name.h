// The names of types, as TYPE answers and SCAN ... TYPE takes them.
#pragma once

#include <string_view>

#include "engine/base/types.h"

namespace starling::server {

constexpr std::string_view type_name(engine::Type type) {
  switch (type) {
    case engine::Type::kNone:
      break;
    case engine::Type::kString:
      return "string";
    case engine::Type::kHash:
      return "hash";
    case engine::Type::kSet:
      return "set";
    case engine::Type::kList:
      return "list";
    case engine::Type::kSortedSet:
      return "zset";
    case engine::Type::kStream:
      return "stream";
  }
  return "none";
}

}  // namespace starling::server
