#include "server/rdb/rdb_extent.h"

#include "server/rdb/rdb_strings.h"

namespace starling::server {
namespace {

using Result = RdbExtent::Result;

// A length at the front: its value and how many bytes it takes.
Result read_length(std::string_view bytes, uint64_t* value, size_t* size) {
  if (bytes.empty()) return Result::kMore;
  const auto first = static_cast<uint8_t>(bytes[0]);
  if (first >= 0x80 && first != 0x80 && first != 0x81) return Result::kWrong;
  *size = first < 0x40 ? 1 : first < 0x80 ? 2 : first == 0x80 ? 5 : 9;
  if (bytes.size() < *size) return Result::kMore;
  RdbReader reader(bytes.substr(0, *size));
  return reader.number(value) ? Result::kWhole : Result::kWrong;
}

// A string at the front: the bytes before and of its text.
Result read_string_size(std::string_view bytes, uint64_t* head, uint64_t* text) {
  constexpr uint8_t kInteger8 = 0xc0, kInteger32 = 0xc2, kCompressed = 0xc3;
  if (bytes.empty()) return Result::kMore;
  const auto first = static_cast<uint8_t>(bytes[0]);
  size_t size = 0;
  if (first < kInteger8) {
    const Result result = read_length(bytes, text, &size);
    *head = size;
    return result;
  }
  *head = 1;
  if (first <= kInteger32) {
    *text = uint64_t{1} << (first - kInteger8);
    return Result::kWhole;
  }
  if (first != kCompressed) return Result::kWrong;
  uint64_t plain = 0;
  if (const Result result = read_length(bytes.substr(1), text, &size); result != Result::kWhole)
    return result;
  *head += size;
  if (const Result result = read_length(bytes.substr(*head), &plain, &size); result != Result::kWhole)
    return result;
  *head += size;
  return Result::kWhole;
}

}  // namespace

void RdbExtent::begin(std::string_view shape) {
  shape_ = shape;
  step_ = position_ = 0;
  repeats_.clear();
  module_part_ = 0;
}

RdbExtent::Result RdbExtent::advance(std::string_view bytes) {
  while (step_ < shape_.size()) {
    const Result result = take(shape_[step_], bytes.substr(position_));
    if (result != Result::kWhole) return result;
  }
  return Result::kWhole;
}

RdbExtent::Result RdbExtent::take(char element, std::string_view bytes) {
  uint64_t number = 0;
  size_t size = 0;
  Result result = Result::kWhole;
  switch (element) {
    case '(':
      return enter_repeat(bytes);
    case ')':
      leave_repeat();
      return Result::kWhole;
    case 'm':
      return take_module_part(bytes);
    case 's':
      result = take_string(bytes);
      break;
    case 'l':
      result = read_length(bytes, &number, &size);
      if (result == Result::kWhole) position_ += size;
      break;
    case 'f':
      if (bytes.empty()) return Result::kMore;
      size = static_cast<uint8_t>(bytes[0]);
      result = take_bytes(size < 253 ? 1 + size : 1, bytes);
      break;
    default:
      result = take_bytes(element == 'b' ? 1 : element == 'w' ? 4 : element == 'd' ? 8 : 16, bytes);
  }
  if (result == Result::kWhole) ++step_;
  return result;
}

RdbExtent::Result RdbExtent::take_bytes(uint64_t size, std::string_view bytes) {
  if (bytes.size() < size) return Result::kMore;
  position_ += static_cast<size_t>(size);
  return Result::kWhole;
}

RdbExtent::Result RdbExtent::take_string(std::string_view bytes) {
  uint64_t head = 0, text = 0;
  const Result result = read_string_size(bytes, &head, &text);
  if (result != Result::kWhole) return result;
  if (text > largest_string_) return Result::kTooLarge;
  return take_bytes(head + text, bytes);
}

RdbExtent::Result RdbExtent::enter_repeat(std::string_view bytes) {
  uint64_t count = 0;
  size_t size = 0;
  const Result result = read_length(bytes, &count, &size);
  if (result != Result::kWhole) return result;
  position_ += size;
  ++step_;
  if (count != 0) {
    repeats_.push_back({step_, count});
    return Result::kWhole;
  }
  for (int open = 1; open > 0; ++step_) open += shape_[step_] == '(' ? 1 : shape_[step_] == ')' ? -1 : 0;
  return Result::kWhole;
}

void RdbExtent::leave_repeat() {
  Repeat& repeat = repeats_.back();
  if (--repeat.left != 0) {
    step_ = repeat.body;
    return;
  }
  repeats_.pop_back();
  ++step_;
}

RdbExtent::Result RdbExtent::take_module_part(std::string_view bytes) {
  constexpr std::string_view kParts = "?llwds";  // By their number; the first ends it.
  uint64_t kind = 0;
  size_t size = 0;
  if (module_part_ == 0) {
    const Result result = read_length(bytes, &kind, &size);
    if (result != Result::kWhole) return result;
    if (kind >= kParts.size()) return Result::kWrong;
    position_ += size;
    if (kind == 0) {
      ++step_;
    } else {
      module_part_ = kParts[kind];
    }
    return Result::kWhole;
  }
  const size_t step = step_;
  const Result result = take(module_part_, bytes);
  step_ = step;
  if (result == Result::kWhole) module_part_ = 0;
  return result;
}

}  // namespace starling::server
