// CLIENT PAUSE: until when which commands are held back. Any thread; the loops ask before every command, so
// asking costs one relaxed load while nothing is paused.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace starling::server {

class ClientPause {
 public:
  enum class Scope : uint8_t { kNothing, kWrites, kEverything };
  static constexpr int64_t kLatestEndMs = int64_t{1} << 60;

  // While a pause lasts a new one never shortens it, nor narrows it from everything to writes.
  void start(Scope scope, int64_t now_ms, int64_t until_ms) {
    uint64_t seen = state_.load(std::memory_order_relaxed);
    uint64_t wanted;
    do {
      Scope merged = scope;
      int64_t end_ms = until_ms;
      if (scope_in(seen, now_ms) != Scope::kNothing) {
        merged = std::max(scope, scope_of(seen));
        end_ms = std::max(until_ms, until_of(seen));
      }
      wanted = static_cast<uint64_t>(end_ms) << 2 | static_cast<uint64_t>(merged);
    } while (!state_.compare_exchange_weak(seen, wanted, std::memory_order_relaxed));
  }
  void stop() { state_.store(0, std::memory_order_relaxed); }

  // What is held back now. A pause whose time is over counts as none.
  Scope active(int64_t now_ms) const {
    const uint64_t state = state_.load(std::memory_order_relaxed);
    if (state == 0) [[likely]]
      return Scope::kNothing;
    return scope_in(state, now_ms);
  }

 private:
  static Scope scope_of(uint64_t state) { return static_cast<Scope>(state & 3); }
  static int64_t until_of(uint64_t state) { return static_cast<int64_t>(state >> 2); }
  static Scope scope_in(uint64_t state, int64_t now_ms) {
    return now_ms < until_of(state) ? scope_of(state) : Scope::kNothing;
  }

  std::atomic<uint64_t> state_{0};  // End, milliseconds since the Unix epoch << 2 | scope.
};

}  // namespace starling::server
