// Reads the answers to one's own commands, as RESP2, for nothing but whether there is an error in them, at whatever
// depth: EXEC's answer is the answers to what it ran.
//
// Bytes may come in any pieces. Nothing is kept but the first bytes of an error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace starling::server {

class AnswerReader {
 public:
  enum class Result { kAnswer, kMore, kWrong };

  // Takes bytes off the front, up to the end of one answer at most. After kAnswer error() is about that one; after
  // kWrong the connection is of no more use.
  [[nodiscard]] Result read(std::string_view* bytes);
  // Without its dash; empty: there is none.
  const std::string& error() const { return error_; }

 private:
  bool end_line();

  char type_ = 0;        // 0: a value begins.
  std::string line_;     // Behind the type.
  uint64_t skip_ = 0;    // Bytes of a string that are still to come.
  uint64_t values_ = 0;  // Still to come, until the answer is whole. 0: none has begun.
  std::string error_;
};

}  // namespace starling::server
