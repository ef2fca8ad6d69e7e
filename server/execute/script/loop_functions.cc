#include "server/execute/script/loop_functions.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "server/execute/script/library_text.h"
#include "server/execute/script/redis_library.h"

namespace starling::server {
namespace {

// In a cluster a library comes again as others change: its variables stay as they are.
bool is_same(const FunctionLibrary& a, const FunctionLibrary& b) {
  return a.name == b.name && a.code == b.code;
}

}  // namespace

LoopFunctions& LoopFunctions::of_thread(MemoryMeter& meter, std::string_view version) {
  static thread_local LoopFunctions* mine = nullptr;
  if (mine != nullptr) [[likely]]
    return *mine;
  static std::mutex mutex;
  static auto* const all = new std::vector<std::unique_ptr<LoopFunctions>>;
  std::lock_guard lock(mutex);
  all->push_back(std::make_unique<LoopFunctions>(FunctionLibraries::of_process(), meter, version));
  mine = all->back().get();
  return *mine;
}

std::string LoopFunctions::load(ScriptHost& host, std::string_view code,
                                std::vector<LoadedFunction>* functions) {
  std::string name;
  size_t lua_from = 0;
  if (std::string error = read_library_header(code, &name, &lua_from); !error.empty()) return error;
  if (interpreter_ == nullptr) interpreter_ = std::make_unique<Interpreter>(meter_, version_);
  if (!interpreter_->usable()) {
    interpreter_.reset();
    return "ERR Error compiling function: not enough memory";
  }
  return RedisLibrary::load(*interpreter_, host, code.substr(lua_from), functions);
}

std::string LoopFunctions::examine(ScriptHost& host, FunctionLibrary* library) {
  std::vector<LoadedFunction> functions;
  if (std::string error = load(host, library->code, &functions); !error.empty()) return error;
  library->functions.clear();
  for (const LoadedFunction& loaded : functions) {
    library->functions.push_back(loaded.function);
    interpreter_->release(loaded.reference);
  }
  return library->functions.empty() ? "ERR No functions registered" : std::string();
}

void LoopFunctions::release(const Loaded& loaded) {
  for (const auto& [name, compiled] : loaded.functions) interpreter_->release(compiled.function);
}

void LoopFunctions::forget_what_went() {
  const uint64_t generation = libraries_.generation();
  if (generation == generation_) [[likely]]
    return;
  generation_ = generation;
  const std::vector<FunctionLibraries::Library> all = libraries_.all();
  absl::erase_if(loaded_, [&](const auto& entry) {
    Loaded& loaded = *entry.second;
    const auto same = std::find_if(
        all.begin(), all.end(),
        [&loaded](const FunctionLibraries::Library& library) { return is_same(*library, *loaded.library); });
    if (same == all.end()) {
      release(loaded);
      return true;
    }
    loaded.library = *same;
    return false;
  });
}

const LoopScripts::Compiled* LoopFunctions::find(std::string_view function, ScriptHost& host,
                                                 std::string* error) {
  forget_what_went();
  const FunctionLibraries::Library library = libraries_.of_function(function);
  if (library == nullptr) return nullptr;
  std::unique_ptr<Loaded>& place = loaded_[library->name];
  if (place != nullptr && place->library != library && !is_same(*place->library, *library)) {
    release(*place);
    place.reset();
  }
  if (place == nullptr) {
    std::vector<LoadedFunction> functions;
    *error = load(host, library->code, &functions);
    if (!error->empty()) {
      loaded_.erase(library->name);
      return nullptr;
    }
    place = std::make_unique<Loaded>();
    place->library = library;
    for (LoadedFunction& loaded : functions) {
      auto script = std::make_shared<Script>(Script{{}, loaded.function.name, {}, 0, loaded.function.flags});
      place->functions[folded(loaded.function.name)] = {std::move(script), loaded.reference, 0};
    }
  }
  const auto found = place->functions.find(folded(function));
  return found == place->functions.end() ? nullptr : &found->second;
}

}  // namespace starling::server
