// Which records in memory expire when: buckets of 100 ms, each a list of compact references.
//
// A reference is a hint, checked when its bucket comes due; a record whose deadline moved later keeps its old
// reference and gets a new one then. So there is about one reference of eight bytes for each record with a
// deadline, however often the deadline is renewed. Records that only the store holds are found by the store's
// deadlines family.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "engine/key.h"

namespace starling::engine {

class DeadlineIndex {
 public:
  struct Reference {
    uint8_t slot;  // DatabaseTables::deadline_slot.
    uint16_t partition;
    uint64_t hash_prefix;  // The upper kHashBits - kDroppedBits of the key's hash.
  };
  static constexpr int kDroppedBits = 2;

  // All members: any thread.
  void add(uint8_t slot, const Key& key, int64_t deadline_ms);
  // Moves up to `limit` references that are due at now_ms into `due`. True when more are waiting.
  bool take_due(int64_t now_ms, size_t limit, std::vector<Reference>* due);
  uint64_t size() const;
  // The mean of what the references of a slot say; 0 when there are none or that is in the past.
  int64_t average_time_left_ms(uint8_t slot, int64_t now_ms) const;
  void clear();

 private:
  void forget(uint8_t slot, int64_t bucket);

  static constexpr int64_t kBucketMs = 100;
  mutable std::mutex mutex_;
  std::map<int64_t, std::vector<uint64_t>> buckets_;  // By deadline / kBucketMs, rounded up.
  uint64_t size_ = 0;
  static constexpr int kSlots = 16;
  struct Sum {
    uint64_t references = 0;
    double buckets = 0;  // Of their numbers, which are exact in it up to the year 5138.
  };
  std::array<Sum, kSlots> sums_;
};

}  // namespace starling::engine
