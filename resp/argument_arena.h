// Holds the argument views of a batch of requests: one flat array, no allocation per request.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace starling::resp {

// Requests are built one after the other: add() the arguments of one, then finish() it. Finished spans stay
// valid until reset(); the unfinished request moves when the array grows, so it is only reached through
// unfinished().
class ArgumentArena {
 public:
  void add(std::string_view argument) {
    if (size_ == capacity_) [[unlikely]]
      grow();
    block_[size_++] = argument;
  }
  std::span<const std::string_view> finish() {
    const std::span<const std::string_view> request(block_.get() + begin_, size_ - begin_);
    begin_ = size_;
    return request;
  }
  std::span<std::string_view> unfinished() { return {block_.get() + begin_, size_ - begin_}; }
  size_t unfinished_count() const { return size_ - begin_; }

  // Forgets the finished requests and keeps the unfinished one.
  void reset();
  // reset(), and gives back memory that the unfinished request does not need.
  void shrink();
  size_t memory_bytes() const { return (capacity_ + full_capacity_) * sizeof(std::string_view); }

 private:
  void grow();
  void relocate(size_t capacity);

  std::unique_ptr<std::string_view[]> block_;
  size_t capacity_ = 0;
  size_t begin_ = 0;  // Of the unfinished request.
  size_t size_ = 0;
  // Earlier blocks of this batch, with finished requests in them.
  std::vector<std::unique_ptr<std::string_view[]>> full_;
  size_t full_capacity_ = 0;
};

}  // namespace starling::resp
