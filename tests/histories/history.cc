#include "histories/history.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

namespace starling::histories {
namespace {

std::string seconds(Time at) {
  if (at == kNever) return "     ...";
  char text[32];
  std::snprintf(text, sizeof text, "%8.3f", static_cast<double>(at) / kSecond);
  return text;
}

std::string line_of(const Operation& operation, bool shows_it) {
  return (shows_it ? "  * " : "    ") + seconds(operation.began) + " - " + seconds(operation.ended) +
         "  client " + std::to_string(operation.client) + " at node " + std::to_string(operation.node + 1) +
         ": " + operation.text.substr(0, 200) + "\n";
}

}  // namespace

KeyedOperations by_key(const History& history, std::initializer_list<Kind> kinds) {
  std::map<std::string, std::vector<size_t>> found;
  for (size_t i = 0; i < history.size(); ++i) {
    if (std::find(kinds.begin(), kinds.end(), history[i].kind) != kinds.end())
      found[history[i].key].push_back(i);
  }
  KeyedOperations keyed;
  for (auto& [key, indices] : found) {
    std::stable_sort(indices.begin(), indices.end(),
                     [&](size_t a, size_t b) { return history[a].began < history[b].began; });
    keyed.emplace_back(key, std::move(indices));
  }
  return keyed;
}

std::string excerpt(const History& history, const Violation& violation, const std::vector<Event>& events,
                    size_t limit) {
  const std::set<size_t> shown(violation.operations.begin(), violation.operations.end());
  std::string out = "  " + violation.what + "\n";
  if (shown.empty()) return out;
  Time from = kNever, until = 0;
  std::set<std::string> keys;
  for (const size_t i : shown) {
    from = std::min(from, history[i].began);
    until = std::max(until, history[i].ended == kNever ? history[i].began : history[i].ended);
    keys.insert(history[i].key);
  }
  std::vector<std::pair<Time, std::string>> must, may;
  for (size_t i = 0; i < history.size(); ++i) {
    const Operation& operation = history[i];
    if (shown.contains(i)) {
      must.emplace_back(operation.began, line_of(operation, true));
    } else if (keys.contains(operation.key) && operation.began <= until &&
               (operation.ended == kNever ? operation.began : operation.ended) >= from) {
      may.emplace_back(operation.began, line_of(operation, false));
    }
  }
  for (const Event& event : events) {
    if (event.at >= from - 3 * kSecond && event.at <= until)
      may.emplace_back(event.at, "    " + seconds(event.at) + "             nemesis: " + event.what + "\n");
  }
  // What came last says most.
  std::stable_sort(may.begin(), may.end());
  const size_t room = limit > must.size() ? limit - must.size() : 0;
  if (may.size() > room) {
    out += "    (" + std::to_string(may.size() - room) + " earlier lines left out)\n";
    may.erase(may.begin(), may.end() - static_cast<std::ptrdiff_t>(room));
  }
  must.insert(must.end(), may.begin(), may.end());
  std::stable_sort(must.begin(), must.end());
  for (const auto& [at, line] : must) out += line;
  return out;
}

}  // namespace starling::histories
