// Applies what the commit log holds on several threads. What belongs to one stripe is applied by one of them, in the
// order in which it was added; between stripes there is no order but that of drain().
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "engine/base/status.h"
#include "engine/core/operation.h"

namespace starling::engine {

class ReplayWorkers {
 public:
  // A frame as mutation.h has it, and the key that it begins with.
  struct Frame {
    std::string_view bytes;  // Good for the call.
    Lookup place;
  };
  // Frames in the order of adding.
  using Apply = std::function<Status(std::span<const Frame> frames)>;

  // `threads` 0: drain(), and add() when a batch is full, apply on the caller's thread.
  ReplayWorkers(int threads, Apply apply);
  // What was not applied yet may be left out.
  ~ReplayWorkers();
  ReplayWorkers(const ReplayWorkers&) = delete;
  ReplayWorkers& operator=(const ReplayWorkers&) = delete;

  // A frame, in two parts, of changes that all belong to the stripe of this place. Waits while the stripe's thread has
  // much to do. Not ok: something that was added could not be applied, and nothing more is.
  Status add(const Lookup& place, std::string_view front, std::string_view rest);
  // Everything that was added has been applied.
  Status drain();

 private:
  struct Batch {
    std::string bytes;
    std::vector<std::pair<size_t, Lookup>> ends;  // Of its frames.
  };
  struct Worker {
    std::mutex mutex;
    std::condition_variable wake, done;
    std::deque<Batch> queue;  // Guarded by mutex, like `busy` and `stopping`.
    bool busy = false, stopping = false;
    Batch filling;  // The adding thread's.
    std::thread thread;
  };

  void serve(Worker& worker);
  void hand_over(Worker& worker);
  void apply(const Batch& batch);
  Status failure();

  const Apply apply_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::atomic<bool> failed_{false};
  std::mutex failure_mutex_;
  Status failure_;
};

}  // namespace starling::engine
