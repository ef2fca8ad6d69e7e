#include "histories/checkers/checkers.h"

namespace starling::histories {

Violations check_answers(const History& history, Time limit) {
  Violations all;
  for (size_t i = 0; i < history.size(); ++i) {
    if (history[i].waited <= limit) continue;
    all.push_back({history[i].key + ": no answer for " + std::to_string(history[i].waited / 1000) +
                       " ms of a node that runs",
                   {i}});
  }
  return all;
}

Violations check_no_errors(const History& history) {
  Violations all;
  for (size_t i = 0; i < history.size(); ++i) {
    if (history[i].outcome == Outcome::kDone) continue;
    // A lock that is held is refused, and that is its answer.
    if (history[i].outcome == Outcome::kRefused && history[i].kind == Kind::kAcquire) continue;
    all.push_back({history[i].key + ": failed, and nothing was wrong", {i}});
  }
  return all;
}

}  // namespace starling::histories
