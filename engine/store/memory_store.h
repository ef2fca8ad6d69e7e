// A Store in memory, for unit tests and the simulator.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "engine/store/store.h"

namespace starling::engine {

// What outlives a store object: the contents by the path given at opening or to copy_to(). Not thread-safe in
// itself; the stores on it must be used from one thread, or only one of them at a time.
struct MemoryStoreDisk {
  using Map = std::map<std::string, std::string, std::less<>>;
  // An iterator keeps the map it was made on; a change then goes to a copy.
  using Families = std::array<std::shared_ptr<Map>, kFamilyCount>;
  std::map<std::string, Families> stores;
};

class MemoryStore final : public Store {
 public:
  MemoryStore(std::shared_ptr<MemoryStoreDisk> disk, const std::string& path);

  ReadResult get(Family family, std::string_view key, ReadMode mode, std::string* value) override;
  std::unique_ptr<StoreIterator> iterate(Family family, std::string_view lower,
                                         std::string_view upper) override;
  std::unique_ptr<SortedRun> begin_run() override;
  // Durable at once.
  Status erase_range(Family family, std::string_view lower, std::string_view upper) override;
  Status resume() override { return {}; }
  Status copy_to(const std::string& path) override;
  uint64_t memory_bytes() const override { return 0; }
  uint64_t disk_bytes() const override;
  void for_each_statistic(
      const std::function<void(std::string_view name, uint64_t value)>& visit) const override;

  // While cold, every read in memory only answers kWouldBlock.
  void set_cold(bool cold);
  // While full, runs fail with kNoSpace.
  void set_full(bool full);

 private:
  class Run;
  using Map = MemoryStoreDisk::Map;

  Map& writable(Family family);
  Status apply(const Run& run);

  const std::shared_ptr<MemoryStoreDisk> disk_;
  mutable std::mutex mutex_;
  MemoryStoreDisk::Families& families_;
  bool cold_ = false;
  bool full_ = false;
};

}  // namespace starling::engine
