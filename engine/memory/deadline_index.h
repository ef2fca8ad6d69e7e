// Which records in memory expire when: lists of compact references, of eight bytes each.
//
// A reference is a hint, checked when its bucket comes due; a record whose deadline moved later keeps its old
// reference and gets a new one then. So there is about one reference for each record with a deadline, however
// often the deadline is renewed.
//
// The further away, the wider a bucket is: 100 ms up to a few seconds, about a 32nd of the time left beyond.
// Otherwise deadlines spread over days would have a bucket each, ten times the size of what is in it. A
// bucket comes due when the first of its deadlines may have passed; whoever finds a record with time left
// adds it again, to a narrower one.
//
// What a checkpoint wrote is found by the store's deadlines family; its references go then
// (begin_checkpoint).
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "engine/base/key.h"

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
  // What time it is, for the width of buckets. take_due() says it, too.
  void set_time(int64_t now_ms);
  void add(uint8_t slot, const Key& key, int64_t deadline_ms);
  // Moves up to `limit` references that may be due at now_ms into `due`. True when more are waiting.
  bool take_due(int64_t now_ms, size_t limit, std::vector<Reference>* due);
  // With all stripes locked: the references of now are those of what the checkpoint is going to write.
  void begin_checkpoint();
  // It has: they go, except those that may be due at now_ms, as the store's rows of them may have come too
  // late to be seen in time. A checkpoint that failed says nothing; the next one begins with its references
  // as well.
  void end_checkpoint(int64_t now_ms);
  // References.
  uint64_t size() const;
  uint64_t memory_bytes() const;
  // The mean of what was added to a slot and is not due yet, with the references that went to the store; 0
  // when there is nothing or that is in the past.
  int64_t average_time_left_ms(uint8_t slot, int64_t now_ms) const;
  void clear();

 private:
  static constexpr int kSlots = 16;
  struct Sum {
    uint64_t references = 0;
    double units = 0;  // Of their deadlines, which are exact in it up to the year 5138.
  };
  struct Bucket {
    std::vector<uint64_t> references;
    std::vector<uint64_t> before_checkpoint;
    std::array<Sum, kSlots> sums;  // Of these, and of those that went to the store.
  };
  using Buckets = std::map<int64_t, Bucket>;

  int64_t start_of(int64_t unit) const;
  void forget(Bucket& bucket, int slot, uint64_t references);

  static constexpr int64_t kUnitMs = 100;
  mutable std::mutex mutex_;
  Buckets buckets_;  // By when they come due, in units.
  int64_t now_ = 0;  // In units.
  uint64_t size_ = 0;
  std::array<Sum, kSlots> sums_;
};

}  // namespace starling::engine
