// Makes the changes of the commit log's frames again.
//
// Any thread, as long as no other one works on the same stripes; each with an object of its own. Databases stay where
// they are meanwhile.
#pragma once

#include <span>
#include <string_view>

#include "engine/base/status.h"
#include "engine/core/core.h"
#include "engine/core/loader.h"
#include "engine/core/mutation.h"
#include "engine/node/replay_workers.h"

namespace starling::engine {

// The number of the database that has the space now; negative: none has.
int database_of(const Keyspace& keyspace, uint32_t space);

class ChangeReplay {
 public:
  // `room`: for so many keys, tables are made that a change is the first to need.
  ChangeReplay(Engine& engine, EngineCore& core, Loader& loader, uint32_t room = 0)
      : engine_(engine), core_(core), loader_(loader), room_(room) {}

  // In their order, fetching what they will touch ahead. None has a kMap.
  Status apply(std::span<const ReplayWorkers::Frame> frames);
  Status apply(std::string_view frame);

 private:
  void prefetch(std::span<const ReplayWorkers::Frame> frames, size_t next) const;
  Status apply(ActorIndex actor, const Mutation& mutation);
  Status apply_to_key(ActorIndex actor, const Mutation& mutation, int index, const Key& key);
  Status apply_move(ActorIndex actor, const Mutation& mutation, int index, const Key& from);
  bool change(Database& database, const Key& key, ActorIndex actor, const Mutation& mutation);
  bool put_joining(Database& database, const Key& key, ActorIndex actor, const Mutation& mutation);
  void apply_settled(const Mutation& mutation);
  void apply_hint(const Mutation& mutation, const Key& key);
  Status make_resident(int database, const Key& key, const Mutation& mutation);
  void place_stub(int database, const Key& key, const Mutation& mutation);

  Engine& engine_;
  EngineCore& core_;
  Loader& loader_;
  const uint32_t room_;
  // Of the last frame. Its index stays its own: no sweep comes between frames.
  ActorId actor_id_ = 0;
  ActorIndex actor_ = 0;
  // The collection that element mutations mean.
  std::string_view open_key_;
  int open_database_ = -1;
  Type open_type_ = Type::kNone;
};

}  // namespace starling::engine
