#include "server/cluster/scan_walk.h"

#include <charconv>

#include "engine/base/key.h"
#include "server/cluster/fan_out.h"
#include "server/execute/command_table.h"

namespace starling::server {
namespace {

// As engine/node/scanner.h makes them: the partition stands above so many bits.
constexpr int kPositionBits = 39;
constexpr int kMaxStretches = 64;
constexpr uint64_t kDefaultCount = 10;

uint64_t count_of(Arguments arguments) {
  uint64_t count = kDefaultCount;
  for (size_t i = 2; i + 1 < arguments.size(); i += 2) {
    if (!equals_ignoring_case(arguments[i], "count")) continue;
    const std::string_view text = arguments[i + 1];
    uint64_t value = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc() && value > 0)
      count = value;
  }
  return count;
}

}  // namespace

ScanWalk::ScanWalk(Arguments arguments, uint64_t cursor)
    : arguments_(arguments.begin(), arguments.end()), cursor_(cursor), count_(count_of(arguments)) {}

uint32_t ScanWalk::partition() const {
  return static_cast<uint32_t>(cursor_ >> kPositionBits);
}

std::vector<std::string> ScanWalk::request(uint32_t end) {
  end_ = end;
  ++stretches_;
  std::vector<std::string> request = arguments_;
  request[1] = std::to_string(cursor_);
  // Of an option that is given twice the last one counts.
  if (names_ > 0) {
    request.push_back("COUNT");
    request.push_back(std::to_string(count_ - names_));
  }
  return request;
}

bool ScanWalk::take(std::string_view reply) {
  std::vector<std::string_view> halves, names;
  std::string_view text;
  if (!split_array(reply, &halves) || halves.size() != 2 || !read_bulk(halves[0], &text) ||
      !split_array(halves[1], &names)) {
    return false;
  }
  uint64_t next = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), next).ec != std::errc()) return false;
  const uint64_t end = uint64_t{end_} << kPositionBits;
  filled_ = next != 0 && next < end;
  cursor_ = filled_ ? next : end_ == engine::kPartitionCount ? 0 : end;
  names_ += names.size();
  for (const std::string_view name : names) elements_ += name;
  return true;
}

bool ScanWalk::done() const {
  return cursor_ == 0 || filled_ || names_ >= count_ || stretches_ >= kMaxStretches;
}

std::string ScanWalk::reply() const {
  const std::string cursor = std::to_string(cursor_);
  return "*2\r\n$" + std::to_string(cursor.size()) + "\r\n" + cursor + "\r\n*" + std::to_string(names_) +
         "\r\n" + elements_;
}

}  // namespace starling::server
