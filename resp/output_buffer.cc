#include "resp/output_buffer.h"

#include <algorithm>
#include <iterator>
#include <new>
#include <utility>

#include "resp/require.h"

namespace starling::resp {
namespace {

constexpr size_t kFirstChunkBytes = 4 * 1024;
constexpr size_t kLargestChunkBytes = 64 * 1024;
// An empty buffer keeps its chunk up to this size, so that steady traffic allocates nothing and a burst
// leaves nothing.
constexpr size_t kKeptChunkBytes = 16 * 1024;
constexpr size_t kKeptSegments = 64;
// splice() copies up to this much, which keeps both buffers' chunks where they are.
constexpr size_t kSpliceCopyBytes = 4 * 1024;

}  // namespace

OutputBuffer::~OutputBuffer() {
  for (size_t i = first_; i < segments_.size(); ++i) release(&segments_[i]);
  drop_chunk();
}

void OutputBuffer::append_across_chunks(std::string_view bytes) {
  const size_t free_bytes = static_cast<size_t>(limit_ - cursor_);
  const std::string_view head = bytes.substr(0, free_bytes);
  if (!head.empty()) std::memcpy(cursor_, head.data(), head.size());
  cursor_ += head.size();
  const std::string_view rest = bytes.substr(head.size());
  if (rest.empty()) return;
  new_chunk(rest.size());
  std::memcpy(cursor_, rest.data(), rest.size());
  cursor_ += rest.size();
}

void OutputBuffer::append_shared(std::shared_ptr<const void> keep_alive, std::string_view bytes) {
  if (bytes.size() < kCopyBelowBytes) return append(bytes);
  seal();
  sealed_bytes_ += bytes.size();
  shared_bytes_ += bytes.size();
  segments_.push_back({bytes.data(), bytes.size(), nullptr, std::move(keep_alive), bytes.size()});
}

void OutputBuffer::new_chunk(size_t least_bytes) {
  size_t capacity = kFirstChunkBytes;
  if (chunk_ != nullptr) capacity = std::clamp(chunk_->capacity * 4, kFirstChunkBytes, kLargestChunkBytes);
  capacity = std::max(capacity, least_bytes);
  seal();
  drop_chunk();
  chunk_ = new (::operator new(sizeof(Chunk) + capacity)) Chunk{capacity, 1};
  chunk_bytes_ += sizeof(Chunk) + capacity;
  open_ = cursor_ = chunk_->data();
  limit_ = cursor_ + capacity;
}

void OutputBuffer::unreference(Chunk* chunk) {
  if (--chunk->references > 0) return;
  chunk_bytes_ -= sizeof(Chunk) + chunk->capacity;
  ::operator delete(chunk);
}

void OutputBuffer::drop_chunk() {
  if (chunk_ != nullptr) unreference(chunk_);
  chunk_ = nullptr;
  open_ = cursor_ = limit_ = nullptr;
}

// Turns the open range into a segment; what is appended next starts a new one in the same chunk.
void OutputBuffer::seal() {
  if (open_ == cursor_) return;
  const size_t size = static_cast<size_t>(cursor_ - open_);
  segments_.push_back({open_, size, chunk_, nullptr, 0});
  ++chunk_->references;
  sealed_bytes_ += size;
  open_ = cursor_;
}

void OutputBuffer::release(Segment* segment) {
  shared_bytes_ -= segment->shared_bytes;
  if (segment->chunk != nullptr) unreference(segment->chunk);
  segment->chunk = nullptr;
  segment->keep_alive.reset();
}

size_t OutputBuffer::memory_bytes() const {
  return chunk_bytes_ + shared_bytes_ + segments_.capacity() * sizeof(Segment);
}

size_t OutputBuffer::gather(struct iovec* vectors, size_t max) const {
  size_t filled = 0;
  size_t skip = first_consumed_bytes_;
  for (size_t i = first_; i < segments_.size() && filled < max; ++i) {
    const Segment& segment = segments_[i];
    vectors[filled++] = {const_cast<char*>(segment.data) + skip, segment.size - skip};
    skip = 0;
  }
  if (open_ != cursor_ && filled < max) vectors[filled++] = {open_, static_cast<size_t>(cursor_ - open_)};
  return filled;
}

void OutputBuffer::consume(size_t size) {
  require(size <= this->size(), "consume() of more than is pending");
  consumed_ += size;
  while (size > 0 && first_ < segments_.size()) {
    Segment& segment = segments_[first_];
    const size_t taken = std::min(size, segment.size - first_consumed_bytes_);
    size -= taken;
    sealed_bytes_ -= taken;
    first_consumed_bytes_ += taken;
    if (first_consumed_bytes_ < segment.size) return;
    release(&segment);
    ++first_;
    first_consumed_bytes_ = 0;
  }
  open_ += size;
  settle();
}

// After bytes went: reuses or gives back what nothing needs any more.
void OutputBuffer::settle() {
  if (first_ < segments_.size()) {
    if (first_ >= kKeptSegments && first_ * 2 >= segments_.size()) {
      segments_.erase(segments_.begin(), segments_.begin() + static_cast<ptrdiff_t>(first_));
      first_ = 0;
    }
    return;
  }
  segments_.clear();
  first_ = 0;
  if (segments_.capacity() > kKeptSegments) segments_ = {};
  if (open_ != cursor_ || chunk_ == nullptr) return;
  if (chunk_->references > 1 || chunk_->capacity > kKeptChunkBytes) return drop_chunk();
  open_ = cursor_ = chunk_->data();
}

void OutputBuffer::truncate_to(uint64_t position) {
  require(position >= consumed_ && position <= this->position(), "truncate_to() outside of what is pending");
  drop_last(static_cast<size_t>(this->position() - position));
}

void OutputBuffer::drop_last(size_t size) {
  const size_t from_open = std::min(size, static_cast<size_t>(cursor_ - open_));
  cursor_ -= from_open;
  size -= from_open;
  sealed_bytes_ -= size;
  while (size > 0) {
    Segment& last = segments_.back();
    const bool is_first = segments_.size() - 1 == first_;
    const size_t pending = last.size - (is_first ? first_consumed_bytes_ : 0);
    if (size < pending) {
      last.size -= size;
      break;
    }
    size -= pending;
    release(&last);
    segments_.pop_back();
    if (is_first) first_consumed_bytes_ = 0;
  }
  settle();
}

// Cuts everything from `position` on out of the queue and returns it. The open range must be sealed.
std::vector<OutputBuffer::Segment> OutputBuffer::detach_from(uint64_t position) {
  size_t size = static_cast<size_t>(this->position() - position);
  std::vector<Segment> tail;
  sealed_bytes_ -= size;
  while (size > 0) {
    Segment& last = segments_.back();
    const bool is_first = segments_.size() - 1 == first_;
    const size_t pending = last.size - (is_first ? first_consumed_bytes_ : 0);
    const size_t taken = std::min(size, pending);
    size -= taken;
    if (taken == last.size) {
      tail.push_back(std::move(last));
      segments_.pop_back();
      continue;
    }
    Segment part = last;
    if (part.chunk != nullptr) ++part.chunk->references;
    part.data += part.size - taken;
    part.size = taken;
    part.shared_bytes = 0;  // Counted by the half that stays.
    if (part.chunk == nullptr) {
      part.shared_bytes = taken;
      last.shared_bytes -= taken;
    }
    last.size -= taken;
    tail.push_back(std::move(part));
  }
  std::reverse(tail.begin(), tail.end());
  return tail;
}

void OutputBuffer::replace(uint64_t from, uint64_t to, std::string_view bytes) {
  require(consumed_ <= from && from <= to && to <= position(), "replace() outside of what is pending");
  seal();
  std::vector<Segment> tail = detach_from(to);
  drop_last(static_cast<size_t>(position() - from));
  append(bytes);
  attach(std::move(tail));
}

void OutputBuffer::insert(uint64_t at, OutputBuffer&& other) {
  require(consumed_ <= at && at <= position(), "insert() outside of what is pending");
  seal();
  std::vector<Segment> tail = detach_from(at);
  splice(std::move(other));
  attach(std::move(tail));
}

// The opposite of detach_from().
void OutputBuffer::attach(std::vector<Segment> tail) {
  seal();
  for (Segment& segment : tail) {
    sealed_bytes_ += segment.size;
    segments_.push_back(std::move(segment));
  }
}

void OutputBuffer::splice(OutputBuffer&& other) {
  require(this != &other, "splice() of a buffer into itself");
  const size_t size = other.size();
  if (other.sealed_bytes_ == 0 && size <= kSpliceCopyBytes) {
    append({other.open_, size});
    return other.consume(size);
  }
  seal();
  other.seal();
  Segment& head = other.segments_[other.first_];
  head.data += other.first_consumed_bytes_;
  head.size -= other.first_consumed_bytes_;
  segments_.insert(segments_.end(),
                   std::make_move_iterator(other.segments_.begin() + static_cast<ptrdiff_t>(other.first_)),
                   std::make_move_iterator(other.segments_.end()));
  // Every chunk goes along with its segments, the open one too, so that the two buffers share no count of
  // references.
  other.drop_chunk();
  sealed_bytes_ += std::exchange(other.sealed_bytes_, 0);
  chunk_bytes_ += std::exchange(other.chunk_bytes_, 0);
  shared_bytes_ += std::exchange(other.shared_bytes_, 0);
  other.consumed_ += size;
  other.first_consumed_bytes_ = 0;
  other.segments_.clear();
  other.first_ = 0;
  other.settle();
}

void OutputBuffer::shrink() {
  if (empty()) drop_chunk();
  if (segments_.empty()) segments_.shrink_to_fit();
}

}  // namespace starling::resp
