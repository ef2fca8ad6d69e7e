// The frames that were appended to the commit log and not yet taken for writing.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

namespace starling::engine {

// Whole unplaced frames (see log_format.h), back to back.
struct FrameChunk {
  std::unique_ptr<char[]> data;
  size_t capacity = 0;
  size_t used = 0;
};

// Any thread. The lock is held for one short copy: a large payload is copied before it is taken.
class FrameBuffer {
 public:
  // Returns the count of bytes ever appended, this frame included.
  uint64_t append(std::string_view payload);
  uint64_t appended() const { return appended_.load(std::memory_order_acquire); }

  // Moves all chunks to the empty `chunks`; returns the count of bytes ever appended that this reaches up to.
  uint64_t take(std::vector<FrameChunk>* chunks);
  // Gives written chunks back for reuse; clears `chunks`.
  void recycle(std::vector<FrameChunk>* chunks);

 private:
  static constexpr size_t kChunkBytes = 256 << 10;
  static constexpr size_t kLargeFrameBytes = 32 << 10;
  static constexpr size_t kSpareChunks = 8;

  FrameChunk& chunk_with_room(size_t bytes);

  std::mutex mutex_;
  std::vector<FrameChunk> chunks_;
  std::vector<FrameChunk> spare_;
  std::atomic<uint64_t> appended_{0};
};

}  // namespace starling::engine
