// How long an attempt to authenticate has to wait, by how many others from the same address have failed of
// late. Right and wrong ones wait alike, so that the wait tells nothing; nobody is refused, and what an address
// has failed is forgotten within seconds, so that others behind the same address are slowed for a while and
// never locked out. Any thread.
//
//   address := an IPv4 address | the first 64 bits of an IPv6 address | the path of a Unix socket
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "server/process/limited_log.h"

namespace starling::server {

class AuthThrottle {
 public:
  // Failures that slow nobody down: passwords are mistyped.
  static constexpr int kFree = 5;
  static constexpr int64_t kLongestDelayMs = 5000;

  // What the next attempt from there has to wait; 0: nothing. `peer` as CLIENT LIST shows it.
  int64_t delay_ms(std::string_view peer, int64_t now_ms);
  // One begins to wait, or stops: many at a time wait longer.
  void begin_wait(std::string_view peer, int64_t now_ms);
  void end_wait(std::string_view peer);
  // An attempt failed. It is logged.
  void failed(std::string_view peer, int64_t now_ms);

  std::atomic<uint64_t> failures{0}, delayed{0};

 private:
  struct Address {
    int failures = 0;
    int64_t since_ms = 0;  // When the count was last right.
    int waiting = 0;
  };

  // Forgets what is long ago.
  static void age(Address* address, int64_t now_ms);
  static int64_t delay_of(const Address& address);
  void make_room(int64_t now_ms);

  std::mutex mutex_;
  absl::flat_hash_map<std::string, Address> addresses_;
  std::atomic<size_t> known_{0};  // Of addresses_, to be looked at without the lock.
  LimitedLog log_;
};

}  // namespace starling::server
