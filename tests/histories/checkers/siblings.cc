#include <map>
#include <set>

#include "histories/checkers/checkers.h"

namespace starling::histories {
namespace {

class Versions {
 public:
  Versions(const History& history, const std::string& key, const std::vector<size_t>& operations)
      : history_(history), key_(key) {
    for (const size_t i : operations) {
      const Operation& operation = history[i];
      if (operation.kind == Kind::kSiblings) {
        if (operation.done()) ends_.push_back(i);
      } else if (operation.outcome != Outcome::kRefused) {
        if (operation.put) by_value_[*operation.put] = i;
        writes_.push_back(i);
      }
    }
  }

  Violations check() {
    for (const size_t end : ends_) check_end(end);
    return std::move(violations_);
  }

 private:
  void check_end(size_t end) {
    // In force: what shows, all deletes that may have happened, and whatever those had seen, and so on.
    std::set<size_t> covered;
    std::vector<size_t> left;
    const auto cover = [&](const std::string& value, size_t by) {
      const auto found = by_value_.find(value);
      if (found == by_value_.end()) {
        violations_.push_back({key_ + ": \"" + value + "\" shows, which nobody put", {by}});
      } else if (covered.insert(found->second).second) {
        left.push_back(found->second);
      }
    };
    for (const std::string& value : history_[end].seen) cover(value, end);
    for (const size_t i : writes_) {
      if (!history_[i].put && covered.insert(i).second) left.push_back(i);
    }
    while (!left.empty()) {
      const size_t next = left.back();
      left.pop_back();
      for (const std::string& value : history_[next].seen) cover(value, next);
    }
    for (const size_t i : writes_) {
      if (history_[i].done() && !covered.contains(i))
        violations_.push_back(
            {key_ + ": what was acknowledged is gone, and nothing that saw it replaced it", {i, end}});
    }
    // Who saw what: only writes that are known to be in force count.
    std::map<std::string, size_t> by;
    std::vector<size_t> in_force;
    for (const size_t i : writes_) {
      if (history_[i].done()) in_force.push_back(i);
    }
    for (const std::string& value : history_[end].seen) {
      if (const auto found = by_value_.find(value); found != by_value_.end())
        in_force.push_back(found->second);
    }
    std::set<size_t> visited(in_force.begin(), in_force.end());
    left = in_force;
    while (!left.empty()) {
      const size_t next = left.back();
      left.pop_back();
      for (const std::string& value : history_[next].seen) {
        by.try_emplace(value, next);
        const auto found = by_value_.find(value);
        if (found != by_value_.end() && visited.insert(found->second).second) left.push_back(found->second);
      }
    }
    for (const std::string& value : history_[end].seen) {
      if (const auto found = by.find(value); found != by.end()) {
        std::vector<size_t> operations{found->second, end};
        if (const auto writer = by_value_.find(value); writer != by_value_.end())
          operations.insert(operations.begin(), writer->second);
        violations_.push_back(
            {key_ + ": \"" + value + "\" is back, though one that saw it replaced it", operations});
      }
    }
  }

  const History& history_;
  const std::string& key_;
  std::vector<size_t> writes_, ends_;
  std::map<std::string, size_t> by_value_;
  Violations violations_;
};

}  // namespace

Violations check_siblings(const History& history) {
  Violations all;
  for (const auto& [key, operations] : by_key(history, {Kind::kVersion, Kind::kSiblings})) {
    for (Violation& violation : Versions(history, key, operations).check())
      all.push_back(std::move(violation));
  }
  return all;
}

}  // namespace starling::histories
