#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "histories/checkers/checkers.h"

namespace starling::histories {
namespace {

using Value = std::optional<std::string>;
constexpr size_t kNobody = static_cast<size_t>(-1);

std::string shown(const Value& value) {
  return value ? "\"" + *value + "\"" : "nothing";
}

// The greatest `bound` among those that ended before a time, and whose it is.
class LatestBefore {
 public:
  void add(Time ended, Time bound, size_t operation) { entries_.emplace_back(ended, bound, operation); }
  void close() {
    std::sort(entries_.begin(), entries_.end());
    for (size_t i = 1; i < entries_.size(); ++i) {
      auto& [ended, bound, operation] = entries_[i];
      const auto& [ended_before, greatest, of] = entries_[i - 1];
      if (greatest > bound) bound = greatest, operation = of;
    }
  }
  // {kNever's opposite, kNobody} when there is none.
  std::pair<Time, size_t> before(Time at) const {
    const auto found =
        std::lower_bound(entries_.begin(), entries_.end(), std::tuple<Time, Time, size_t>(at, -kNever, 0));
    if (found == entries_.begin()) return {-kNever, kNobody};
    return {std::get<1>(*(found - 1)), std::get<2>(*(found - 1))};
  }

 private:
  std::vector<std::tuple<Time, Time, size_t>> entries_;
};

// Those who may have put a value.
struct Writers {
  // (began, the latest end of all that began no later, whose end), by begin.
  std::vector<std::tuple<Time, Time, size_t>> by_begin;
  size_t refused = kNobody;

  void close() {
    std::sort(by_begin.begin(), by_begin.end());
    for (size_t i = 1; i < by_begin.size(); ++i) {
      auto& [began, end, operation] = by_begin[i];
      const auto& [began_before, latest, of] = by_begin[i - 1];
      if (latest > end) end = latest, operation = of;
    }
  }
};

class Register {
 public:
  Register(const History& history, const std::vector<size_t>& operations) : history_(history) {
    // Before all of them there was nothing.
    writers_[std::nullopt].by_begin.emplace_back(-kNever, -kNever, kNobody);
    for (const size_t i : operations) add(i);
    for (auto& [value, writers] : writers_) writers.close();
    written_.close();
    for (const size_t i : reads_) {
      const auto found = writers_.find(history_[i].returned);
      if (found == writers_.end() || found->second.by_begin.empty()) continue;
      const auto& [began, end, of] = found->second.by_begin.front();
      read_.add(history_[i].ended, began, i);
    }
    read_.close();
  }

  Violations check() {
    for (const size_t i : reads_) check_read(i);
    check_to_and_fro();
    return std::move(violations_);
  }

 private:
  void add(size_t i) {
    const Operation& operation = history_[i];
    if (operation.kind != Kind::kWrite && operation.done()) reads_.push_back(i);
    if (operation.kind == Kind::kRead) return;
    Writers& writers = writers_[operation.put];
    if (operation.outcome == Outcome::kRefused) {
      writers.refused = i;
      return;
    }
    writers.by_begin.emplace_back(operation.began, operation.ended, i);
    if (operation.done()) written_.add(operation.ended, operation.began, i);
  }

  void check_read(size_t i) {
    const Operation& read = history_[i];
    const auto found = writers_.find(read.returned);
    if (found == writers_.end()) return report("read what nobody put", {i});
    const Writers& writers = found->second;
    const auto after = std::upper_bound(writers.by_begin.begin(), writers.by_begin.end(),
                                        std::tuple<Time, Time, size_t>(read.ended, kNever, kNobody));
    if (after == writers.by_begin.begin()) {
      if (writers.refused != kNobody)
        return report("read what was said not to be done", {writers.refused, i});
      return report("read what was put later", {i});
    }
    const auto& [began, end, writer] = *(after - 1);
    if (const auto [bound, other] = written_.before(read.began); bound > end) {
      report("read " + shown(read.returned) + ", but " + shown(history_[other].put) +
                 " was put after that was answered, and acknowledged before the read" + late(writer),
             {writer, other, i});
    } else if (const auto [shown_bound, earlier] = read_.before(read.began); shown_bound > end) {
      report("read " + shown(read.returned) + " after a read had returned " +
                 shown(history_[earlier].returned) + ", which was put later" + late(writer),
             {writer, earlier, i});
    }
  }

  // A value that was put once, read before and after another one.
  void check_to_and_fro() {
    std::map<Value, std::pair<Time, Time>> spans;  // Of a value's reads: the first end, the last begin.
    for (const size_t i : reads_) {
      auto [span, fresh] = spans.try_emplace(history_[i].returned, kNever, -kNever);
      span->second.first = std::min(span->second.first, history_[i].ended);
      span->second.second = std::max(span->second.second, history_[i].began);
    }
    // reads_ is ordered by begin. From each on, the two that ended first and returned different values.
    struct Two {
      size_t first = kNobody, second = kNobody;
    };
    std::vector<Two> from(reads_.size() + 1);
    for (size_t k = reads_.size(); k-- > 0;) {
      Two two = from[k + 1];
      const size_t i = reads_[k];
      if (two.first == kNobody || history_[i].ended <= history_[two.first].ended) {
        if (two.first != kNobody && history_[two.first].returned != history_[i].returned)
          two.second = two.first;
        two.first = i;
      } else if (history_[i].returned != history_[two.first].returned &&
                 (two.second == kNobody || history_[i].ended < history_[two.second].ended)) {
        two.second = i;
      }
      from[k] = two;
    }
    for (const auto& [value, span] : spans) {
      const auto writers = writers_.find(value);
      if (!value || writers == writers_.end() || writers->second.by_begin.size() != 1) continue;
      const auto next = std::upper_bound(reads_.begin(), reads_.end(), span.first,
                                         [&](Time at, size_t i) { return at < history_[i].began; });
      const Two& two = from[static_cast<size_t>(next - reads_.begin())];
      const size_t between =
          two.first != kNobody && history_[two.first].returned == value ? two.second : two.first;
      if (between == kNobody || history_[between].ended >= span.second) continue;
      Violation violation{"read " + shown(value) + ", then " + shown(history_[between].returned) + ", then " +
                              shown(value) + " again",
                          {std::get<2>(writers->second.by_begin.front()), between}};
      for (const size_t i : reads_) {
        if (history_[i].returned != value) continue;
        if (history_[i].ended == span.first || history_[i].began == span.second)
          violation.operations.push_back(i);
      }
      violations_.push_back(std::move(violation));
    }
  }

  std::string late(size_t writer) const {
    if (writer == kNobody || history_[writer].outcome != Outcome::kUnknown) return "";
    return "; its own answer was an error";
  }

  // Told once of what was put, however often it is read.
  void report(std::string what, std::vector<size_t> operations) {
    const std::vector<size_t> cause(operations.begin(), operations.end() - 1);
    if (!cause.empty() && !reported_.insert(cause).second) return;
    std::erase(operations, kNobody);
    violations_.push_back({std::move(what), std::move(operations)});
  }

  const History& history_;
  std::map<Value, Writers> writers_;
  std::vector<size_t> reads_;
  LatestBefore written_, read_;
  std::set<std::vector<size_t>> reported_;
  Violations violations_;
};

}  // namespace

Violations check_registers(const History& history) {
  Violations all;
  for (const auto& [key, operations] : by_key(history, {Kind::kWrite, Kind::kRead, Kind::kExchange})) {
    for (Violation& violation : Register(history, operations).check()) {
      violation.what = key + ": " + violation.what;
      all.push_back(std::move(violation));
    }
  }
  return all;
}

}  // namespace starling::histories
