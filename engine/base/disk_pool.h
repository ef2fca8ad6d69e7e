// Threads that may wait for the disk, so that event loops need not.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace starling::engine {

class DiskPool {
 public:
  explicit DiskPool(int threads);
  ~DiskPool() { stop(); }
  DiskPool(const DiskPool&) = delete;
  DiskPool& operator=(const DiskPool&) = delete;

  // Any thread. The queue is as long as its callers allow: each client waits for at most one piece of work.
  void submit(std::function<void()> work);
  // Runs what is queued, then ends the threads. Work submitted afterwards runs at once on the caller's
  // thread.
  void stop();

 private:
  void serve();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  std::vector<std::thread> threads_;
  bool stopping_ = false;
};

}  // namespace starling::engine
