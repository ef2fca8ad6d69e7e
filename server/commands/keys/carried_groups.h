// What becomes of a stream's groups when it is copied or moved to another key: they go on where they were
// (stream_group.h).
#pragma once

#include <vector>

#include "engine/types/stream/stream_group.h"

namespace starling::server::keys {

class CarriedGroups {
 public:
  // Before. Precondition: the key is there.
  CarriedGroups(engine::Database& database, const engine::Key& key) {
    if (database.find(key, engine::Touch::kNo).type() != engine::Type::kStream) return;
    engine::Stream stream(database, key);
    places_ = engine::group_places(stream);
  }
  // Afterwards.
  void set(engine::Database& target, const engine::Key& key) const {
    if (places_.empty()) return;
    engine::Stream copy(target, key);
    engine::set_group_places(copy, places_);
  }

 private:
  std::vector<engine::GroupPlace> places_;
};

}  // namespace starling::server::keys
