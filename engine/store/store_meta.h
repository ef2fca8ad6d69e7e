// The one row of the store's meta family: what a checkpoint says about itself.
//
//   state     := format:varint  [settled]  (space:varint){16}  next_space:varint  replay_from:varint
//                database*  16:varint
//   database  := index:varint  (partition:varint  live:varint  with_deadline:varint)*  16384:varint
//   settled   := promised:varint  (partitions:varint  stamp:varint)*     in formats 4 and 5 only: runs of
//                partitions in ascending order up to the last of the 16384
//
// format is 1; or 2 when the records are a cluster's (Options::replicated), 3 when they became it after they
// had been a single node's: whoever would write plain records over their histories must not open them. 4 and
// 5 are 2 and 3 with what is settled (settled.h).
//
// Partitions without records are left out. Written with each checkpoint's run, so atomically with its
// records.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/status.h"
#include "engine/memory/keyspace.h"

namespace starling::engine {

inline constexpr std::string_view kStateKey = "state";

struct PartitionCounts {
  uint16_t partition;
  uint32_t live;
  uint32_t with_deadline;
};

struct StoreState {
  std::array<uint32_t, kDatabases> spaces{};
  uint32_t next_space = 0;
  bool replicated = false;
  bool converted = false;
  Stamp promised = 0;
  std::vector<Stamp> settled;  // By partition; empty: nothing is.
  uint64_t replay_from = 0;    // The first log segment whose frames the store does not hold.
  std::array<std::vector<PartitionCounts>, kDatabases> counts;
};

std::string encode_state(const StoreState& state);
// kNewerFormat or kCorrupt when it cannot be read.
Status decode_state(std::string_view bytes, StoreState* state);

// The present mapping and counts. All stripes are held.
StoreState capture_state(const Keyspace& keyspace, bool replicated);

}  // namespace starling::engine
