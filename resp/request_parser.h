// Turns the bytes of a connection into requests, as they come.
//
//   request   = multibulk | inline
//   multibulk = "*" count CRLF count*( "$" length CRLF length*byte 2*byte )   the two bytes are CRLF, not
//   checked inline    = [ argument *( space argument ) ] [CR] LF                      first byte not "*"
//   argument  = 1*plain | *plain ( """ *( escape | byte ) """ | "'" *( "\'" | byte ) "'" )
//   escape    = "\x" 2hex | "\n" | "\r" | "\t" | "\b" | "\a" | "\" byte
//
// A count of zero or less, and an empty inline line, are no request and are skipped.
//
// Reading:  span = prepare(); n = read(fd, span); commit(n); while (next(&request) == kRequest) ...
// All requests that arrived may be taken before the first is executed. While `authenticated` is false execute
// each one before asking for the next: AUTH changes what the next may be. One thread at a time.
//
// Memory follows what arrived, never what was announced: buffers double as bytes come. A bulk of at least
// kBigBulkBytes that has not arrived whole is read straight into an allocation of its own, which take_bulk()
// hands over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "resp/argument_arena.h"

namespace starling::resp {

struct ParserLimits {
  int64_t max_bulk_bytes = int64_t{512} * 1024 * 1024;
  int64_t max_arguments = 1024 * 1024;
  size_t max_inline_bytes = 64 * 1024;  // Also of a header line.
  bool authenticated = true;            // If not: at most 10 arguments of at most 16384 bytes.
};

class RequestParser;

// One request. Valid, with its views, until the parser's release(), prepare() or shrink().
class Request {
 public:
  // Never empty when next() filled it in; [0] is the command's name as sent.
  std::span<const std::string_view> arguments;

  // If argument i lies in an allocation of its own, hands that over and sets *size to the argument's length;
  // the array is two bytes longer. The view stays valid as long as the array. Else returns null: copy the
  // argument.
  [[nodiscard]] std::unique_ptr<char[]> take_bulk(size_t i, size_t* size);
  // Forgets the first `count` arguments, fewer than there are: what is behind a prefix becomes the request.
  void drop_front(size_t count) {
    arguments = arguments.subspan(count);
    dropped_ += count;
  }

 private:
  friend class RequestParser;
  RequestParser* parser_ = nullptr;
  size_t first_big_ = 0;  // In the parser's big_bulks_.
  size_t big_count_ = 0;
  size_t dropped_ = 0;
};

class RequestParser {
 public:
  enum class Status {
    kRequest,   // One was filled in.
    kNeedMore,  // Nothing complete: read on.
    kError,     // The connection must be closed after error() was sent. Stays so.
  };
  static constexpr size_t kBigBulkBytes = 32 * 1024;

  explicit RequestParser(const ParserLimits& limits = {}) : limits_(limits) {}
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  const ParserLimits& limits() const { return limits_; }
  void set_limits(const ParserLimits& limits) { limits_ = limits; }
  void set_authenticated(bool authenticated) { limits_.authenticated = authenticated; }

  // Where to read to; never empty. Implies release(). Usually 4-64 KiB; for a big bulk the rest of its own
  // buffer.
  std::span<char> prepare();
  // `size` bytes were read to the span of the last prepare().
  void commit(size_t size);
  [[nodiscard]] Status next(Request* request);
  // The requests handed out so far are no longer needed. What is not parsed yet stays.
  void release();
  // After kError: the error reply without dash and CRLF, "ERR Protocol error: ...".
  std::string_view error() const { return error_; }

  // Bytes that arrived and belong to no request handed out.
  size_t buffered() const { return buffered_; }
  // All that is held, including bulks of requests not released yet.
  size_t memory_bytes() const;
  // Implies release(), and gives back free memory. For idle connections.
  void shrink();

 private:
  friend class Request;
  enum class Step { kDone, kNeedMore, kError };
  struct BigBulk {
    size_t argument;  // Its index in the request.
    std::unique_ptr<char[]> bytes;
    size_t size;
  };
  struct Free {
    void operator()(char* memory) const;
  };

  Step read_header(const char* too_big, char* type, int64_t* number);
  Step read_count();
  Step read_bulk_header();
  Step read_bulk();
  Step read_inline();
  void start_big_bulk();
  void finish_big_bulk();
  void grow_big_bulk();
  void relocate(size_t capacity);
  void hand_out(Request* request);
  Step fail(std::string_view text);

  ParserLimits limits_;
  // [0, start_) belongs to requests handed out or skipped, [start_, position_) is parsed, [position_,
  // filled_) not yet.
  std::unique_ptr<char, Free> buffer_;
  size_t capacity_ = 0;
  size_t start_ = 0;
  size_t position_ = 0;
  size_t filled_ = 0;
  size_t buffered_ = 0;
  bool filled_up_ = false;  // The last read took all the room: more is waiting, offer more.

  int64_t remaining_arguments_ = 0;  // Of the multibulk request being parsed.
  int64_t bulk_bytes_ = -1;          // Of the bulk being read; -1: its header is next.
  ArgumentArena arguments_;

  // The big bulk being read, if any: bulk_bytes_ and CRLF.
  std::unique_ptr<char[]> big_;
  size_t big_capacity_ = 0;
  size_t big_filled_ = 0;
  std::vector<BigBulk> big_bulks_;  // Complete ones, in order.
  size_t handed_out_bigs_ = 0;      // How many of big_bulks_ belong to requests handed out.
  size_t big_bulks_bytes_ = 0;

  std::string error_;
};

}  // namespace starling::resp
