#include <algorithm>
#include <map>

#include "histories/checkers/checkers.h"

namespace starling::histories {

Violations check_numbers(const History& history) {
  Violations all;
  for (const auto& [key, operations] : by_key(history, {Kind::kNext})) {
    std::map<int64_t, size_t> told;
    std::vector<size_t> done;
    for (const size_t i : operations) {
      if (!history[i].done()) continue;
      done.push_back(i);
      const auto [found, fresh] = told.try_emplace(history[i].number, i);
      if (!fresh) {
        all.push_back(
            {key + ": " + std::to_string(history[i].number) + " was told twice", {found->second, i}});
      }
    }
    // Those that have ended, as the begins pass by: the greatest number among them.
    std::vector<size_t> ends = done;
    std::stable_sort(ends.begin(), ends.end(),
                     [&](size_t a, size_t b) { return history[a].ended < history[b].ended; });
    size_t passed = 0;
    size_t greatest = history.size();
    for (const size_t i : done) {
      while (passed < ends.size() && history[ends[passed]].ended < history[i].began) {
        const size_t other = ends[passed++];
        if (greatest == history.size() || history[other].number > history[greatest].number) greatest = other;
      }
      if (greatest == history.size() || history[greatest].number < history[i].number) continue;
      // The same number is told above.
      if (history[greatest].number == history[i].number) continue;
      all.push_back({key + ": went back from " + std::to_string(history[greatest].number) + " to " +
                         std::to_string(history[i].number),
                     {greatest, i}});
    }
  }
  return all;
}

}  // namespace starling::histories
