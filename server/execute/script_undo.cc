#include "server/execute/script_undo.h"

#include <algorithm>

#include "engine/core/engine.h"
#include "engine/replica/trial.h"

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

bool ScriptUndo::is_replicated(engine::Operation& operation) {
  return operation.engine().options().replicated;
}

bool ScriptUndo::keep(engine::Operation& operation, const engine::KeyRef& key) {
  if (kept_.size() >= kMostKeys) return false;
  Kept kept{key.database, std::string(key.key.name), std::nullopt,
            nullptr,      engine::kNoDeadline,       std::nullopt};
  if (!(is_replicated(operation) ? keep_record(operation, key, &kept) : keep_value(operation, key, &kept)))
    return false;
  kept_.push_back(std::move(kept));
  return true;
}

bool ScriptUndo::has_room_for(const engine::Found& found) {
  if (!found) return true;
  const size_t size = found.memory_bytes();
  if (bytes_ + size > kMostBytes) return false;
  if (found.type() != engine::Type::kString && size > kLargestCollectionBytes) return false;
  bytes_ += size;
  return true;
}

bool ScriptUndo::keep_record(engine::Operation& operation, const engine::KeyRef& key, Kept* kept) {
  const engine::Found found = operation.database(key.database).find(key.key, engine::Touch::kNo);
  return has_room_for(found) && engine::Trial::hold(&operation, key, kMostBytes, &kept->record);
}

bool ScriptUndo::keep_value(engine::Operation& operation, const engine::KeyRef& key, Kept* kept) {
  const engine::Found found = operation.database(key.database).find(key.key, engine::Touch::kNo);
  if (!has_room_for(found)) return false;
  if (!found) return true;
  kept->deadline_ms = found.deadline_ms();
  if (found.type() == engine::Type::kString) {
    kept->string = found.string();
  } else {
    kept->collection = found.collection().copy();
  }
  return true;
}

void ScriptUndo::take_back(engine::Operation& operation) {
  const bool whole = is_replicated(operation);
  for (Kept& kept : kept_) {
    engine::Database database = operation.database(kept.database);
    const engine::Key key(kept.name);
    if (whole) {
      engine::Trial::put_back(&operation, {kept.database, key}, kept.record);
    } else if (kept.string) {
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
