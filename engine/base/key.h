// A key's name with everything that routes it, computed once for each command.
#pragma once

#include <cstdint>
#include <string_view>

namespace starling::engine {

inline constexpr uint32_t kPartitionCount =
    16384;  // Redis's hash slots; DESIGN: equal-sized ring partitions.
inline constexpr int kHashBits = 48;

// CRC16 (CCITT, polynomial 0x1021, as the Redis Cluster specification) of the hash tag, or of the whole name
// when it has none, modulo kPartitionCount.
uint16_t partition_of(std::string_view name);

// 48 bits of XXH3 over the whole name, seeded. With the partition it is the order of a key in memory, on disk, in
// SCAN and in the comparison of replicas; a collection's elements in memory are in this order too.
uint64_t hash_of(std::string_view name);

// The seed makes names that somebody chose to collide on one cluster harmless on every other one. It is drawn at
// the birth of a data directory, and when a cluster forms: its replicas must share it. The process has one; 0 until
// it is set. Set it only while nothing that hash_of() ordered is kept anywhere. Any thread.
void set_hash_seed(uint64_t seed);
uint64_t hash_seed();

struct Key {
  explicit Key(std::string_view n) : name(n), hash(hash_of(n)), partition(partition_of(n)) {}

  std::string_view name;  // Not owned: a view into the request, or into what the caller keeps.
  uint64_t hash;
  uint16_t partition;
};

}  // namespace starling::engine
