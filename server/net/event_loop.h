// One libuv loop and the thread that runs it: descriptors, timers, and a mailbox that any thread may post to.
//
// A pass: timers, then everything that epoll reported and the mailbox held, then the pass hook. The hook also
// runs before the loop goes to sleep, so what a timer produced is not held back until the next event.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

struct uv_loop_s;

namespace starling::server {

// What to wait for, and what happened. kBroken: the descriptor is of no more use; never waited for, always told.
// kHungUp: its peer sends nothing more, whether or not all it sent was read.
enum Interest : int { kNoInterest = 0, kReadable = 1, kWritable = 2, kBroken = 4, kHungUp = 8 };

// Whoever waits for a descriptor. Called on the loop's thread.
class FdHandler {
 public:
  virtual ~FdHandler() = default;
  // `events`: Interest bits.
  virtual void on_events(int events) = 0;
};

class EventLoop {
 public:
  EventLoop();
  ~EventLoop();  // Precondition: not running. Every Watcher and Timer of this loop is gone.
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Runs on the calling thread until stop(). It may run again, and then goes on where it was.
  void run();
  // Any thread. What was posted before it still runs.
  void stop();

  // Runs `task` on the loop's thread, in order of posting. Any thread. Tasks posted after the end of run()
  // wait for the next one.
  void post(std::function<void()> task);

  // Set once before run().
  void set_pass_hook(std::function<void()> hook);

  bool in_loop_thread() const { return std::this_thread::get_id() == thread_.load(); }

 private:
  friend class Connector;
  friend class FdWatcher;
  friend class Timer;
  struct Handles;
  void run_mailbox();
  uv_loop_s* native();

  std::unique_ptr<Handles> handles_;
  std::function<void()> pass_hook_;
  std::atomic<std::thread::id> thread_{};
  std::mutex mutex_;
  std::vector<std::function<void()>> mailbox_;  // Guarded by mutex_.
  std::vector<std::function<void()>> running_;  // The loop's own.
};

// Watches one descriptor, which must be non-blocking. Owned and used by the loop's thread. Does not own the
// descriptor; destroy the watcher before closing it.
class FdWatcher {
 public:
  FdWatcher(EventLoop& loop, int fd, FdHandler& handler);
  ~FdWatcher();
  FdWatcher(const FdWatcher&) = delete;
  FdWatcher& operator=(const FdWatcher&) = delete;

  // Interest bits. Changing them costs system calls; repeating them costs nothing.
  void watch(int interest);
  int interest() const { return interest_; }

 private:
  struct Handle;
  Handle* handle_;  // Freed by libuv's close callback, one pass after this object.
  int interest_ = kNoInterest;
};

// Owned and used by the loop's thread.
class Timer {
 public:
  Timer(EventLoop& loop, std::function<void()> task);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // First after `delay_ms`, then every `repeat_ms` (0: once). Starting a started timer restarts it.
  void start(int64_t delay_ms, int64_t repeat_ms);
  void stop();
  bool active() const;

 private:
  struct Handle;
  Handle* handle_;
};

}  // namespace starling::server
