#include <algorithm>

#include "engine/core/core.h"

namespace starling::engine {

namespace {

constexpr uint32_t kLruMask = 0xffffff;
constexpr uint32_t kInitialFrequency = 5;  // A new key must not be the first to go.
constexpr int kLogFactor = 10;
constexpr int kDecayMinutes = 1;

uint32_t minutes_of(int64_t now_ms) {
  return static_cast<uint32_t>(now_ms / 60000) & 0xffff;
}

uint32_t decayed(uint32_t access, int64_t now_ms) {
  const uint32_t elapsed = (minutes_of(now_ms) - (access >> 8)) & 0xffff;
  const uint32_t periods = elapsed / kDecayMinutes;
  const uint32_t counter = access & 0xff;
  return periods > counter ? 0 : counter - periods;
}

}  // namespace

uint32_t initial_access(bool lfu, int64_t now_ms) {
  if (lfu) return minutes_of(now_ms) << 8 | kInitialFrequency;
  return static_cast<uint32_t>(now_ms / 1000) & kLruMask;
}

uint32_t touched_access(bool lfu, uint32_t access, int64_t now_ms, uint64_t noise) {
  if (!lfu) return static_cast<uint32_t>(now_ms / 1000) & kLruMask;
  uint32_t counter = decayed(access, now_ms);
  const uint32_t above = counter > kInitialFrequency ? counter - kInitialFrequency : 0;
  // Counts with probability 1 / (above * factor + 1): 255 stands for about a million touches.
  if (counter < 255 && noise % (above * kLogFactor + 1) == 0) ++counter;
  return minutes_of(now_ms) << 8 | counter;
}

int64_t idle_seconds_of(bool lfu, uint32_t access, int64_t now_ms) {
  if (lfu) return static_cast<int64_t>((minutes_of(now_ms) - (access >> 8)) & 0xffff) * 60;
  return (static_cast<uint32_t>(now_ms / 1000) - access) & kLruMask;
}

int frequency_of(uint32_t access, int64_t now_ms) {
  return static_cast<int>(decayed(access, now_ms));
}

}  // namespace starling::engine
