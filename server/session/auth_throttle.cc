#include "server/session/auth_throttle.h"

#include <arpa/inet.h>

#include <algorithm>

namespace starling::server {
namespace {

// One failure is forgotten in this time; no more are counted than make the longest delay.
constexpr int64_t kForgottenMs = 2000;
constexpr int kMostCounted = 13;
constexpr int64_t kFirstDelayMs = 50;
constexpr int64_t kLongestAloneMs = 2000;
// So many that wait at the same time double the delay.
constexpr int64_t kCrowd = 64;
constexpr size_t kMostAddresses = 4096;
constexpr size_t kNetworkBytes = 8;

std::string address_of(std::string_view peer) {
  const size_t colon = peer.rfind(':');
  std::string host(peer.substr(0, colon));
  if (!host.starts_with('[')) return host;
  host = host.substr(1, host.rfind(']') - 1);
  in6_addr address{};
  if (::inet_pton(AF_INET6, host.substr(0, host.find('%')).c_str(), &address) != 1) return host;
  if (IN6_IS_ADDR_V4MAPPED(&address)) return host;
  return {reinterpret_cast<const char*>(address.s6_addr), kNetworkBytes};
}

}  // namespace

void AuthThrottle::age(Address* address, int64_t now_ms) {
  // A clock that was set back leaves everything as it is.
  const int64_t forgotten = std::max<int64_t>(0, now_ms - address->since_ms) / kForgottenMs;
  address->failures = static_cast<int>(std::max<int64_t>(0, address->failures - forgotten));
  address->since_ms = address->failures == 0 ? now_ms : address->since_ms + forgotten * kForgottenMs;
  if (now_ms < address->since_ms) address->since_ms = now_ms;
}

int64_t AuthThrottle::delay_of(const Address& address) {
  if (address.failures <= kFree) return 0;
  const int64_t alone = std::min(kLongestAloneMs, kFirstDelayMs << (address.failures - kFree - 1));
  return std::min(kLongestDelayMs, alone + alone * address.waiting / kCrowd);
}

int64_t AuthThrottle::delay_ms(std::string_view peer, int64_t now_ms) {
  if (known_.load(std::memory_order_relaxed) == 0) return 0;
  std::lock_guard lock(mutex_);
  const auto found = addresses_.find(address_of(peer));
  if (found == addresses_.end()) return 0;
  age(&found->second, now_ms);
  return delay_of(found->second);
}

void AuthThrottle::begin_wait(std::string_view peer, int64_t now_ms) {
  delayed.fetch_add(1, std::memory_order_relaxed);
  std::lock_guard lock(mutex_);
  Address& address = addresses_.try_emplace(address_of(peer), Address{0, now_ms, 0}).first->second;
  ++address.waiting;
  known_.store(addresses_.size(), std::memory_order_relaxed);
}

void AuthThrottle::end_wait(std::string_view peer) {
  std::lock_guard lock(mutex_);
  const auto found = addresses_.find(address_of(peer));
  if (found != addresses_.end()) --found->second.waiting;
}

// Without it, addresses enough would take any memory: those that are forgotten go, and else whichever.
void AuthThrottle::make_room(int64_t now_ms) {
  if (addresses_.size() < kMostAddresses) return;
  absl::erase_if(addresses_, [now_ms](auto& entry) {
    age(&entry.second, now_ms);
    return entry.second.failures == 0 && entry.second.waiting == 0;
  });
  for (auto entry = addresses_.begin(); addresses_.size() >= kMostAddresses && entry != addresses_.end();) {
    const auto next = std::next(entry);
    if (entry->second.waiting == 0) addresses_.erase(entry);
    entry = next;
  }
}

void AuthThrottle::failed(std::string_view peer, int64_t now_ms) {
  failures.fetch_add(1, std::memory_order_relaxed);
  int64_t delay = 0;
  {
    std::lock_guard lock(mutex_);
    const std::string name = address_of(peer);
    if (!addresses_.contains(name)) make_room(now_ms);
    Address& address = addresses_.try_emplace(name, Address{0, now_ms, 0}).first->second;
    age(&address, now_ms);
    address.failures = std::min(address.failures + 1, kMostCounted);
    delay = delay_of(address);
    known_.store(addresses_.size(), std::memory_order_relaxed);
  }
  std::string line = "Wrong password from " + std::string(peer);
  if (delay > 0) line += "; the next attempt from there waits " + std::to_string(delay) + " ms";
  log_.warn(now_ms, line);
}

}  // namespace starling::server
