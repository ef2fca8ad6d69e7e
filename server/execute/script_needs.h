// What a script turned out to need before it can run: it starts over with it. Kept with its request.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "engine/core/operation.h"

namespace starling::server {

struct ScriptNeeds {
  // Keys that it did not declare, and that were not locked, or not in memory.
  std::vector<engine::KeyRef> keys;
  std::deque<std::string> names;  // What they refer to.
  bool everything = false;        // It runs with all stripes locked.
  int times = 0;                  // That it has started over.

  void add(const engine::KeyRef& key) {
    names.emplace_back(key.key.name);
    keys.push_back(key);
    keys.back().key.name = names.back();
  }
};

}  // namespace starling::server
