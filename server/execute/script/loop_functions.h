// One loop's interpreter of functions, and what it has loaded of the libraries that the process knows. Loop thread
// only.
//
// It is another one than that of scripts, as in Redis: what scripts set, functions do not see. A library that the loop
// has not loaded yet, or not in this version, is loaded at the first call of one of its functions; so what a library
// keeps in its own variables is kept for each loop.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/execute/script/function_libraries.h"
#include "server/execute/script/loop_scripts.h"

namespace starling::server {

class LoopFunctions {
 public:
  // All outlive it. `version`: what functions take the node for.
  LoopFunctions(FunctionLibraries& libraries, MemoryMeter& meter, std::string_view version)
      : libraries_(libraries), meter_(meter), version_(version) {}

  // Of the thread that asks, whose meter is always the same; made at first use, and never destroyed.
  static LoopFunctions& of_thread(MemoryMeter& meter, std::string_view version);

  // Null: nobody has such a function, or (then *error says so) its library cannot be loaded. `host` is asked meanwhile.
  const LoopScripts::Compiled* find(std::string_view function, ScriptHost& host, std::string* error);
  // Runs the library's program, to see what it registers. Returns the error; empty: library->name and functions are
  // known.
  [[nodiscard]] std::string examine(ScriptHost& host, FunctionLibrary* library);

  // Precondition: something was loaded.
  Interpreter& interpreter() { return *interpreter_; }

 private:
  struct Loaded {
    FunctionLibraries::Library library;
    absl::flat_hash_map<std::string, LoopScripts::Compiled> functions;  // By name in lower case.
  };

  std::string load(ScriptHost& host, std::string_view code, std::vector<LoadedFunction>* functions);
  void forget_what_went();
  void release(const Loaded& loaded);

  FunctionLibraries& libraries_;
  MemoryMeter& meter_;
  const std::string version_;
  std::unique_ptr<Interpreter> interpreter_;  // Made at first use.
  absl::flat_hash_map<std::string, std::unique_ptr<Loaded>> loaded_;
  uint64_t generation_ = 0;
};

}  // namespace starling::server
