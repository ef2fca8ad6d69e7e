// Finds where replies end in a stream of bytes, without looking at what they say: for passing a peer's
// replies on.
//
//   reply     := line | bulk | aggregate
//   line      := ('+' | '-' | ':' | ',' | '#' | '(' | '_') byte* CRLF
//   bulk      := ('$' | '=' | '!') count CRLF [byte{count} CRLF]            count -1: null, nothing follows
//   aggregate := ('*' | '~' | '>') count CRLF reply{count}                  count -1: null
//              | '%' count CRLF reply{2 count}
//              | '|' count CRLF reply{2 count} reply                        attributes before what they describe
//
// Bytes may come in any pieces; each byte is looked at once, and those of bulks not at all. Nothing is
// buffered but the digits of a count. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace starling::resp {

class ReplyScanner {
 public:
  enum class Result { kComplete, kMore, kMalformed };

  // Takes bytes off the front of `bytes`, up to the end of one reply at most; *used says how many. After
  // kComplete the next call begins the next reply. After kMalformed the stream is lost.
  Result scan(std::string_view bytes, size_t* used);
  // True when no reply has begun.
  bool idle() const { return !begun_; }

 private:
  enum class State : uint8_t { kType, kLine, kLineEnd, kCount, kCountEnd, kBulk };
  bool begin_value(char type);
  bool end_count();

  State state_ = State::kType;
  char type_ = 0;
  bool negative_ = false;
  bool has_digits_ = false;
  bool begun_ = false;
  uint64_t count_ = 0;
  uint64_t skip_ = 0;  // Bytes of a bulk still to come, CRLF included.
  uint64_t open_ = 1;  // Values still to come until the reply ends.
};

}  // namespace starling::resp
