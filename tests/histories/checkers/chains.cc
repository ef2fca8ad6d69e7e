#include <map>

#include "histories/checkers/checkers.h"

namespace starling::histories {

Violations check_chains(const History& history) {
  Violations all;
  for (const auto& [key, operations] : by_key(history, {Kind::kExchange})) {
    std::map<std::optional<std::string>, size_t> told;
    for (const size_t i : operations) {
      if (!history[i].done()) continue;
      const auto [found, fresh] = told.try_emplace(history[i].returned, i);
      if (fresh) continue;
      const std::string value =
          history[i].returned ? "\"" + *history[i].returned + "\"" : "that there was nothing";
      all.push_back(
          {key + ": two were told " + value + ", so one of what they put is lost", {found->second, i}});
    }
  }
  return all;
}

}  // namespace starling::histories
