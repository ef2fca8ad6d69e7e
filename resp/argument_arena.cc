#include "resp/argument_arena.h"

#include <algorithm>
#include <utility>

namespace starling::resp {
namespace {

constexpr size_t kFirstCapacity = 64;
// What reset() keeps at most: a pipeline of some hundred requests.
constexpr size_t kKeptCapacity = 1024;

}  // namespace

// Starts a new block with the unfinished request at its begin. The old one is kept if finished requests are
// in it.
void ArgumentArena::relocate(size_t capacity) {
  std::unique_ptr<std::string_view[]> block(capacity == 0 ? nullptr : new std::string_view[capacity]);
  std::copy(block_.get() + begin_, block_.get() + size_, block.get());
  if (begin_ > 0) {
    full_.push_back(std::move(block_));
    full_capacity_ += capacity_;
  }
  block_ = std::move(block);
  capacity_ = capacity;
  size_ -= begin_;
  begin_ = 0;
}

void ArgumentArena::grow() {
  relocate(std::max(kFirstCapacity, capacity_ * 2));
}

void ArgumentArena::reset() {
  if (begin_ > 0) {
    std::copy(block_.get() + begin_, block_.get() + size_, block_.get());
    size_ -= begin_;
    begin_ = 0;
    full_.clear();
    full_capacity_ = 0;
  }
  if (capacity_ > kKeptCapacity && size_ <= kKeptCapacity / 2) relocate(kKeptCapacity);
}

void ArgumentArena::shrink() {
  reset();
  full_.shrink_to_fit();
  if (size_ < capacity_ / 2) relocate(size_ == 0 ? 0 : size_ * 2);
}

}  // namespace starling::resp
