#include "server/execute/script_undo.h"

#include <algorithm>

namespace starling::server {
namespace {

// Of a script; of one collection, whose elements are made anew one by one; and keys.
constexpr size_t kMostBytes = 4 << 20;
constexpr size_t kLargestCollectionBytes = 64 << 10;
constexpr size_t kMostKeys = 256;

}  // namespace

bool ScriptUndo::kept(const engine::KeyRef& key) const {
  return std::any_of(kept_.begin(), kept_.end(), [&](const Kept& kept) {
    return kept.database == key.database && kept.name == key.key.name;
  });
}

bool ScriptUndo::keep(engine::Operation& operation, const engine::KeyRef& key) {
  if (kept_.size() >= kMostKeys) return false;
  const engine::Found found = operation.database(key.database).find(key.key, engine::Touch::kNo);
  Kept kept{key.database, std::string(key.key.name), std::nullopt, nullptr, engine::kNoDeadline};
  if (found) {
    const size_t size = found.memory_bytes();
    const bool string = found.type() == engine::Type::kString;
    if (bytes_ + size > kMostBytes || (!string && size > kLargestCollectionBytes)) return false;
    bytes_ += size;
    kept.deadline_ms = found.deadline_ms();
    if (string) {
      kept.string = found.string();
    } else {
      kept.collection = found.collection().copy();
    }
  }
  kept_.push_back(std::move(kept));
  return true;
}

void ScriptUndo::take_back(engine::Operation& operation) {
  for (Kept& kept : kept_) {
    engine::Database database = operation.database(kept.database);
    const engine::Key key(kept.name);
    if (kept.string) {
      database.put_string(key, *kept.string, kept.deadline_ms);
    } else if (kept.collection != nullptr) {
      (void)database.put_collection(key, std::move(kept.collection));
      if (kept.deadline_ms != engine::kNoDeadline) (void)database.set_deadline(key, kept.deadline_ms);
    } else {
      (void)database.remove(key);
    }
  }
  kept_.clear();
  bytes_ = 0;
}

}  // namespace starling::server
