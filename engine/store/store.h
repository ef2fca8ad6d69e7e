// The Store seam: an ordered, durable map that takes sorted runs. RocksStore is the production one;
// MemoryStore serves unit tests and the simulator.
//
// The engine never writes single keys here. Records live in memory and in the commit log; a checkpoint walks
// the changed ones in key order and hands them over as one sorted run, which becomes durable and visible
// atomically.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "engine/base/status.h"

namespace starling::engine {

// Disk names follow these; never renumber.
enum class Family : uint8_t { kRecords = 0, kElements = 1, kDeadlines = 2, kMeta = 3, kHints = 4 };
inline constexpr int kFamilyCount = 5;

enum class ReadMode {
  kMemoryOnly,  // Answers kWouldBlock rather than read a disk. Safe on an event loop.
  kMayBlock,
};

enum class ReadResult { kFound, kAbsent, kWouldBlock, kError };

// Ordered iteration over [lower, upper) of one family as of its creation. May block on the disk.
class StoreIterator {
 public:
  virtual ~StoreIterator() = default;
  virtual bool valid() const = 0;
  virtual void next() = 0;
  virtual void seek(std::string_view target) = 0;
  // Views valid until the next call of next() or seek().
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
  // Not ok when iteration ended by an error rather than by the range's end.
  virtual Status status() const = 0;
};

// One sorted run under construction. Within a family, keys must come in strictly ascending order (asserted);
// families may be interleaved. Used by one thread at a time.
class SortedRun {
 public:
  virtual ~SortedRun() = default;
  virtual Status put(Family family, std::string_view key, std::string_view value) = 0;
  virtual Status erase(Family family, std::string_view key) = 0;
  // Removes what earlier runs put into [lower, upper); what this run itself puts there stays. `lower` counts
  // for the ascending order together with the keys of put() and erase(), but may equal the next one of them.
  virtual Status erase_range(Family family, std::string_view lower, std::string_view upper) = 0;
  // Makes the whole run durable and visible, atomically, over whatever was there. The run is spent
  // afterwards, also on failure; after a failure the store holds what it held before (or, after kIoError,
  // possibly the run).
  // Blocks on the disk, and while earlier runs wait to be merged.
  virtual Status apply() = 0;
  virtual uint64_t bytes() const = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  // All members: any thread. Iterators and runs must not outlive the store.
  virtual ReadResult get(Family family, std::string_view key, ReadMode mode, std::string* value) = 0;
  virtual std::unique_ptr<StoreIterator> iterate(Family family, std::string_view lower,
                                                 std::string_view upper) = 0;
  virtual std::unique_ptr<SortedRun> begin_run() = 0;
  // Removes [lower, upper) of what was applied so far. Cheap, touches no disk. Durable with the next applied
  // run (also an empty one): the caller must be ready to repeat it, and until then a crash may bring back any
  // part of it, even older values of rows.
  virtual Status erase_range(Family family, std::string_view lower, std::string_view upper) = 0;
  // Clears what an earlier failure (a full disk) left, so that runs can be applied again.
  virtual Status resume() = 0;
  // An openable copy of the store in the new directory `path` (hard links where the file system has them).
  virtual Status copy_to(const std::string& path) = 0;
  // Memory the store holds now: block cache, tables, buffers; bytes.
  virtual uint64_t memory_bytes() const = 0;
  virtual uint64_t disk_bytes() const = 0;
  // Named figures for INFO, in a fixed order.
  virtual void for_each_statistic(
      const std::function<void(std::string_view name, uint64_t value)>& visit) const = 0;
};

}  // namespace starling::engine
