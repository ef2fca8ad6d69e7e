// The seed of hashes of names (key.h), as a node takes it over from a cluster. See engine.h.
#include "engine/node/data_directory.h"
#include "engine/node/node_engine.h"

namespace starling::engine {

// All stripes are held.
bool NodeEngine::holds_records() const {
  if (core_.keyspace.next_space != kDatabases) return true;  // Flushed: rows and log may still have some.
  for (const auto& tables : core_.keyspace.databases) {
    for (uint32_t p = 0; tables->used && p < kPartitionCount; ++p) {
      const Partition& partition = tables->partitions[p];
      if (partition.table.size() != 0 || partition.live != 0 || !partition.complete) return true;
    }
  }
  return false;
}

Status NodeEngine::adopt_hash_seed(uint64_t seed) {
  if (seed == hash_seed()) return {};
  Status status;
  core_.keyspace.stripes.lock_all();
  if (holds_records()) {
    status = {
        StatusCode::kInvalid,
        "this node's records are in the order of another hash seed than the cluster's; it can join with an "
        "empty data directory only"};
  } else if (lock_ != nullptr) {
    status = write_format(core_.options.directory, seed);
  }
  if (status.ok()) set_hash_seed(seed);
  core_.keyspace.stripes.unlock_all();
  return status;
}

std::optional<uint64_t> NodeEngine::hash_seed_of_records() {
  core_.keyspace.stripes.lock_all();
  const bool holds = holds_records();
  core_.keyspace.stripes.unlock_all();
  return holds ? std::optional(hash_seed()) : std::nullopt;
}

}  // namespace starling::engine
