#include "histories/checkers/checkers.h"

namespace starling::histories {
namespace {

std::string milliseconds(Time time) {
  return std::to_string(time / 1000) + " ms";
}

}  // namespace

Violations check_expiry(const History& history, Time margin) {
  Violations all;
  for (const auto& one : by_key(history, {Kind::kExpiring, Kind::kRead, Kind::kRemaining})) {
    const auto& key = one.first;
    const auto& operations = one.second;
    size_t write = history.size();
    for (const size_t i : operations) {
      if (history[i].kind == Kind::kExpiring) write = i;
    }
    if (write == history.size() || history[write].outcome == Outcome::kRefused) continue;
    const Operation& put = history[write];
    // It dies between the two. Of a write without a good answer only the second is known, and that only if it was
    // answered at all.
    const Time earliest = put.began + put.number * 1000 - margin;
    const Time latest = put.ended == kNever ? kNever : put.ended + put.number * 1000 + margin;
    const auto report = [&](const std::string& what, size_t i) {
      all.push_back({key + ": " + what, {write, i}});
    };
    for (const size_t i : operations) {
      const Operation& read = history[i];
      if (!read.done() || read.kind == Kind::kExpiring) continue;
      const bool gone = read.kind == Kind::kRead ? !read.returned : read.number < 0;
      if (gone && put.done() && read.began > put.ended && read.ended < earliest) {
        report("gone " + milliseconds(earliest + margin - read.ended) + " before its time", i);
      } else if (!gone && read.began > latest) {
        report("there " + milliseconds(read.began - latest + margin) + " after its time", i);
      } else if (!gone && read.kind == Kind::kRemaining) {
        const Time told = read.number * 1000;
        if (put.done() && told < earliest - read.ended)
          report("said to live " + milliseconds(earliest - read.ended - told + margin) + " too short", i);
        if (latest != kNever && told > latest - read.began)
          report("said to live " + milliseconds(told - (latest - read.began) + margin) + " too long", i);
      }
    }
  }
  return all;
}

}  // namespace starling::histories
