// Whose events the attempts of a node are (README.md, "Writes that depend on what they read"): actors' of their own.
//
// A context claims all events of an actor up to one. What came of an attempt may never be known: one replica has
// it, its coordinator has not. The coordinator's next event on the key must not claim to have seen it, or it takes
// away what a reader was shown. So attempts are not made by the actor of other writes; and once an attempt on a key
// has ended in doubt, the next one on that key is by another actor. Records keep actors for as long as they live,
// so one that no key doubts is taken again, and one life of a node draws a bounded number of them; beyond that an
// attempt in doubt may be taken for seen.
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
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "engine/base/dot.h"
#include "engine/core/operation.h"

namespace starling::cluster {

class AttemptActor {
 public:
  // `draw`: an id that nobody has had yet.
  explicit AttemptActor(std::function<engine::ActorId()> draw) : draw_(std::move(draw)) {
    actors_.push_back({draw_(), {}});
  }

  // For the next attempt on these keys.
  engine::ActorId next(std::span<const engine::KeyRef> keys) {
    const std::lock_guard guard(mutex_);
    const auto free = std::find_if(actors_.begin(), actors_.end(), [&](const Actor& actor) {
      return actor.doubtful.empty() || std::none_of(keys.begin(), keys.end(), [&](const engine::KeyRef& ref) {
               return actor.doubtful.contains(std::pair(ref.database, std::string(ref.key.name)));
             });
    });
    if (free != actors_.end()) return free->id;
    if (drawn_ >= kMostDrawn) return actors_.back().id;
    ++drawn_;
    if (actors_.size() >= kMostKept) actors_.erase(actors_.begin());
    actors_.push_back({draw_(), {}});
    return actors_.back().id;
  }
  // What came of an attempt on the key by that actor is not known.
  void doubt(engine::ActorId id, int database, std::string_view key) {
    const std::lock_guard guard(mutex_);
    const auto actor =
        std::find_if(actors_.begin(), actors_.end(), [id](const Actor& known) { return known.id == id; });
    if (actor == actors_.end()) return;
    actor->doubtful.emplace(database, std::string(key));
    // Too much to remember: nobody goes on as this one.
    if (actor->doubtful.size() < kMostDoubtful || drawn_ >= kMostDrawn) return;
    ++drawn_;
    *actor = {draw_(), {}};
  }

 private:
  static constexpr size_t kMostDoubtful = 4096;
  static constexpr size_t kMostKept = 32;
  static constexpr size_t kMostDrawn = 16384;
  struct Actor {
    engine::ActorId id;
    absl::flat_hash_set<std::pair<int, std::string>> doubtful;
  };

  std::mutex mutex_;
  std::function<engine::ActorId()> draw_;
  std::vector<Actor> actors_;
  size_t drawn_ = 0;
};

}  // namespace starling::cluster
