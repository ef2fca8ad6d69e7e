#include "resp/request_parser.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "resp/inline_request.h"
#include "resp/number.h"
#include "resp/require.h"

namespace starling::resp {
namespace {

constexpr size_t kFirstBufferBytes = 16 * 1024;
constexpr size_t kBusyBufferBytes = 64 * 1024;
// An empty buffer that grew beyond this, for a request of many arguments, goes back to kBusyBufferBytes.
constexpr size_t kKeptBufferBytes = 256 * 1024;
constexpr size_t kLeastReadBytes = 4 * 1024;
constexpr size_t kFirstBigBytes = 256 * 1024;
constexpr int64_t kUnauthenticatedArguments = 10;
constexpr int64_t kUnauthenticatedBulkBytes = 16384;
constexpr int64_t kNotANumber = INT64_MIN;  // Out of range wherever a header's number is looked at.

}  // namespace

void RequestParser::Free::operator()(char* memory) const {
  std::free(memory);
}

std::unique_ptr<char[]> Request::take_bulk(size_t i, size_t* size) {
  if (big_count_ == 0) return nullptr;
  i += dropped_;
  const auto begin = parser_->big_bulks_.begin() + static_cast<ptrdiff_t>(first_big_);
  const auto end = begin + static_cast<ptrdiff_t>(big_count_);
  const auto found = std::lower_bound(begin, end, i, [](const RequestParser::BigBulk& bulk, size_t argument) {
    return bulk.argument < argument;
  });
  if (found == end || found->argument != i || found->bytes == nullptr) return nullptr;
  parser_->big_bulks_bytes_ -= found->size;
  *size = found->size;
  return std::move(found->bytes);
}

void RequestParser::release() {
  arguments_.reset();
  if (handed_out_bigs_ == 0) return;
  const auto end = big_bulks_.begin() + static_cast<ptrdiff_t>(handed_out_bigs_);
  for (auto bulk = big_bulks_.begin(); bulk != end; ++bulk) {
    if (bulk->bytes != nullptr) big_bulks_bytes_ -= bulk->size;
  }
  big_bulks_.erase(big_bulks_.begin(), end);
  handed_out_bigs_ = 0;
}

// Moves what is not handed out yet to the begin of a buffer of `capacity`, which may be the present one.
void RequestParser::relocate(size_t capacity) {
  const size_t kept = filled_ - start_;
  const auto old_begin = reinterpret_cast<uintptr_t>(buffer_.get()) + start_;
  if (capacity == capacity_) {
    if (kept > 0) std::memmove(buffer_.get(), buffer_.get() + start_, kept);
  } else {
    std::unique_ptr<char, Free> buffer(capacity == 0 ? nullptr : static_cast<char*>(std::malloc(capacity)));
    require(buffer != nullptr || capacity == 0, "memory for a read buffer");
    if (kept > 0) std::memcpy(buffer.get(), buffer_.get() + start_, kept);
    buffer_ = std::move(buffer);
    capacity_ = capacity;
  }
  for (std::string_view& argument : arguments_.unfinished()) {
    const uintptr_t offset = reinterpret_cast<uintptr_t>(argument.data()) - old_begin;
    // Big bulks lie elsewhere.
    if (offset < kept) argument = {buffer_.get() + offset, argument.size()};
  }
  position_ -= start_;
  filled_ -= start_;
  start_ = 0;
}

std::span<char> RequestParser::prepare() {
  release();
  if (big_ != nullptr) {
    if (big_filled_ == big_capacity_) grow_big_bulk();
    return {big_.get() + big_filled_, big_capacity_ - big_filled_};
  }
  const size_t kept = filled_ - start_;
  const size_t wanted = filled_up_ ? kBusyBufferBytes : kFirstBufferBytes;
  if (capacity_ < wanted && kept <= wanted / 2) {
    relocate(wanted);
  } else if (kept == 0) {
    relocate(capacity_ > kKeptBufferBytes ? kBusyBufferBytes : capacity_);
  } else if (start_ > 0 && kept <= start_) {
    relocate(capacity_);  // Moves no more than what was consumed since the last time: linear in all.
  }
  if (capacity_ - filled_ < kLeastReadBytes) relocate(capacity_ * 2);
  return {buffer_.get() + filled_, capacity_ - filled_};
}

void RequestParser::commit(size_t size) {
  if (big_ != nullptr) {
    require(size <= big_capacity_ - big_filled_, "commit() of more than was prepared");
    big_filled_ += size;
  } else {
    require(size <= capacity_ - filled_, "commit() of more than was prepared");
    filled_ += size;
    filled_up_ = filled_ == capacity_;
  }
  buffered_ += size;
}

RequestParser::Status RequestParser::next(Request* request) {
  if (!error_.empty()) return Status::kError;
  Step step = Step::kDone;
  while (true) {
    if (remaining_arguments_ == 0) {
      start_ = position_;
      buffered_ = filled_ - position_;
      if (buffered_ == 0) return Status::kNeedMore;
      step = buffer_.get()[position_] == '*' ? read_count() : read_inline();
    }
    while (step == Step::kDone && remaining_arguments_ > 0) {
      if (bulk_bytes_ < 0) step = read_bulk_header();
      if (step == Step::kDone) step = read_bulk();
    }
    if (step == Step::kNeedMore) return Status::kNeedMore;
    if (step == Step::kError) return Status::kError;
    if (arguments_.unfinished_count() == 0) continue;
    hand_out(request);
    return Status::kRequest;
  }
}

void RequestParser::hand_out(Request* request) {
  start_ = position_;
  buffered_ = filled_ - position_;
  request->arguments = arguments_.finish();
  request->parser_ = this;
  request->first_big_ = handed_out_bigs_;
  request->big_count_ = big_bulks_.size() - handed_out_bigs_;
  handed_out_bigs_ = big_bulks_.size();
}

// Reads a line of one byte and a number. *number is kNotANumber if it is none; `too_big` is the error when
// the line does not end in time.
RequestParser::Step RequestParser::read_header(const char* too_big, char* type, int64_t* number) {
  const char* const begin = buffer_.get() + position_;
  const char* const end = buffer_.get() + filled_;
  const char* p = begin + 1;
  // Nearly always a few digits without anything odd.
  if (p < end && *p >= '1' && *p <= '9') {
    const char* const stop = std::min(end, p + 9);
    int64_t value = 0;
    while (p < stop && *p >= '0' && *p <= '9') value = value * 10 + (*p++ - '0');
    if (end - p >= 2 && *p == '\r') {
      *type = *begin;
      *number = value;
      position_ = static_cast<size_t>(p + 2 - buffer_.get());
      return Step::kDone;
    }
  }
  const size_t available = static_cast<size_t>(end - begin);
  // Not searching further makes the result independent of how the bytes were split.
  const size_t searched = std::min(available, limits_.max_inline_bytes + 1);
  const char* const line_end =
      searched == 0 ? nullptr : static_cast<const char*>(std::memchr(begin, '\r', searched));
  if (line_end == nullptr) return available > limits_.max_inline_bytes ? fail(too_big) : Step::kNeedMore;
  if (end - line_end < 2) return Step::kNeedMore;
  *type = *begin;
  // A line that starts with its CR has no type byte.
  const std::string_view text(begin + 1, line_end > begin ? static_cast<size_t>(line_end - begin - 1) : 0);
  if (!parse_integer(text, number)) *number = kNotANumber;
  position_ = static_cast<size_t>(line_end + 2 - buffer_.get());
  return Step::kDone;
}

RequestParser::Step RequestParser::read_count() {
  char type = 0;
  int64_t count = 0;
  const Step step = read_header("too big mbulk count string", &type, &count);
  if (step != Step::kDone) return step;
  if (count == kNotANumber || count > limits_.max_arguments) return fail("invalid multibulk length");
  if (count > kUnauthenticatedArguments && !limits_.authenticated)
    return fail("unauthenticated multibulk length");
  remaining_arguments_ = std::max<int64_t>(count, 0);
  return Step::kDone;
}

RequestParser::Step RequestParser::read_bulk_header() {
  char type = 0;
  int64_t size = 0;
  const Step step = read_header("too big bulk count string", &type, &size);
  if (step != Step::kDone) return step;
  if (type != '$') return fail(std::string("expected '$', got '") + type + "'");
  if (size < 0 || size > limits_.max_bulk_bytes) return fail("invalid bulk length");
  if (size > kUnauthenticatedBulkBytes && !limits_.authenticated) return fail("unauthenticated bulk length");
  bulk_bytes_ = size;
  return Step::kDone;
}

RequestParser::Step RequestParser::read_bulk() {
  const size_t size = static_cast<size_t>(bulk_bytes_);
  if (big_ == nullptr) {
    if (filled_ - position_ < size + 2) {
      if (size >= kBigBulkBytes) start_big_bulk();
      return Step::kNeedMore;
    }
    arguments_.add({buffer_.get() + position_, size});
    position_ += size + 2;
  } else {
    if (big_filled_ < size + 2) return Step::kNeedMore;
    finish_big_bulk();
  }
  bulk_bytes_ = -1;
  --remaining_arguments_;
  return Step::kDone;
}

// Moves what arrived of the bulk, which is all that is left in the buffer, to an allocation of its own.
void RequestParser::start_big_bulk() {
  const size_t arrived = filled_ - position_;
  big_capacity_ = std::min(static_cast<size_t>(bulk_bytes_) + 2, std::max(kFirstBigBytes, arrived * 2));
  big_.reset(new char[big_capacity_]);
  if (arrived > 0) std::memcpy(big_.get(), buffer_.get() + position_, arrived);
  big_filled_ = arrived;
  filled_ = position_;
}

void RequestParser::grow_big_bulk() {
  big_capacity_ = std::min(static_cast<size_t>(bulk_bytes_) + 2, big_capacity_ * 4);
  std::unique_ptr<char[]> larger(new char[big_capacity_]);
  std::memcpy(larger.get(), big_.get(), big_filled_);
  big_ = std::move(larger);
}

void RequestParser::finish_big_bulk() {
  const size_t size = static_cast<size_t>(bulk_bytes_);
  const size_t index = arguments_.unfinished_count();
  arguments_.add({big_.get(), size});
  big_bulks_.push_back({index, std::move(big_), size});
  big_bulks_bytes_ += size;
  big_capacity_ = big_filled_ = 0;
}

RequestParser::Step RequestParser::read_inline() {
  char* const begin = buffer_.get() + position_;
  const size_t available = filled_ - position_;
  const size_t searched = std::min(available, limits_.max_inline_bytes + 1);
  char* const line_end = static_cast<char*>(std::memchr(begin, '\n', searched));
  if (line_end == nullptr) {
    return available > limits_.max_inline_bytes ? fail("too big inline request") : Step::kNeedMore;
  }
  position_ += static_cast<size_t>(line_end + 1 - begin);
  size_t size = static_cast<size_t>(line_end - begin);
  if (size > 0 && begin[size - 1] == '\r') --size;
  if (!split_inline({begin, size}, &arguments_)) return fail("unbalanced quotes in request");
  return Step::kDone;
}

RequestParser::Step RequestParser::fail(std::string_view text) {
  error_ = "ERR Protocol error: ";
  error_ += text;
  return Step::kError;
}

size_t RequestParser::memory_bytes() const {
  return capacity_ + big_capacity_ + big_bulks_bytes_ + arguments_.memory_bytes() +
         big_bulks_.capacity() * sizeof(BigBulk);
}

void RequestParser::shrink() {
  release();
  arguments_.shrink();
  if (big_bulks_.empty()) big_bulks_.shrink_to_fit();
  filled_up_ = false;
  const size_t kept = filled_ - start_;
  if (kept == 0) {
    relocate(0);
  } else if (kept * 4 < capacity_ && capacity_ > kFirstBufferBytes) {
    relocate(std::max(kFirstBufferBytes, kept * 2));
  }
}

}  // namespace starling::resp
