#include "server/cluster/forward_window.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

namespace starling::server {
namespace {

constexpr int64_t kTimeoutUs = 1'000'000;

cluster::NodeId node(uint8_t number) {
  cluster::NodeId id;
  id.bytes[0] = number;
  return id;
}

// How many may be under way, once those that are have been answered, neither early nor late.
size_t size_of(ForwardWindow window, size_t under_way) {
  for (; under_way != 0; --under_way) (void)window.ended(node(1), 0, kTimeoutUs / 5, kTimeoutUs, true);
  size_t more = 0;
  for (; !window.full(node(1)); ++more) window.sent(node(1));
  return more;
}

// A node that answers so many a second, in their order, asked by clients that always have more to ask.
class Queue {
 public:
  explicit Queue(int64_t per_second) : service_us_(1'000'000 / per_second) {}

  // Returns the longest time that one of them has taken from the second half on.
  int64_t run(int64_t duration_us) {
    int64_t longest_us = 0, free_us = 0;
    std::deque<std::pair<int64_t, int64_t>> under_way;  // Sent, answered.
    for (int64_t now_us = 1; now_us < duration_us; now_us += 100) {
      while (!under_way.empty() && under_way.front().second <= now_us) {
        const auto [sent_us, answered_us] = under_way.front();
        under_way.pop_front();
        (void)window_.ended(node(1), sent_us, now_us, kTimeoutUs, true);
        if (now_us > duration_us / 2) longest_us = std::max(longest_us, now_us - sent_us);
      }
      while (!window_.full(node(1))) {
        window_.sent(node(1));
        free_us = std::max(free_us, now_us) + service_us_;
        under_way.emplace_back(now_us, free_us);
      }
    }
    size_ = under_way.size();
    return longest_us;
  }
  // What is under way when it is full, as it is in the end.
  size_t size() const { return size_; }

 private:
  ForwardWindow window_;
  const int64_t service_us_;
  size_t size_ = 0;
};

TEST_CASE("forward window: a node that is asked for more than it can do answers all of that in time") {
  for (const int64_t per_second : {500, 5'000, 50'000}) {
    Queue queue(per_second);
    const int64_t longest_us = queue.run(60'000'000);
    CAPTURE(per_second);
    CHECK(longest_us < kTimeoutUs / 2);
    // And is kept busy.
    CHECK(static_cast<int64_t>(queue.size()) > per_second / 50);
  }
}

TEST_CASE("forward window: what is under way counts by node, and who waits has its turn when one ends") {
  ForwardWindow window;
  for (size_t i = 0; i < ForwardWindow::kFirst; ++i) {
    CHECK_FALSE(window.full(node(1)));
    window.sent(node(1));
  }
  CHECK(window.full(node(1)));
  CHECK_FALSE(window.full(node(2)));
  for (uint64_t client = 1; client <= 5; ++client) window.wait(node(1), client);
  CHECK(window.ended(node(1), 0, 1000, kTimeoutUs, true) == std::vector<uint64_t>{1, 2});
  // In the middle it becomes neither more nor less.
  CHECK(window.ended(node(1), 0, kTimeoutUs / 5, kTimeoutUs, true) == std::vector<uint64_t>{3, 4});
  window.moved(node(1), node(2));
  CHECK(window.ended(node(2), 0, 1000, kTimeoutUs, true).empty());
  CHECK(window.ended(node(1), 0, 1000, kTimeoutUs, true) == std::vector<uint64_t>{5});
}

TEST_CASE("forward window: those that were under way together halve it once, and never below the least") {
  ForwardWindow window;
  for (int i = 0; i < 20; ++i) window.sent(node(1));
  for (int i = 0; i < 10; ++i) (void)window.ended(node(1), 5, kTimeoutUs + i, kTimeoutUs, false);
  CHECK(size_of(window, 10) == ForwardWindow::kFirst / 2);
  for (int64_t i = 2; i < 12; ++i)
    (void)window.ended(node(1), i * kTimeoutUs, (i + 1) * kTimeoutUs, kTimeoutUs, false);
  CHECK(size_of(window, 0) == ForwardWindow::kLeast);
}

}  // namespace
}  // namespace starling::server
