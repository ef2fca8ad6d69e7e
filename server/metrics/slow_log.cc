#include "server/metrics/slow_log.h"

#include <algorithm>

namespace starling::server {
namespace {

constexpr size_t kMaxArguments = 32;
constexpr size_t kMaxArgumentBytes = 128;

std::vector<std::string> shorten(Arguments arguments) {
  std::vector<std::string> kept;
  const size_t count = std::min(arguments.size(), kMaxArguments);
  kept.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    if (count != arguments.size() && i == count - 1) {
      kept.push_back("... (" + std::to_string(arguments.size() - count + 1) + " more arguments)");
    } else if (arguments[i].size() > kMaxArgumentBytes) {
      kept.push_back(std::string(arguments[i].substr(0, kMaxArgumentBytes)) + "... (" +
                     std::to_string(arguments[i].size() - kMaxArgumentBytes) + " more bytes)");
    } else {
      kept.emplace_back(arguments[i]);
    }
  }
  return kept;
}

}  // namespace

void SlowLog::add(int64_t time_s, uint64_t duration_us, const ShownArguments& arguments,
                  const std::string& client_address, const std::string& client_name, size_t max_entries) {
  std::vector<std::string> kept = shorten(arguments.words());
  std::lock_guard lock(mutex_);
  entries_.push_front({next_id_++, time_s, duration_us, std::move(kept), client_address, client_name});
  while (entries_.size() > max_entries) entries_.pop_back();
}

std::vector<SlowLog::Entry> SlowLog::newest(size_t count) const {
  std::lock_guard lock(mutex_);
  return {entries_.begin(), entries_.begin() + static_cast<ptrdiff_t>(std::min(count, entries_.size()))};
}

size_t SlowLog::size() const {
  std::lock_guard lock(mutex_);
  return entries_.size();
}

void SlowLog::clear() {
  std::lock_guard lock(mutex_);
  entries_.clear();
}

}  // namespace starling::server
