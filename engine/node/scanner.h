// Walks over all keys of a database, in memory and in the store, in the one order both have: (partition,
// hash).
//
// A cursor is partition << 39 | the upper 39 bits of a hash: 53 bits, which a client that keeps numbers as
// doubles loses none of. What a key is at home after does not change when tables grow, records are evicted or
// loaded, or a checkpoint runs; so a key that is there throughout is visited. A step looks at memory first
// and at the store afterwards: a record that leaves memory in between is in the store by then.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "engine/core/core.h"

namespace starling::engine {

class Scanner {
 public:
  explicit Scanner(EngineCore& core) : core_(core) {}

  // Visits about `count` keys from `cursor` on and returns where to go on; 0 at the end. `locked`: the caller
  // holds all stripes. May block on the disk. Keys are owned by the call.
  uint64_t scan(int database, uint64_t cursor, uint64_t count, const ScanFilter& filter, int64_t now_ms,
                bool locked, const std::function<void(std::string_view key)>& visit);

  // A live key, uniformly chosen but for the differences between partitions of equal rank; none when there is
  // none.
  std::optional<std::string> random_key(int database, int64_t now_ms, bool locked, Random& random);

 private:
  struct Step;
  void step_memory(Step& step);
  void step_store(Step& step);
  bool wanted(const Step& step, Type type, int64_t deadline_ms, std::string_view name) const;
  uint64_t scan_partition(int database, uint16_t partition, uint64_t from, uint64_t count,
                          const ScanFilter& filter, int64_t now_ms, bool locked,
                          std::vector<std::string>* found, uint64_t* seen);

  EngineCore& core_;
};

}  // namespace starling::engine
