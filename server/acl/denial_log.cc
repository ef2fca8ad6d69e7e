#include "server/acl/denial_log.h"

#include <algorithm>

namespace starling::server::acl {
namespace {

constexpr int64_t kSameWithinMs = 60'000;
// The same can only be found among so many.
constexpr size_t kLookedAt = 10;

bool same_denial(const DenialLog::Denial& a, const DenialLog::Denial& b) {
  return a.refused == b.refused && a.where == b.where && a.object == b.object && a.user == b.user;
}

}  // namespace

std::string_view name_of(Refused refused) {
  switch (refused) {
    case Refused::kNothing:
      break;
    case Refused::kCommand:
      return "command";
    case Refused::kKey:
      return "key";
    case Refused::kLogin:
      return "auth";
    case Refused::kChannel:
      return "channel";
  }
  return "unknown";
}

std::string_view name_of(Where where) {
  switch (where) {
    case Where::kTopLevel:
      return "toplevel";
    case Where::kTransaction:
      return "multi";
    case Where::kScript:
      return "lua";
  }
  return "unknown";
}

void DenialLog::add(Denial denial, int64_t now_ms, size_t most) {
  std::lock_guard lock(mutex_);
  ++totals_[static_cast<size_t>(denial.refused)];
  const auto end = entries_.begin() + static_cast<std::ptrdiff_t>(std::min(kLookedAt, entries_.size()));
  const auto known = std::find_if(entries_.begin(), end, [&](const Entry& entry) {
    return same_denial(entry.denial, denial) && now_ms - entry.updated_ms <= kSameWithinMs;
  });
  if (known != end) {
    Entry entry = std::move(*known);
    entries_.erase(known);
    entry.denial.client = std::move(denial.client);
    entry.updated_ms = now_ms;
    ++entry.count;
    entries_.push_front(std::move(entry));
  } else {
    entries_.push_front({std::move(denial), next_id_++, 1, now_ms, now_ms});
  }
  while (entries_.size() > most) entries_.pop_back();
}

std::vector<DenialLog::Entry> DenialLog::newest(size_t count) const {
  std::lock_guard lock(mutex_);
  return {entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(std::min(count, entries_.size()))};
}

uint64_t DenialLog::total(Refused refused) const {
  std::lock_guard lock(mutex_);
  return totals_[static_cast<size_t>(refused)];
}

void DenialLog::clear() {
  std::lock_guard lock(mutex_);
  entries_.clear();
}

}  // namespace starling::server::acl
