#include "cluster/data/quorum.h"

#include <algorithm>
#include <charconv>

namespace starling::cluster {
namespace {

constexpr std::string_view kLevelNames[] = {"", "ONE", "QUORUM", "ALL", "LOCAL_QUORUM", "EACH_QUORUM"};

bool same_word(std::string_view a, std::string_view upper) {
  return std::equal(a.begin(), a.end(), upper.begin(), upper.end(),
                    [](char x, char y) { return (x >= 'a' && x <= 'z' ? x - 'a' + 'A' : x) == y; });
}

}  // namespace

std::string Consistency::to_string() const {
  return level == Level::kNumber ? std::to_string(number)
                                 : std::string(kLevelNames[static_cast<size_t>(level)]);
}

std::optional<Consistency> Consistency::parse(std::string_view text) {
  for (size_t i = 1; i < std::size(kLevelNames); ++i) {
    if (same_word(text, kLevelNames[i])) return Consistency{static_cast<Level>(i), 0};
  }
  uint8_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0) return std::nullopt;
  return Consistency{Level::kNumber, number};
}

Tally::Tally(const Consistency& consistency, std::span<const uint8_t> datacenters, uint8_t own,
             std::span<const uint64_t> sets)
    : consistency_(consistency),
      own_(own),
      states_(datacenters.size(), State::kOpen),
      datacenters_(datacenters.begin(), datacenters.end()),
      sets_(sets.begin(), sets.end()) {
  if (sets_.empty()) sets_.push_back(~uint64_t{0});
}

void Tally::widen(std::span<const uint8_t> datacenters, std::span<const uint64_t> sets) {
  states_.resize(states_.size() + datacenters.size(), State::kOpen);
  datacenters_.insert(datacenters_.end(), datacenters.begin(), datacenters.end());
  sets_.assign(sets.begin(), sets.end());
}

int Tally::count(State state, const Group& group) const {
  int found = 0;
  for (size_t i = 0; i < states_.size(); ++i) found += states_[i] == state && within(group, i) ? 1 : 0;
  return found;
}

int Tally::total(const Group& group) const {
  int found = 0;
  for (size_t i = 0; i < states_.size(); ++i) found += within(group, i) ? 1 : 0;
  return found;
}

int Tally::needed_of(const Group& group) const {
  switch (consistency_.level) {
    case Level::kNumber:
      return consistency_.number;
    case Level::kOne:
      return 1;
    case Level::kAll:
      return total(group);
    default:
      return total(group) / 2 + 1;
  }
}

template <typename Test>
bool Tally::for_all_groups(uint64_t set, Test test) const {
  if (consistency_.level == Level::kLocalQuorum) return test(Group{set, own_});
  if (consistency_.level != Level::kEachQuorum) return test(Group{set, kEveryDatacenter});
  for (size_t i = 0; i < datacenters_.size(); ++i) {
    const Group group{set, datacenters_[i]};
    if (within(group, i) && !test(group)) return false;
  }
  return true;
}

bool Tally::reached(uint64_t set) const {
  return for_all_groups(
      set, [this](const Group& group) { return count(State::kAcknowledged, group) >= needed_of(group); });
}

bool Tally::reached() const {
  return std::all_of(sets_.begin(), sets_.end(), [this](uint64_t set) { return reached(set); });
}

bool Tally::impossible() const {
  return std::any_of(sets_.begin(), sets_.end(), [this](uint64_t set) {
    return !for_all_groups(set, [this](const Group& group) {
      return total(group) - count(State::kFailed, group) >= needed_of(group);
    });
  });
}

uint64_t Tally::open_set() const {
  const auto open = std::find_if(sets_.begin(), sets_.end(), [this](uint64_t set) { return !reached(set); });
  return open == sets_.end() ? sets_.front() : *open;
}

int Tally::replicas() const {
  return total({open_set(), kEveryDatacenter});
}

int Tally::acknowledged() const {
  return count(State::kAcknowledged,
               {open_set(), consistency_.level == Level::kLocalQuorum ? own_ : kEveryDatacenter});
}

int Tally::needed() const {
  const uint64_t set = open_set();
  if (consistency_.level == Level::kLocalQuorum) return needed_of({set, own_});
  if (consistency_.level != Level::kEachQuorum) return needed_of({set, kEveryDatacenter});
  int sum = 0;
  for (size_t i = 0; i < datacenters_.size(); ++i) {
    const auto first = std::find(datacenters_.begin(), datacenters_.end(), datacenters_[i]);
    if (first == datacenters_.begin() + static_cast<std::ptrdiff_t>(i))
      sum += needed_of({set, datacenters_[i]});
  }
  return sum;
}

}  // namespace starling::cluster
