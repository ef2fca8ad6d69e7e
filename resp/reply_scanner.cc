#include "resp/reply_scanner.h"

#include <algorithm>
#include <cstring>

namespace starling::resp {
namespace {

// No count that a server sends comes near; more would overflow.
constexpr uint64_t kLargestCount = uint64_t{1} << 40;

}  // namespace

bool ReplyScanner::begin_value(char type) {
  type_ = type;
  switch (type) {
    case '+':
    case '-':
    case ':':
    case ',':
    case '#':
    case '(':
    case '_':
      state_ = State::kLine;
      return true;
    case '$':
    case '=':
    case '!':
    case '*':
    case '~':
    case '>':
    case '%':
    case '|':
      state_ = State::kCount;
      count_ = 0;
      negative_ = has_digits_ = false;
      return true;
    default:
      return false;
  }
}

// The count is known: what follows?
bool ReplyScanner::end_count() {
  if (!has_digits_ || (negative_ && count_ != 1)) return false;
  state_ = State::kType;
  const bool bulk = type_ == '$' || type_ == '=' || type_ == '!';
  if (negative_) {
    if (type_ == '%' || type_ == '|') return false;
    --open_;
  } else if (bulk) {
    state_ = State::kBulk;
    skip_ = count_ + 2;
  } else if (type_ == '|') {
    open_ += 2 * count_;
  } else {
    open_ += (type_ == '%' ? 2 * count_ : count_) - 1;
  }
  return open_ <= kLargestCount;
}

ReplyScanner::Result ReplyScanner::scan(std::string_view bytes, size_t* used) {
  size_t i = 0;
  while (i < bytes.size() && open_ > 0) {
    const char c = bytes[i];
    switch (state_) {
      case State::kType:
        if (!begin_value(c)) return Result::kMalformed;
        ++i;
        break;
      case State::kLine: {
        const void* end = std::memchr(bytes.data() + i, '\r', bytes.size() - i);
        if (end == nullptr) {
          i = bytes.size();
          break;
        }
        i = static_cast<size_t>(static_cast<const char*>(end) - bytes.data()) + 1;
        state_ = State::kLineEnd;
        break;
      }
      case State::kLineEnd:
        if (c != '\n') return Result::kMalformed;
        ++i;
        --open_;
        state_ = State::kType;
        break;
      case State::kCount:
        ++i;
        if (c == '\r') {
          state_ = State::kCountEnd;
        } else if (c == '-' && !negative_ && !has_digits_) {
          negative_ = true;
        } else if (c >= '0' && c <= '9' && count_ < kLargestCount) {
          count_ = count_ * 10 + static_cast<uint64_t>(c - '0');
          has_digits_ = true;
        } else {
          return Result::kMalformed;
        }
        break;
      case State::kCountEnd:
        if (c != '\n' || !end_count()) return Result::kMalformed;
        ++i;
        break;
      case State::kBulk: {
        const uint64_t taken = std::min<uint64_t>(skip_, bytes.size() - i);
        skip_ -= taken;
        i += taken;
        if (skip_ > 0) break;
        --open_;
        state_ = State::kType;
        break;
      }
    }
  }
  *used = i;
  if (i > 0) begun_ = true;
  if (open_ > 0) return Result::kMore;
  open_ = 1;
  begun_ = false;
  return Result::kComplete;
}

}  // namespace starling::resp
