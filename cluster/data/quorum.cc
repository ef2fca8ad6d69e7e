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

Tally::Tally(const Consistency& consistency, std::span<const uint8_t> datacenters, uint8_t own)
    : consistency_(consistency),
      own_(own),
      states_(datacenters.size(), State::kOpen),
      datacenters_(datacenters.begin(), datacenters.end()) {}

int Tally::count(State state, int datacenter) const {
  int found = 0;
  for (size_t i = 0; i < states_.size(); ++i) {
    found += states_[i] == state && (datacenter == kEveryDatacenter || datacenters_[i] == datacenter) ? 1 : 0;
  }
  return found;
}

int Tally::total(int datacenter) const {
  if (datacenter == kEveryDatacenter) return static_cast<int>(datacenters_.size());
  return static_cast<int>(
      std::count(datacenters_.begin(), datacenters_.end(), static_cast<uint8_t>(datacenter)));
}

int Tally::needed_of(int datacenter) const {
  switch (consistency_.level) {
    case Level::kNumber:
      return consistency_.number;
    case Level::kOne:
      return 1;
    case Level::kAll:
      return total(datacenter);
    default:
      return total(datacenter) / 2 + 1;
  }
}

template <typename Test>
bool Tally::for_all_groups(Test test) const {
  if (consistency_.level == Level::kLocalQuorum) return test(own_);
  if (consistency_.level != Level::kEachQuorum) return test(kEveryDatacenter);
  return std::all_of(datacenters_.begin(), datacenters_.end(), test);
}

bool Tally::reached() const {
  return for_all_groups(
      [this](int datacenter) { return count(State::kAcknowledged, datacenter) >= needed_of(datacenter); });
}

bool Tally::impossible() const {
  return !for_all_groups([this](int datacenter) {
    return total(datacenter) - count(State::kFailed, datacenter) >= needed_of(datacenter);
  });
}

int Tally::acknowledged() const {
  return count(State::kAcknowledged, consistency_.level == Level::kLocalQuorum ? own_ : kEveryDatacenter);
}

int Tally::needed() const {
  if (consistency_.level == Level::kLocalQuorum) return needed_of(own_);
  if (consistency_.level != Level::kEachQuorum) return needed_of(kEveryDatacenter);
  int sum = 0;
  for (size_t i = 0; i < datacenters_.size(); ++i) {
    const auto first = std::find(datacenters_.begin(), datacenters_.end(), datacenters_[i]);
    if (first == datacenters_.begin() + static_cast<std::ptrdiff_t>(i)) sum += needed_of(datacenters_[i]);
  }
  return sum;
}

}  // namespace starling::cluster
