// Removes what has expired without being asked for it: found by deadline, in bounded slices.
//
// Records that changed since they were last stored are found by the DeadlineIndex in memory, all others by
// the store's deadlines family. Either is only a hint: the record itself decides, by its deadline.
#pragma once

#include "engine/core/core.h"
#include "engine/core/loader.h"

namespace starling::engine {

class Engine;

class Expirer {
 public:
  Expirer(Engine& engine, EngineCore& core, Loader& loader) : engine_(engine), core_(core), loader_(loader) {}

  // Both: one slice of at most about `budget_us`; true when more is due. The caller holds no stripe.
  bool expire_in_memory(int64_t budget_us);
  bool expire_in_store(int64_t budget_us);
  // Makes the index anew when most of its references mean nothing any more: those of keys that were deleted
  // or overwritten before a far deadline.
  void prune_index();

 private:
  void expire(const DeadlineIndex::Reference& reference, int64_t now_ms);
  Status expire(std::string_view record_key, int64_t now_ms);

  Engine& engine_;
  EngineCore& core_;
  Loader& loader_;
};

}  // namespace starling::engine
