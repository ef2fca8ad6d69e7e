// Whose events the attempts of a node are (README.md, "Writes that depend on what they read"): an actor's of their own.
//
// A context claims all events of an actor up to one. What came of an attempt may never be known: one replica has it, its
// coordinator has not. The coordinator's next event on the key must not claim to have seen it, or it takes away what a
// reader was shown. So attempts are not made by the actor of other writes; and once an attempt on a key has ended in
// doubt, the next one on that key is by a new actor. Records keep actors for as long as they live, so one life of a node
// draws a bounded number of them; beyond that an attempt in doubt may be taken for seen.
//
// Any thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "engine/dot.h"
#include "engine/operation.h"

namespace starling::cluster {

class AttemptActor {
 public:
  // `draw`: an id that nobody has had yet.
  explicit AttemptActor(std::function<engine::ActorId()> draw) : draw_(std::move(draw)), actor_(draw_()) {}

  // For the next attempt on these keys.
  engine::ActorId next(std::span<const engine::KeyRef> keys) {
    const std::lock_guard guard(mutex_);
    const bool doubtful =
        !doubtful_.empty() && std::any_of(keys.begin(), keys.end(), [this](const auto& ref) {
          return doubtful_.contains(std::pair(ref.database, std::string(ref.key.name)));
        });
    if (doubtful || doubtful_.size() >= kMostDoubtful) {
      if (++drawn_ <= kMostDrawn) actor_ = draw_();
      doubtful_.clear();
    }
    return actor_;
  }
  // What came of an attempt on the key is not known.
  void doubt(int database, std::string_view key) {
    const std::lock_guard guard(mutex_);
    doubtful_.emplace(database, std::string(key));
  }

 private:
  static constexpr size_t kMostDoubtful = 4096;
  static constexpr size_t kMostDrawn = 16384;

  std::mutex mutex_;
  std::function<engine::ActorId()> draw_;
  engine::ActorId actor_;
  size_t drawn_ = 0;
  absl::flat_hash_set<std::pair<int, std::string>> doubtful_;  // Under this actor.
};

}  // namespace starling::cluster
