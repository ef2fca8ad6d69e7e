#include "histories/checkers/checkers.h"

namespace starling::histories {

Violations check_totals(const History& history) {
  Violations all;
  for (const auto& [key, operations] : by_key(history, {Kind::kAdd, Kind::kTotal})) {
    // What may have happened may add or take away.
    int64_t least = 0, most = 0;
    for (const size_t i : operations) {
      const Operation& operation = history[i];
      if (operation.kind != Kind::kAdd || operation.outcome == Outcome::kRefused) continue;
      if (operation.done() || operation.number < 0) least += operation.number;
      if (operation.done() || operation.number > 0) most += operation.number;
    }
    for (const size_t i : operations) {
      const Operation& total = history[i];
      if (total.kind != Kind::kTotal || !total.done() || (total.number >= least && total.number <= most))
        continue;
      all.push_back({key + ": is " + std::to_string(total.number) + ", not from " + std::to_string(least) +
                         " to " + std::to_string(most),
                     {i}});
    }
  }
  return all;
}

}  // namespace starling::histories
