#include "server/net/event_loop.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

namespace starling::server {
namespace {

TEST_CASE("what is posted runs in order on the loop's thread, also from other threads") {
  EventLoop loop;
  std::vector<int> order;
  loop.post([&] { order.push_back(1); });
  loop.post([&] {
    CHECK(loop.in_loop_thread());
    order.push_back(2);
    loop.post([&] { order.push_back(4); });
  });
  loop.post([&] { order.push_back(3); });
  std::thread runner([&] { loop.run(); });
  std::atomic<bool> done{false};
  loop.post([&] { loop.post([&] { done = true; }); });
  while (!done) std::this_thread::yield();
  loop.stop();
  runner.join();
  CHECK(order == std::vector<int>{1, 2, 3, 4});
}

TEST_CASE("a loop that has stopped may run again, and does what was posted meanwhile") {
  EventLoop loop;
  int rounds = 0;
  Timer timer(loop, [&] {
    ++rounds;
    loop.stop();
  });
  timer.start(1, 0);
  loop.run();
  CHECK(rounds == 1);
  CHECK_FALSE(loop.in_loop_thread());
  bool posted = false;
  loop.post([&] { posted = true; });
  timer.start(1, 0);
  loop.run();
  CHECK(rounds == 2);
  CHECK(posted);
}

TEST_CASE("the pass hook runs after what a timer did, before the loop sleeps") {
  EventLoop loop;
  bool fired = false, seen = false;
  loop.set_pass_hook([&] {
    if (fired && !seen) {
      seen = true;
      loop.stop();
    }
  });
  {
    Timer timer(loop, [&] { fired = true; });
    timer.start(1, 0);
    loop.run();
  }
  CHECK(seen);
}

class Reader : public FdHandler {
 public:
  explicit Reader(int fd) : fd_(fd) {}
  void on_events(int events) override {
    last_events = events;
    char byte;
    while (::read(fd_, &byte, 1) == 1) text += byte;
    if (on_text) on_text();
  }
  int last_events = 0;
  std::string text;
  std::function<void()> on_text;

 private:
  int fd_;
};

TEST_CASE("a watcher reports what it was asked to watch, until it is gone") {
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
  EventLoop loop;
  Reader reader(pair[0]);
  auto watcher = std::make_unique<FdWatcher>(loop, pair[0], reader);
  watcher->watch(kReadable);
  reader.on_text = [&] {
    if (reader.text == "ab") {
      watcher.reset();  // From within its own event.
      loop.stop();
    }
  };
  REQUIRE(::write(pair[1], "a", 1) == 1);
  loop.post([&] { REQUIRE(::write(pair[1], "b", 1) == 1); });
  loop.run();
  CHECK(reader.text == "ab");
  CHECK((reader.last_events & kReadable) != 0);
  ::close(pair[0]);
  ::close(pair[1]);
}

}  // namespace
}  // namespace starling::server
