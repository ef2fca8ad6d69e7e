// Brings memory to where it was when the process ended: the store's state row, then the commit log's frames.
//
// The frames are read by one thread and their changes made again by several (replay_workers.h), which need only keep
// the order of what happened to one key. What is of two keys, or of whole databases, waits for all before it.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/status.h"
#include "engine/core/core.h"
#include "engine/core/loader.h"
#include "engine/node/actor_sweep.h"
#include "engine/node/replay_workers.h"

namespace starling::engine {

class Engine;
struct Mutation;

class Recovery {
 public:
  using Told = CommitLog::ProgressVisitor;
  using Progress = std::function<void(const std::string&)>;

  Recovery(Engine& engine, EngineCore& core, Loader& loader);

  // Before anything else uses the engine. Ends early, with an error, once `abandoned`. `told` hears of each stretch of
  // the log, `progress` gets lines for the server's log.
  Status run(const std::atomic<bool>& abandoned, const Told& told, const Progress& progress);
  // After run(): whether the last checkpoint said that the records are a cluster's.
  bool store_replicated() const { return store_replicated_; }
  // That were replayed.
  uint64_t frames() const { return frames_; }

 private:
  Status restore_state(uint64_t* replay_from);
  Status replay_log(uint64_t first_segment, const std::atomic<bool>& abandoned, const Told& told,
                    const Progress& progress);
  Status replay(std::string_view frame);
  Status hand_over_part(const Lookup& place, std::string_view actor, std::string_view changes);
  Status replay_alone(const Mutation& mutation, std::string_view frame);
  void foresee_room(std::string_view frame);
  void fit_tables();
  Status take_actor(ActorId actor);
  std::optional<Lookup> place_of(const Mutation& mutation) const;
  void apply_map(const Mutation& mutation);
  Status erase_unmapped_spaces();

  Engine& engine_;
  EngineCore& core_;
  Loader& loader_;
  ActorSweep sweep_{core_};
  uint64_t log_bytes_ = 0, sampled_bytes_ = 0;  // Of all frames; of the first ones.
  std::atomic<uint32_t> room_{0};               // For so many keys in each partition.
  ReplayWorkers workers_;
  ActorId last_actor_ = 0;
  int here_ = 0;  // So many frames are made again by the reading thread; the others have nothing to do.
  bool store_replicated_ = false;
  uint64_t frames_ = 0;
  uint64_t mutations_ = 0;
};

}  // namespace starling::engine
