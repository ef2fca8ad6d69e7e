// Many short keys that are gathered, sorted and read once: in few and large pieces of memory, without room
// to spare in each.
#pragma once

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <string_view>

namespace starling::engine {

class KeyList {
 public:
  void add(std::string_view key) {
    if (key.size() > room_) {
      room_ = std::max(kChunkBytes, key.size());
      chunks_.push_back(std::make_unique<char[]>(room_));
      next_ = chunks_.back().get();
    }
    std::memcpy(next_, key.data(), key.size());
    keys_.emplace_back(next_, key.size());
    next_ += key.size();
    room_ -= key.size();
  }

  // In ascending order, each once. Views into this list.
  const std::deque<std::string_view>& sorted() {
    std::sort(keys_.begin(), keys_.end());
    keys_.erase(std::unique(keys_.begin(), keys_.end()), keys_.end());
    return keys_;
  }

 private:
  static constexpr size_t kChunkBytes = 64 << 10;

  std::deque<std::unique_ptr<char[]>> chunks_;
  std::deque<std::string_view> keys_;
  char* next_ = nullptr;
  size_t room_ = 0;
};

}  // namespace starling::engine
