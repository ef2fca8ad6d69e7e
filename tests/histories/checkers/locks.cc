#include <algorithm>
#include <map>

#include "histories/checkers/checkers.h"

namespace starling::histories {
namespace {

struct Holding {
  Time from, until;
  size_t acquire;
};

}  // namespace

Violations check_locks(const History& history, Time margin) {
  Violations all;
  for (const auto& [key, operations] : by_key(history, {Kind::kAcquire, Kind::kRelease})) {
    std::map<std::string, Time> released;
    for (const size_t i : operations) {
      if (history[i].kind == Kind::kRelease)
        released.try_emplace(history[i].put.value_or(""), history[i].began);
    }
    std::vector<Holding> holdings;
    for (const size_t i : operations) {
      const Operation& operation = history[i];
      if (operation.kind != Kind::kAcquire || !operation.done()) continue;
      Time until = operation.number == 0 ? kNever : operation.began + operation.number * 1000 - margin;
      if (const auto found = released.find(operation.put.value_or("")); found != released.end())
        until = std::min(until, found->second);
      if (until > operation.ended) holdings.push_back({operation.ended, until, i});
    }
    std::sort(holdings.begin(), holdings.end(),
              [](const Holding& a, const Holding& b) { return a.from < b.from; });
    const Holding* longest = nullptr;
    for (const Holding& holding : holdings) {
      if (longest != nullptr && longest->until > holding.from)
        all.push_back({key + ": two hold it at once", {longest->acquire, holding.acquire}});
      if (longest == nullptr || holding.until > longest->until) longest = &holding;
    }
  }
  return all;
}

}  // namespace starling::histories
