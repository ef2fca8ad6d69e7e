#include "engine/log/frame_buffer.h"

#include <cstring>
#include <utility>

#include "engine/log/log_format.h"

namespace starling::engine {
namespace {

FrameChunk new_chunk(size_t capacity) {
  return {std::make_unique_for_overwrite<char[]>(capacity), capacity, 0};
}

void add_frame(FrameChunk& chunk, uint32_t sum, std::string_view payload) {
  char* frame = chunk.data.get() + chunk.used;
  const size_t prefix_bytes = encode_unplaced_prefix(FrameKind::kData, sum, payload.size(), frame);
  std::memcpy(frame + prefix_bytes, payload.data(), payload.size());
  chunk.used += prefix_bytes + payload.size();
}

}  // namespace

uint64_t FrameBuffer::append(std::string_view payload) {
  const size_t bytes = frame_bytes(payload.size());
  const uint32_t sum = payload_sum(payload);
  FrameChunk large;
  if (bytes > kLargeFrameBytes) {
    large = new_chunk(bytes);
    add_frame(large, sum, payload);
  }
  const std::lock_guard lock(mutex_);
  if (large.used > 0) {
    chunks_.push_back(std::move(large));
  } else {
    add_frame(chunk_with_room(bytes), sum, payload);
  }
  const uint64_t position = appended_.load(std::memory_order_relaxed) + bytes;
  appended_.store(position, std::memory_order_release);
  return position;
}

FrameChunk& FrameBuffer::chunk_with_room(size_t bytes) {
  if (chunks_.empty() || chunks_.back().capacity - chunks_.back().used < bytes) {
    if (spare_.empty()) {
      chunks_.push_back(new_chunk(kChunkBytes));
    } else {
      chunks_.push_back(std::move(spare_.back()));
      spare_.pop_back();
    }
  }
  return chunks_.back();
}

uint64_t FrameBuffer::take(std::vector<FrameChunk>* chunks) {
  const std::lock_guard lock(mutex_);
  chunks->swap(chunks_);
  return appended_.load(std::memory_order_relaxed);
}

void FrameBuffer::recycle(std::vector<FrameChunk>* chunks) {
  {
    const std::lock_guard lock(mutex_);
    for (FrameChunk& chunk : *chunks) {
      if (chunk.capacity != kChunkBytes || spare_.size() >= kSpareChunks) continue;
      chunk.used = 0;
      spare_.push_back(std::move(chunk));
    }
  }
  chunks->clear();
}

}  // namespace starling::engine
