#include "server/execute/key_specification.h"

#include <algorithm>
#include <iterator>

#include "resp/number.h"

namespace starling::server {

bool KeySpecification::covers(int position, size_t argument_count) const {
  if (counted || !keyword.empty()) return position > first;
  const int end = last < 0 ? static_cast<int>(argument_count) + last : first + last;
  return position >= first && position <= end && (position - first) % step == 0;
}

bool KeySpecification::find(Arguments arguments, std::vector<int>* positions) const {
  if (!keyword.empty()) return true;
  const int count = static_cast<int>(arguments.size());
  int begin = first;
  int end = last < 0 ? count + last : first + last;
  if (counted) {
    int64_t number = 0;
    if (first >= count || !resp::parse_integer(arguments[static_cast<size_t>(first)], &number)) return false;
    if (number < 0 || number > count) return false;
    begin = first + 1;
    end = begin + (static_cast<int>(number) - 1) * step;
  }
  if (end >= count) return false;
  for (int at = begin; at <= end; at += step) positions->push_back(at);
  return true;
}

KeyRange key_range(const KeySpecifications& keys) {
  KeyRange range;
  const KeySpecification* before = nullptr;
  for (const KeySpecification& each : keys) {
    // Those that do not join what is there already, or are not side by side, are left out.
    if (each.counted || !each.keyword.empty() || (keys.size() > 1 && each.step != 1)) continue;
    if (before != nullptr && each.first != range.last + 1) continue;
    if (before == nullptr) range.first = each.first;
    range.last = each.last < 0 ? each.last : each.first + each.last;
    range.step = each.step;
    before = &each;
  }
  return range;
}

std::string_view key_use_name(int bit) {
  static constexpr std::string_view kNames[] = {
      "RO", "RW", "OW", "RM", "access", "update", "insert", "delete", "variable_flags", "not_key"};
  return bit >= 0 && bit < static_cast<int>(std::size(kNames)) ? kNames[bit] : std::string_view();
}

}  // namespace starling::server
