// What all interpreters of the process hold, and may hold. Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace starling::server {

class MemoryMeter {
 public:
  void set_limit(int64_t bytes) { limit_.store(bytes, std::memory_order_relaxed); }
  int64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  bool has_room(int64_t more) const {
    return bytes_.load(std::memory_order_relaxed) + more <= limit_.load(std::memory_order_relaxed);
  }
  void add(int64_t change) { bytes_.fetch_add(change, std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> bytes_{0};
  std::atomic<int64_t> limit_{INT64_MAX};
};

}  // namespace starling::server
