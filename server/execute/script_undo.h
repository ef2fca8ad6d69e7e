// Takes back what a script has changed: it must start over, or was killed.
//
// What a key held is kept before its first change, if it is small enough, and put back as further changes of the same
// operation, so that the log has one frame whose end is as its beginning. In a cluster that is the whole record, with
// what it hides and the parts of its counters, and it is put back without an event: other nodes learn nothing.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/operation.h"
#include "engine/record/record.h"

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
    std::optional<engine::Record> record;  // In a cluster, in place of those.
  };
  static bool is_replicated(engine::Operation& operation);
  bool has_room_for(const engine::Found& found);
  bool keep_record(engine::Operation& operation, const engine::KeyRef& key, Kept* kept);
  bool keep_value(engine::Operation& operation, const engine::KeyRef& key, Kept* kept);

  std::vector<Kept> kept_;
  size_t bytes_ = 0;
};

}  // namespace starling::server
