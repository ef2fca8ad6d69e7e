// The bytes waiting to be sent to one connection.
//
// A queue of segments: ranges of chunks that the buffer owns, and references to memory that others keep
// alive, so that a big value goes from the store to the socket without a copy. Small outputs reuse one chunk
// and allocate nothing.
//
//   consumed | segments_ (sealed) ............. | open range of chunk_ | free rest of chunk_
//            ^consumed_                         ^open_                 ^cursor_             ^limit_
//
// Positions are absolute: the count of bytes ever appended before a point, so they stay meaningful across
// consume(). One thread at a time. The memory that gather() points at stays where it is until consumed,
// whatever is appended meanwhile; bytes handed to an asynchronous write must be neither truncated nor
// replaced.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace starling::resp {

class OutputBuffer {
 public:
  // Shared views shorter than this are copied: that costs less than the bookkeeping of a reference.
  static constexpr size_t kCopyBelowBytes = 256;

  OutputBuffer() = default;
  ~OutputBuffer();
  OutputBuffer(const OutputBuffer&) = delete;
  OutputBuffer& operator=(const OutputBuffer&) = delete;

  void append(std::string_view bytes) {
    if (bytes.size() < static_cast<size_t>(limit_ - cursor_)) [[likely]] {
      if (!bytes.empty()) std::memcpy(cursor_, bytes.data(), bytes.size());
      cursor_ += bytes.size();
    } else {
      append_across_chunks(bytes);
    }
  }
  // References `bytes`, which must not change while `keep_alive` (or a copy of it) exists.
  void append_shared(std::shared_ptr<const void> keep_alive, std::string_view bytes);

  // Room for `size` contiguous bytes (meant for at most a few KiB). Write there, then advance(end of what was
  // written); nothing else may be called in between.
  char* reserve(size_t size) {
    if (size > static_cast<size_t>(limit_ - cursor_)) [[unlikely]]
      new_chunk(size);
    return cursor_;
  }
  void advance(char* end) { cursor_ = end; }

  // Bytes pending.
  size_t size() const { return sealed_bytes_ + static_cast<size_t>(cursor_ - open_); }
  bool empty() const { return size() == 0; }
  // The end of what was appended so far. replace() moves it by the difference in length.
  uint64_t position() const { return consumed_ + size(); }
  // The position of the first pending byte.
  uint64_t consumed_position() const { return consumed_; }
  // The memory held: chunks with their free space, referenced bytes, bookkeeping.
  size_t memory_bytes() const;

  // Fills at most `max` entries with the first pending bytes and returns how many entries were filled.
  size_t gather(struct iovec* vectors, size_t max) const;
  // Drops the first `size` pending bytes, after they were sent. size <= size().
  void consume(size_t size);

  // Forgets everything from `position` on. consumed_position() <= position <= position().
  void truncate_to(uint64_t position);
  // Puts `bytes` in the place of [from, to). What follows moves, so replace several ranges from the last to
  // the first. consumed_position() <= from <= to <= position(). A slow path.
  void replace(uint64_t from, uint64_t to, std::string_view bytes);
  // Moves all of `other`'s pending bytes to `at`; what follows moves. consumed_position() <= at <=
  // position(). A slow path.
  void insert(uint64_t at, OutputBuffer&& other);
  // Moves all of `other`'s pending bytes to the end of this; `other` is left empty and usable, sharing
  // nothing.
  void splice(OutputBuffer&& other);
  // Gives back the memory kept for reuse. For idle connections.
  void shrink();

 private:
  struct Chunk {
    size_t capacity;
    size_t references;  // By segments, and by chunk_. All of them in one OutputBuffer.
    char* data() { return reinterpret_cast<char*>(this + 1); }
  };
  struct Segment {
    const char* data;
    size_t size;
    Chunk* chunk;  // Null when shared.
    std::shared_ptr<const void> keep_alive;
    size_t shared_bytes;  // What it counts for in shared_bytes_.
  };

  void append_across_chunks(std::string_view bytes);
  void new_chunk(size_t least_bytes);
  void unreference(Chunk* chunk);
  void drop_chunk();
  void seal();
  void release(Segment* segment);
  void drop_last(size_t size);
  void settle();
  std::vector<Segment> detach_from(uint64_t position);
  void attach(std::vector<Segment> tail);

  char* cursor_ = nullptr;
  char* limit_ = nullptr;
  char* open_ = nullptr;
  size_t sealed_bytes_ = 0;  // Pending bytes in segments_.
  uint64_t consumed_ = 0;
  Chunk* chunk_ = nullptr;         // Where cursor_ writes.
  std::vector<Segment> segments_;  // Those before first_ are consumed already.
  size_t first_ = 0;
  size_t first_consumed_bytes_ = 0;  // Of segments_[first_].
  size_t chunk_bytes_ = 0;
  size_t shared_bytes_ = 0;
};

}  // namespace starling::resp
