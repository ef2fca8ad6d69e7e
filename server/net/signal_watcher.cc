#include "server/net/signal_watcher.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <bit>
#include <cerrno>

#include "engine/base/assert.h"

namespace starling::server {
namespace {

// What the handler touches: it may interrupt any thread, so it does no more than this.
std::atomic<uint64_t> caught{0};
std::atomic<int> bell{-1};

void note(int number) {
  const int error = errno;
  caught.fetch_or(uint64_t{1} << number);
  const uint64_t one = 1;
  (void)!::write(bell.load(), &one, sizeof one);
  errno = error;
}

}  // namespace

SignalWatcher::SignalWatcher(EventLoop& loop, const std::vector<int>& signals,
                             std::function<void(int)> on_signal)
    : on_signal_(std::move(on_signal)) {
  // It stays, like the handler.
  if (bell.load() < 0) bell = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  STARLING_ASSERT(bell.load() >= 0);
  FdHandler& handler = *this;
  watcher_ = std::make_unique<FdWatcher>(loop, bell.load(), handler);
  watcher_->watch(kReadable);
  for (const int number : signals) {
    STARLING_ASSERT(number > 0 && number < 64);
    struct sigaction action = {};
    action.sa_handler = note;
    action.sa_flags = SA_RESTART;
    sigfillset(&action.sa_mask);
    STARLING_ASSERT(::sigaction(number, &action, nullptr) == 0);
  }
}

SignalWatcher::~SignalWatcher() = default;

void SignalWatcher::look() {
  if (caught.load(std::memory_order_relaxed) == 0) [[likely]]
    return;
  for (uint64_t left = caught.exchange(0); left != 0; left &= left - 1) on_signal_(std::countr_zero(left));
}

void SignalWatcher::on_events(int) {
  uint64_t count = 0;
  (void)!::read(bell.load(), &count, sizeof count);
  look();
}

}  // namespace starling::server
