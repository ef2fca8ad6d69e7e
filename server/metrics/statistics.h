// What each loop counts. One writer (the loop), any number of readers: plain stores that other threads may
// read.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "server/metrics/cycle_clock.h"

namespace starling::server {

class Counter {
 public:
  void add(uint64_t amount) { set(get() + amount); }
  void set(uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

inline constexpr size_t kLatencyBuckets = 32;  // Bucket b: up to 2^b microseconds.

inline size_t latency_bucket(uint64_t microseconds) {
  return microseconds <= 1 ? 0 : std::min<size_t>(std::bit_width(microseconds - 1), kLatencyBuckets - 1);
}

struct CommandCounters {
  Counter calls, cycles, rejected, failed;
  std::array<Counter, kLatencyBuckets> latency;

  // One call that took so many cycles of the processor's counter.
  void count(uint64_t cycles_taken) {
    calls.add(1);
    cycles.add(cycles_taken);
    latency[latency_bucket(cycles_to_microseconds(cycles_taken))].add(1);
  }
  void reset();
};

struct LoopStatistics {
  explicit LoopStatistics(size_t command_count) : commands(command_count) {}

  // Sets the counts, but not how many clients there are, to zero. On the loop's thread.
  void reset();

  std::vector<CommandCounters> commands;  // By Command::id.
  Counter commands_processed, input_bytes, output_bytes, passes, clients, suspended_clients;
  Counter reads, writes;                              // Of clients' sockets, which brought or took something.
  Counter largest_input_bytes, largest_output_bytes;  // Of buffers, about once a second.
  // Held by clients; by those that have not authenticated; by those that may be closed for it.
  Counter client_bytes, stranger_bytes, evictable_bytes;
  Counter unread_clients;  // Whose sockets take no more of their replies.
};

// A plain copy summed over the loops.
struct CommandTotals {
  uint64_t calls = 0, cycles = 0, rejected = 0, failed = 0;
  std::array<uint64_t, kLatencyBuckets> latency{};
};

// Counts of error replies by their first word, for INFO errorstats. Any thread; errors are rare enough for a
// mutex.
class ErrorCounters {
 public:
  // `error` is a reply's text without '-': "ERR no such key".
  void count(std::string_view error);
  std::map<std::string, uint64_t> snapshot() const;
  uint64_t total() const { return total_.load(std::memory_order_relaxed); }
  void reset();

 private:
  static constexpr size_t kMaxPrefixes = 128;  // A script of a client must not grow the map without end.
  mutable std::mutex mutex_;
  std::map<std::string, uint64_t, std::less<>> counts_;
  std::atomic<uint64_t> total_{0};
};

}  // namespace starling::server
