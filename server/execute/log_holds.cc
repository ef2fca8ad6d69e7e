#include "server/execute/log_holds.h"

#include <algorithm>

namespace starling::server {
namespace {

// Above so many gone holds at the front the rest moves up.
constexpr size_t kGone = 64;

}  // namespace

void LogHolds::insert(const Hold& hold) {
  const auto place = std::upper_bound(holds_.begin() + static_cast<std::ptrdiff_t>(first_), holds_.end(),
                                      hold, [](const Hold& a, const Hold& b) { return a.from < b.from; });
  holds_.insert(place, hold);
}

void LogHolds::tidy() {
  if (empty()) {
    holds_.clear();
    first_ = 0;
  } else if (first_ > kGone && first_ > size()) {
    holds_.erase(holds_.begin(), holds_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

void LogHolds::pop_front() {
  if (front().position != kUntilCommit) --waiting_;
  ++first_;
  tidy();
}

void LogHolds::erase(size_t index) {
  if (at(index).position != kUntilCommit) --waiting_;
  holds_.erase(holds_.begin() + static_cast<std::ptrdiff_t>(first_ + index));
  tidy();
}

void LogHolds::forget_committed() {
  if (waiting_ == 0) {
    holds_.clear();
    first_ = 0;
    return;
  }
  holds_.erase(std::remove_if(holds_.begin() + static_cast<std::ptrdiff_t>(first_), holds_.end(),
                              [](const Hold& hold) { return hold.position == kUntilCommit; }),
               holds_.end());
  tidy();
}

void LogHolds::replaced(uint64_t from, uint64_t to, int64_t change) {
  const auto moved = static_cast<uint64_t>(change);
  size_t kept = first_;
  for (size_t i = first_; i < holds_.size(); ++i) {
    Hold hold = holds_[i];
    if (hold.from >= from && hold.to <= to) {
      if (hold.position != kUntilCommit) --waiting_;
      continue;
    }
    if (hold.from >= to) {
      hold.from += moved;
      hold.to += moved;
    } else if (hold.from <= from && hold.to >= to && hold.to != from) {
      hold.to += moved;
    }
    holds_[kept++] = hold;
  }
  holds_.resize(kept);
  tidy();
}

}  // namespace starling::server
