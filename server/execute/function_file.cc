#include "server/execute/function_file.h"

#include "server/execute/script/function_libraries.h"
#include "server/execute/state_file.h"

namespace starling::server {
namespace {

constexpr StateFile kFunctions{"functions", "STARLING-FUNCTIONS-1\n", "the libraries of functions"};

}  // namespace

std::string function_directory(const Server& server) {
  return state_directory(server);
}

engine::Status save_functions(const std::string& directory) {
  return save_state(directory, kFunctions, [] { return FunctionLibraries::of_process().state(); });
}

engine::Status load_functions(const std::string& directory) {
  return load_state(directory, kFunctions,
                    [](std::string_view state) { return FunctionLibraries::of_process().merge(state); });
}

engine::Status copy_functions(const std::string& from, const std::string& to) {
  return copy_state(from, to, kFunctions);
}

}  // namespace starling::server
