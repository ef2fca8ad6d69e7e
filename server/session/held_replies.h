// Replies that may not leave yet because other nodes have a say in them: a write waits for its quorum, a
// forwarded request for its answer. What a client is sent stays in the order of its requests.
//
// Each is a range of the client's output: held until release(), which may put other bytes in its place (an
// error, or the answer where nothing was). Everything behind the first one held waits with it.
//
// Part of one client; its loop's thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>

#include "resp/output_buffer.h"

namespace starling::server {

class HeldReplies {
 public:
  // Holds what `output` has from `from` on, to its end. `id` is the caller's, unique among those held.
  void hold(uint64_t id, uint64_t from, const resp::OutputBuffer& output) {
    held_.push_back({id, from, output.position(), 1, false});
  }
  // The reply that `output` has from `from` on joins the one that was held last, if that is `id` and they
  // touch. False: it does not.
  bool extend(uint64_t id, uint64_t from, const resp::OutputBuffer& output) {
    if (held_.empty() || held_.back().id != id || held_.back().to != from || held_.back().released)
      return false;
    held_.back().to = output.position();
    ++held_.back().replies;
    return true;
  }
  struct Range {
    uint64_t from, to;
  };
  // Where one that is held stands. Precondition: it is.
  Range range_of(uint64_t id) {
    const auto held = find(id);
    return {held->from, held->to};
  }
  bool empty() const { return held_.empty(); }
  // The one that everything waits for. Precondition: !empty().
  uint64_t first_id() const { return held_.front().id; }
  size_t size() const { return held_.size(); }

  // Lets it go as it is. Unknown ids are ignored.
  void release(uint64_t id);
  // What stood in [from, to) of an output is `change` bytes longer (or, negative, shorter) now.
  struct Replaced {
    uint64_t from = 0, to = 0;
    int64_t change = 0;
  };
  // Lets it go with `bytes` in the place of each reply of it. Returns what that did to the output.
  Replaced release_with(uint64_t id, std::string_view bytes, resp::OutputBuffer* output);

  // One that is held, and stays so, has got `bytes` more, at its begin or at its end.
  void grown(uint64_t id, uint64_t bytes);
  // What the output has before `to`, within one reply, has become `change` bytes longer (or, negative,
  // shorter).
  void moved(uint64_t to, int64_t change);

  // The position up to which output may be sent.
  uint64_t sendable_position(const resp::OutputBuffer& output) const {
    return held_.empty() ? output.position() : held_.front().from;
  }

 private:
  struct Held {
    uint64_t id, from, to;
    uint32_t replies;
    bool released;
  };
  std::deque<Held>::iterator find(uint64_t id);
  void drop_released();

  std::deque<Held> held_;
};

}  // namespace starling::server
