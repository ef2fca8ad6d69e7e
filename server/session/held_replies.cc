#include "server/session/held_replies.h"

#include <algorithm>
#include <string>

namespace starling::server {

std::deque<HeldReplies::Held>::iterator HeldReplies::find(uint64_t id) {
  return std::find_if(held_.begin(), held_.end(), [id](const Held& held) { return held.id == id; });
}

void HeldReplies::drop_released() {
  while (!held_.empty() && held_.front().released) held_.pop_front();
}

void HeldReplies::release(uint64_t id) {
  const auto found = find(id);
  if (found == held_.end()) return;
  found->released = true;
  drop_released();
}

HeldReplies::Replaced HeldReplies::release_with(uint64_t id, std::string_view bytes,
                                                resp::OutputBuffer* output) {
  const auto found = find(id);
  if (found == held_.end()) return {};
  std::string repeated;
  for (uint32_t i = 0; found->replies != 1 && i < found->replies; ++i) repeated += bytes;
  const std::string_view all = found->replies == 1 ? bytes : repeated;
  output->replace(found->from, found->to, all);
  const int64_t change = static_cast<int64_t>(all.size()) - static_cast<int64_t>(found->to - found->from);
  const Replaced replaced{found->from, found->to, change};
  found->to += static_cast<uint64_t>(change);
  for (auto later = found + 1; later != held_.end(); ++later) {
    later->from += static_cast<uint64_t>(change);
    later->to += static_cast<uint64_t>(change);
  }
  found->released = true;
  drop_released();
  return replaced;
}

void HeldReplies::grown(uint64_t id, uint64_t bytes) {
  const auto held = find(id);
  if (held == held_.end()) return;
  held->to += bytes;
  for (auto later = held + 1; later != held_.end(); ++later) {
    later->from += bytes;
    later->to += bytes;
  }
}

void HeldReplies::moved(uint64_t to, int64_t change) {
  for (Held& held : held_) {
    if (held.to < to) continue;
    if (held.from >= to) held.from += static_cast<uint64_t>(change);
    held.to += static_cast<uint64_t>(change);
  }
}

}  // namespace starling::server
