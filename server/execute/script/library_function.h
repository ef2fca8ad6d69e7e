// A function of a library, as the library registered it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace starling::server {

struct LibraryFunction {
  std::string name;
  std::optional<std::string> description;
  uint32_t flags = 0;  // ScriptFlag bits.

  bool operator==(const LibraryFunction&) const = default;
};

// One that an interpreter has.
struct LoadedFunction {
  LibraryFunction function;
  int reference;  // An Interpreter::Function.
};

}  // namespace starling::server
