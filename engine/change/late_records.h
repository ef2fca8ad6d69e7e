// Records whose time is over and that are kept, because somebody else says when they go: a node that copies another
// one's data runs its commands a moment later, when a record may be due that was not when the command ran there. Had it
// been removed here, PERSIST, RENAME or a later deadline would come to nothing.
//
//   keep(true)   what looks at a record that is due finds nothing, and leaves it
//   See          while one lives, its thread sees such records as any other, and a deadline in the past removes nothing
//
// Of a node that is not part of a cluster. Any thread.
#pragma once

#include <atomic>

namespace starling::engine {

class LateRecords {
 public:
  static void keep(bool kept) { kept_.store(kept, std::memory_order_relaxed); }
  static bool kept() { return kept_.load(std::memory_order_relaxed); }
  static bool seen() { return seen_; }

  class See {
   public:
    explicit See(bool sees) : before_(seen_) { seen_ = sees; }
    ~See() { seen_ = before_; }
    See(const See&) = delete;
    See& operator=(const See&) = delete;

   private:
    const bool before_;
  };

 private:
  static inline std::atomic<bool> kept_{false};
  static inline thread_local bool seen_ = false;
};

}  // namespace starling::engine
