#include "server/net/event_loop.h"

#include <uv.h>

#include "engine/base/assert.h"

namespace starling::server {

struct EventLoop::Handles {
  uv_loop_t loop;
  uv_async_t wake;
  uv_prepare_t prepare;
  uv_check_t check;
  bool stopping = false;
};

EventLoop::EventLoop() : handles_(std::make_unique<Handles>()) {
  STARLING_ASSERT(uv_loop_init(&handles_->loop) == 0);
  handles_->loop.data = this;
  auto on_wake = [](uv_async_t* handle) { static_cast<EventLoop*>(handle->loop->data)->run_mailbox(); };
  STARLING_ASSERT(uv_async_init(&handles_->loop, &handles_->wake, on_wake) == 0);
  uv_prepare_init(&handles_->loop, &handles_->prepare);
  uv_check_init(&handles_->loop, &handles_->check);
  uv_prepare_start(&handles_->prepare, [](uv_prepare_t* handle) {
    auto* self = static_cast<EventLoop*>(handle->loop->data);
    if (self->pass_hook_) self->pass_hook_();
  });
  uv_check_start(&handles_->check, [](uv_check_t* handle) {
    auto* self = static_cast<EventLoop*>(handle->loop->data);
    if (self->pass_hook_) self->pass_hook_();
    if (self->handles_->stopping) uv_stop(handle->loop);
  });
}

EventLoop::~EventLoop() {
  uv_close(reinterpret_cast<uv_handle_t*>(&handles_->wake), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&handles_->prepare), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&handles_->check), nullptr);
  uv_run(&handles_->loop, UV_RUN_DEFAULT);
  STARLING_ASSERT(uv_loop_close(&handles_->loop) == 0);
}

uv_loop_s* EventLoop::native() {
  return &handles_->loop;
}

void EventLoop::run() {
  thread_ = std::this_thread::get_id();
  handles_->stopping = false;
  uv_run(&handles_->loop, UV_RUN_DEFAULT);
  thread_ = std::thread::id();
}

void EventLoop::stop() {
  post([this] { handles_->stopping = true; });
}

void EventLoop::post(std::function<void()> task) {
  bool was_empty;
  {
    std::lock_guard lock(mutex_);
    was_empty = mailbox_.empty();
    mailbox_.push_back(std::move(task));
  }
  if (was_empty) uv_async_send(&handles_->wake);
}

void EventLoop::set_pass_hook(std::function<void()> hook) {
  pass_hook_ = std::move(hook);
}

void EventLoop::run_mailbox() {
  {
    std::lock_guard lock(mutex_);
    running_.swap(mailbox_);
  }
  for (auto& task : running_) task();
  running_.clear();
}

struct FdWatcher::Handle {
  uv_poll_t poll;
  FdHandler* handler;
};

FdWatcher::FdWatcher(EventLoop& loop, int fd, FdHandler& handler) : handle_(new Handle{{}, &handler}) {
  STARLING_ASSERT(uv_poll_init(&loop.handles_->loop, &handle_->poll, fd) == 0);
  handle_->poll.data = handle_;
}

FdWatcher::~FdWatcher() {
  uv_poll_stop(&handle_->poll);
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->poll),
           [](uv_handle_t* handle) { delete static_cast<Handle*>(handle->data); });
}

void FdWatcher::watch(int interest) {
  if (interest == interest_) return;
  interest_ = interest;
  if (interest == kNoInterest) {
    uv_poll_stop(&handle_->poll);
    return;
  }
  const int events = ((interest & kReadable) ? UV_READABLE : 0) | ((interest & kWritable) ? UV_WRITABLE : 0) |
                     ((interest & kHungUp) ? UV_DISCONNECT : 0);
  uv_poll_start(&handle_->poll, events, [](uv_poll_t* poll, int status, int ready) {
    FdHandler* handler = static_cast<Handle*>(poll->data)->handler;
    if (status < 0) {
      handler->on_events(kBroken);
    } else {
      handler->on_events(((ready & UV_READABLE) ? kReadable : 0) | ((ready & UV_WRITABLE) ? kWritable : 0) |
                         ((ready & UV_DISCONNECT) ? kHungUp : 0));
    }
  });
}

struct Timer::Handle {
  uv_timer_t timer;
  std::function<void()> task;
};

Timer::Timer(EventLoop& loop, std::function<void()> task) : handle_(new Handle{{}, std::move(task)}) {
  uv_timer_init(&loop.handles_->loop, &handle_->timer);
  handle_->timer.data = handle_;
}

Timer::~Timer() {
  uv_timer_stop(&handle_->timer);
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->timer),
           [](uv_handle_t* handle) { delete static_cast<Handle*>(handle->data); });
}

void Timer::start(int64_t delay_ms, int64_t repeat_ms) {
  // The loop's idea of now may be as old as the pass.
  uv_update_time(handle_->timer.loop);
  uv_timer_start(
      &handle_->timer, [](uv_timer_t* timer) { static_cast<Handle*>(timer->data)->task(); }, delay_ms,
      repeat_ms);
}

void Timer::stop() {
  uv_timer_stop(&handle_->timer);
}

bool Timer::active() const {
  return uv_is_active(reinterpret_cast<const uv_handle_t*>(&handle_->timer)) != 0;
}

}  // namespace starling::server
