// One loop's interpreter, and what it has compiled of the scripts that the process knows. Loop thread only.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "server/execute/script/interpreter.h"
#include "server/execute/script/memory_meter.h"
#include "server/execute/script/script_cache.h"

namespace starling::server {

class LoopScripts {
 public:
  struct Compiled {
    std::shared_ptr<const Script> script;
    Interpreter::Function function;
    uint32_t uses = 0;
  };

  // All outlive it. `version`: what scripts take the node for.
  LoopScripts(ScriptCache& cache, MemoryMeter& meter, std::string_view version)
      : cache_(cache), meter_(meter), version_(version) {}

  // Null: the process does not know it, or (then *error says so) it cannot be compiled.
  const Compiled* find(const Sha1& sha, std::string* error);
  // Of a text: compiled, and known from now on. Null: *error says why.
  const Compiled* add(std::string_view text, ScriptCache::From from, std::string* error);

  // Precondition: something was compiled.
  Interpreter& interpreter() { return *interpreter_; }

 private:
  Compiled* compile(std::shared_ptr<const Script> script, std::string* error);
  void forget_what_went();
  void use(Compiled& compiled);

  ScriptCache& cache_;
  MemoryMeter& meter_;
  const std::string version_;
  std::unique_ptr<Interpreter> interpreter_;  // Made at first use.
  absl::flat_hash_map<Sha1, std::unique_ptr<Compiled>, Sha1Hash> compiled_;
  uint64_t generation_ = 0;
};

}  // namespace starling::server
