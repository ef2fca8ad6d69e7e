#include "server/execute/script/script_cache.h"

#include <utility>

namespace starling::server {

size_t ScriptCache::bytes_of(const Script& script) {
  return sizeof(Script) + script.text.size() + script.hex.size() + sizeof(Known) + 64;
}

std::shared_ptr<const Script> ScriptCache::find(const Sha1& sha) {
  std::lock_guard lock(mutex_);
  const auto found = known_.find(sha);
  return found == known_.end() ? nullptr : found->second.script;
}

std::shared_ptr<const Script> ScriptCache::add(std::shared_ptr<const Script> script, From from) {
  std::lock_guard lock(mutex_);
  const auto [place, fresh] = known_.try_emplace(script->sha, Known{script, false, used_.end()});
  Known& known = place->second;
  if (fresh) {
    bytes_ += bytes_of(*script);
    known.used = used_.insert(used_.end(), script->sha);
  }
  if (from == From::kLoad && !known.stays) {
    known.stays = true;
    used_.erase(std::exchange(known.used, used_.end()));
  }
  std::shared_ptr<const Script> kept = known.script;
  if (used_.size() > kEvalScripts) {
    const auto oldest = known_.find(used_.front());
    bytes_ -= bytes_of(*oldest->second.script);
    known_.erase(oldest);
    used_.pop_front();
    generation_.fetch_add(1, std::memory_order_release);
  }
  return kept;
}

void ScriptCache::touch(const Sha1& sha) {
  std::lock_guard lock(mutex_);
  const auto found = known_.find(sha);
  if (found == known_.end() || found->second.stays) return;
  used_.splice(used_.end(), used_, found->second.used);
}

void ScriptCache::flush() {
  std::lock_guard lock(mutex_);
  known_.clear();
  used_.clear();
  bytes_ = 0;
  generation_.fetch_add(1, std::memory_order_release);
}

size_t ScriptCache::count() const {
  std::lock_guard lock(mutex_);
  return known_.size();
}

size_t ScriptCache::bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace starling::server
