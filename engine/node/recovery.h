// Brings memory to where it was when the process ended: the store's state row, then the commit log's frames.
#pragma once

#include <functional>
#include <string>

#include "engine/base/status.h"
#include "engine/core/core.h"
#include "engine/core/loader.h"
#include "engine/node/actor_sweep.h"

namespace starling::engine {

class Engine;
struct Mutation;

class Recovery {
 public:
  Recovery(Engine& engine, EngineCore& core, Loader& loader)
      : engine_(engine), core_(core), loader_(loader) {}

  // Before anything else uses the engine. `progress` gets lines for the server's log.
  Status run(const std::function<void(const std::string&)>& progress);
  // After run(): whether the last checkpoint said that the records are a cluster's.
  bool store_replicated() const { return store_replicated_; }

 private:
  Status restore_state(uint64_t* replay_from);
  Status replay(std::string_view frame);
  Status apply(ActorIndex actor, const Mutation& mutation, std::string_view open_key);
  Status apply_move(ActorIndex actor, const Mutation& mutation, int index, const Key& from);
  Status make_resident(int database, const Key& key, const Mutation& mutation);
  void place_stub(int database, const Key& key, const Mutation& mutation);
  void replay_hint(const Mutation& mutation, const Key& key);
  void apply_map(const Mutation& mutation);
  void apply_settled(const Mutation& mutation);
  int database_of(uint32_t space) const;
  Status erase_unmapped_spaces();

  Engine& engine_;
  EngineCore& core_;
  Loader& loader_;
  ActorSweep sweep_{core_};
  bool store_replicated_ = false;
  uint64_t frames_ = 0;
  uint64_t mutations_ = 0;
  // The collection that element mutations mean.
  int open_database_ = -1;
  Type open_type_ = Type::kNone;
};

}  // namespace starling::engine
