#include "server/session/auth_throttle.h"

#include <doctest/doctest.h>

#include <string>

namespace starling::server {
namespace {

constexpr std::string_view kPeer = "10.0.0.1:5000";

TEST_CASE("an address that fails again and again waits longer and longer, up to a bound") {
  AuthThrottle throttle;
  int64_t now = 1'000'000;
  for (int i = 0; i < AuthThrottle::kFree; ++i) {
    CHECK(throttle.delay_ms(kPeer, now) == 0);
    throttle.failed(kPeer, now);
  }
  CHECK(throttle.delay_ms(kPeer, now) == 0);
  int64_t last = 0;
  for (int i = 0; i < 7; ++i) {
    throttle.failed(kPeer, now);
    CHECK(throttle.delay_ms(kPeer, now) > last);
    last = throttle.delay_ms(kPeer, now);
  }
  for (int i = 0; i < 1000; ++i) throttle.failed(kPeer, now);
  CHECK(throttle.delay_ms(kPeer, now) <= AuthThrottle::kLongestDelayMs);
  // From another port it is the same address; another address is another.
  CHECK(throttle.delay_ms("10.0.0.1:6000", now) > 0);
  CHECK(throttle.delay_ms("10.0.0.2:5000", now) == 0);
  // What was long ago is forgotten, however much it was.
  CHECK(throttle.delay_ms(kPeer, now + 60'000) == 0);
  CHECK(throttle.failures == 1012);
}

TEST_CASE("many that wait at the same address wait longer, and never too long") {
  AuthThrottle throttle;
  const int64_t now = 1'000'000;
  for (int i = 0; i < 10; ++i) throttle.failed(kPeer, now);
  const int64_t alone = throttle.delay_ms(kPeer, now);
  for (int i = 0; i < 200; ++i) throttle.begin_wait(kPeer, now);
  CHECK(throttle.delay_ms(kPeer, now) > alone);
  for (int i = 0; i < 10'000; ++i) throttle.begin_wait(kPeer, now);
  CHECK(throttle.delay_ms(kPeer, now) == AuthThrottle::kLongestDelayMs);
  for (int i = 0; i < 10'200; ++i) throttle.end_wait(kPeer);
  CHECK(throttle.delay_ms(kPeer, now) == alone);
}

TEST_CASE("addresses of IPv6 count by their network, and of Unix sockets by their path") {
  AuthThrottle throttle;
  const int64_t now = 1'000'000;
  for (int i = 0; i < 10; ++i) throttle.failed("[2001:db8:1:2::" + std::to_string(i + 1) + "]:77", now);
  CHECK(throttle.delay_ms("[2001:db8:1:2:ffff::1]:78", now) > 0);
  CHECK(throttle.delay_ms("[2001:db8:1:3::1]:77", now) == 0);
  for (int i = 0; i < 10; ++i) throttle.failed("/run/starling.sock:0", now);
  CHECK(throttle.delay_ms("/run/starling.sock:0", now) > 0);
  CHECK(throttle.delay_ms("/run/other.sock:0", now) == 0);
}

TEST_CASE("a clock that is set back locks nobody out") {
  AuthThrottle throttle;
  for (int i = 0; i < 20; ++i) throttle.failed(kPeer, 1'000'000'000);
  CHECK(throttle.delay_ms(kPeer, 1'000) > 0);
  CHECK(throttle.delay_ms(kPeer, 61'000) == 0);
}

TEST_CASE("addresses without end take no memory without end") {
  AuthThrottle throttle;
  const int64_t now = 1'000'000;
  const auto peer = [](int i) { return std::to_string(i >> 8) + "." + std::to_string(i & 255) + ".0.1:1"; };
  constexpr int kAddresses = 6000;
  for (int i = 0; i < kAddresses * (AuthThrottle::kFree + 1); ++i)
    throttle.failed(peer(i / (AuthThrottle::kFree + 1)), now);
  int remembered = 0;
  for (int i = 0; i < kAddresses; ++i) remembered += throttle.delay_ms(peer(i), now) > 0 ? 1 : 0;
  CHECK(remembered <= 4096);
  CHECK(remembered > 2000);
  // Who goes on is slowed all the same.
  for (int i = 0; i < 20; ++i) throttle.failed(kPeer, now);
  CHECK(throttle.delay_ms(kPeer, now) > 0);
}

}  // namespace
}  // namespace starling::server
