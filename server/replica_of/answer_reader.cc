#include "server/replica_of/answer_reader.h"

#include <algorithm>

#include "resp/number.h"

namespace starling::server {
namespace {

constexpr size_t kKeptBytes = 512;

}  // namespace

AnswerReader::Result AnswerReader::read(std::string_view* bytes) {
  if (values_ == 0) {
    values_ = 1;
    error_.clear();
  }
  while (!bytes->empty()) {
    if (skip_ != 0) {
      const size_t size = static_cast<size_t>(std::min<uint64_t>(skip_, bytes->size()));
      bytes->remove_prefix(size);
      skip_ -= size;
      if (skip_ == 0) --values_;
    } else if (type_ == 0) {
      type_ = bytes->front();
      bytes->remove_prefix(1);
      line_.clear();
    } else {
      const size_t end = bytes->find('\n');
      const std::string_view part = bytes->substr(0, end);
      line_.append(part.substr(0, kKeptBytes - std::min(kKeptBytes, line_.size())));
      if (end == std::string_view::npos) {
        *bytes = {};
        return Result::kMore;
      }
      bytes->remove_prefix(end + 1);
      if (line_.ends_with('\r')) line_.pop_back();
      if (!end_line()) return Result::kWrong;
      type_ = 0;
    }
    if (values_ == 0) return Result::kAnswer;
  }
  return Result::kMore;
}

// False: no line of RESP2.
bool AnswerReader::end_line() {
  constexpr int64_t kMostValues = 1 << 30;
  int64_t count = 0;
  switch (type_) {
    case '-':
      if (error_.empty()) error_ = line_;
      [[fallthrough]];
    case '+':
    case ':':
      --values_;
      return true;
    case '$':
      if (!resp::parse_integer(line_, &count) || count < -1) return false;
      if (count == -1) {
        --values_;
      } else {
        skip_ = static_cast<uint64_t>(count) + 2;
      }
      return true;
    case '*':
      if (!resp::parse_integer(line_, &count) || count < -1 || count > kMostValues) return false;
      values_ += static_cast<uint64_t>(std::max<int64_t>(count, 0));
      --values_;
      return true;
    default:
      return false;
  }
}

}  // namespace starling::server
