// Takes back what a script has changed: it must start over, or was killed.
//
// What a key held is kept before its first change, if it is small enough, and put back as further changes of the same
// operation. So the log has one frame whose end is as its beginning, and other nodes are told of a write that changed
// nothing.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/operation.h"

namespace starling::server {

class ScriptUndo {
 public:
  // The key is about to be changed for the first time. False: what it holds is too much to be kept.
  bool keep(engine::Operation& operation, const engine::KeyRef& key);
  bool kept(const engine::KeyRef& key) const;
  void take_back(engine::Operation& operation);

 private:
  struct Kept {
    int database;
    std::string name;
    std::optional<std::string> string;
    std::unique_ptr<engine::Collection> collection;  // Neither: there was nothing.
    int64_t deadline_ms;
  };

  std::vector<Kept> kept_;
  size_t bytes_ = 0;
};

}  // namespace starling::server
