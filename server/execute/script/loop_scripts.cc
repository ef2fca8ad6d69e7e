#include "server/execute/script/loop_scripts.h"

#include <utility>

#include "server/execute/script/script_text.h"

namespace starling::server {
namespace {

// So many uses are one to the cache, whose lock all loops share.
constexpr uint32_t kUsesTold = 16;

}  // namespace

void LoopScripts::forget_what_went() {
  const uint64_t generation = cache_.generation();
  if (generation == generation_) [[likely]]
    return;
  generation_ = generation;
  absl::erase_if(compiled_, [this](auto& entry) {
    if (cache_.find(entry.first) != nullptr) return false;
    interpreter_->release(entry.second->function);
    return true;
  });
}

void LoopScripts::use(Compiled& compiled) {
  if (++compiled.uses % kUsesTold == 0) cache_.touch(compiled.script->sha);
}

LoopScripts::Compiled* LoopScripts::compile(std::shared_ptr<const Script> script, std::string* error) {
  if (interpreter_ == nullptr) interpreter_ = std::make_unique<Interpreter>(meter_, version_);
  if (!interpreter_->usable()) {
    interpreter_.reset();
    *error = "ERR Error compiling script (new function): not enough memory";
    return nullptr;
  }
  Interpreter::Function function;
  *error = interpreter_->compile(std::string_view(script->text).substr(script->lua_from), &function);
  if (!error->empty()) return nullptr;
  auto compiled = std::make_unique<Compiled>(Compiled{script, function});
  return (compiled_[script->sha] = std::move(compiled)).get();
}

const LoopScripts::Compiled* LoopScripts::find(const Sha1& sha, std::string* error) {
  forget_what_went();
  const auto found = compiled_.find(sha);
  if (found != compiled_.end()) [[likely]] {
    use(*found->second);
    return found->second.get();
  }
  std::shared_ptr<const Script> script = cache_.find(sha);
  return script == nullptr ? nullptr : compile(std::move(script), error);
}

const LoopScripts::Compiled* LoopScripts::add(std::string_view text, ScriptCache::From from,
                                              std::string* error) {
  forget_what_went();
  const Sha1 sha = sha1_of(text);
  const auto found = compiled_.find(sha);
  if (found != compiled_.end()) {
    if (from == ScriptCache::From::kLoad) (void)cache_.add(found->second->script, from);
    use(*found->second);
    return found->second.get();
  }
  auto script = std::make_shared<Script>(Script{sha, to_hex(sha), std::string(text), 0, 0});
  *error = read_shebang(text, &script->flags, &script->lua_from);
  if (!error->empty()) return nullptr;
  Compiled* const compiled = compile(std::move(script), error);
  if (compiled != nullptr) compiled->script = cache_.add(compiled->script, from);
  return compiled;
}

}  // namespace starling::server
