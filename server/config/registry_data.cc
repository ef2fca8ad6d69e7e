#include <limits>

#include "server/config/setting_spec.h"

namespace starling::server {
namespace {

using enum SettingKind;
using engine::EvictionPolicy;
using engine::Fsync;

constexpr SettingChoice kStorageChoices[] = {{"rocksdb", static_cast<int>(Storage::kRocksDb)},
                                             {"memory", static_cast<int>(Storage::kMemory)}};
constexpr SettingChoice kFsyncChoices[] = {{"everysec", static_cast<int>(Fsync::kEverySecond)},
                                           {"always", static_cast<int>(Fsync::kAlways)},
                                           {"no", static_cast<int>(Fsync::kNo)}};
constexpr SettingChoice kPolicyChoices[] = {
    {"volatile-lru", static_cast<int>(EvictionPolicy::kVolatileLru)},
    {"volatile-lfu", static_cast<int>(EvictionPolicy::kVolatileLfu)},
    {"volatile-random", static_cast<int>(EvictionPolicy::kVolatileRandom)},
    {"volatile-ttl", static_cast<int>(EvictionPolicy::kVolatileTtl)},
    {"allkeys-lru", static_cast<int>(EvictionPolicy::kAllKeysLru)},
    {"allkeys-lfu", static_cast<int>(EvictionPolicy::kAllKeysLfu)},
    {"allkeys-random", static_cast<int>(EvictionPolicy::kAllKeysRandom)},
    {"noeviction", static_cast<int>(EvictionPolicy::kNoEviction)}};

const SettingSpec kSettings[] = {
    {.name = "storage",
     .kind = kChoice,
     .default_text = "rocksdb",
     .field = &Settings::storage,
     .flags = kFixed,
     .choices = kStorageChoices,
     .documentation = "rocksdb: every write goes to a commit log, changed records go to RocksDB at "
                      "checkpoints, and there may be more "
                      "data than memory. memory: a cache without any file, lost when the process ends."},
    {.name = "dir",
     .kind = kText,
     .default_text = "./data",
     .field = &Settings::directory,
     .flags = kProtectedSetting,
     .documentation = "Directory of the data, one per server: a lock keeps a second server out. Relative "
                      "paths are seen from where the "
                      "server starts."},
    {.name = "appendfsync",
     .kind = kChoice,
     .default_text = "everysec",
     .field = &Settings::fsync,
     .choices = kFsyncChoices,
     .documentation = "When the commit log is forced to the disk. always: before a write is acknowledged, "
                      "many writes at a time. everysec: "
                      "each second, so a power failure loses at most about that. no: when the system sees "
                      "fit. Killing the process loses "
                      "nothing acknowledged with any of them. The default costs little and suits most."},
    {.name = "databases",
     .kind = kInteger,
     .default_text = "16",
     .field = &Settings::databases,
     .flags = kFixed,
     .minimum = 1,
     .maximum = 10000,
     .documentation = "SELECT takes numbers below this. There are 16 at most; more is accepted with a "
                      "warning, so that files of "
                      "Redis's work."},
    {.name = "replicaof",
     .alias = "slaveof",
     .kind = kWords,
     .default_text = "\"\"",
     .flags = kFixed,
     .documentation =
         "host port: from the start on this server is the replica of that one, a Redis or Valkey, as after "
         "REPLICAOF: what it has is replaced by what that one has, and clients may only read until "
         "REPLICAOF NO ONE. What REPLICAOF has said since counts over a restart until this line changes. "
         "See server/replica_of/README.md."},
    {.name = "masteruser",
     .kind = kText,
     .default_text = "\"\"",
     .documentation = "The user as whom that server is asked; none: its default one."},
    {.name = "masterauth",
     .kind = kText,
     .default_text = "\"\"",
     .flags = kSecret,
     .documentation = "The password that server wants to be told. Empty: none."},
    {.name = "maxmemory",
     .kind = kMemory,
     .default_text = "auto",
     .field = &Settings::max_memory_bytes,
     .flags = kAuto,
     .documentation =
         "Memory for data, caches of the store included. With storage rocksdb, records unused "
         "for longest leave memory and stay on disk; with storage memory, maxmemory-policy decides. auto: 60 "
         "% "
         "of what the machine or the cgroup gives with storage rocksdb, no limit with storage memory. 0: no "
         "limit, everything touched stays in memory until the system ends the process."},
    {.name = "maxmemory-policy",
     .kind = kChoice,
     .default_text = "noeviction",
     .field = &Settings::eviction_policy,
     .choices = kPolicyChoices,
     .documentation = "What a full cache (storage memory) drops: keys least recently (lru) or least "
                      "frequently (lfu) used, at random, or "
                      "closest to their expiry (ttl), among all keys or only among those with an expiry "
                      "(volatile). noeviction drops "
                      "nothing and answers writes with an error. Without effect with storage rocksdb, where "
                      "eviction loses nothing."},
    {.name = "maxmemory-samples",
     .kind = kInteger,
     .default_text = "5",
     .field = &Settings::eviction_samples,
     .minimum = 1,
     .maximum = 64,
     .documentation = "Keys compared for each one dropped under maxmemory-policy. 5 is close to exact order; "
                      "10 closer at more CPU."},
    {.name = "checkpoint-log-size",
     .kind = kMemory,
     .default_text = "512mb",
     .field = &Settings::checkpoint_log_bytes,
     .flags = kFixed,
     .minimum = 1 << 20,
     .documentation =
         "Length of commit log that starts a checkpoint, which writes the changed records to "
         "RocksDB in order and then drops "
         "the log. With less data as much log as data does, but not less than 64mb, so that what is "
         "overwritten does not take many times its size on the disk. Larger: fewer rewrites of "
         "keys that change often, longer recovery after a "
         "crash (a second or two for each "
         "512mb), more disk for the log."},
    {.name = "disk-threads",
     .kind = kInteger,
     .default_text = "4",
     .field = &Settings::disk_threads,
     .flags = kFixed,
     .minimum = 1,
     .maximum = 128,
     .documentation = "Threads that read from disk what is not in memory, so that the ones serving clients "
                      "never wait for it. More help "
                      "disks that answer many reads at once."},
    {.name = "block-cache-size",
     .kind = kMemory,
     .default_text = "0",
     .field = &Settings::block_cache_bytes,
     .flags = kFixed,
     .documentation = "RocksDB's cache of blocks, part of maxmemory. 0: derived from maxmemory. Records in "
                      "memory make most of it "
                      "redundant; what it must hold are the filters and indexes of the files."},
    {.name = "snapshots-keep",
     .kind = kInteger,
     .default_text = "1",
     .field = &Settings::snapshots_keep,
     .minimum = 1,
     .maximum = 1000,
     .documentation =
         "Snapshots that SAVE and BGSAVE keep under dir/snapshots; a new one replaces the oldest. Each "
         "holds on to the disk space of the data as it was, also of what was deleted since. SNAPSHOT LIST "
         "shows them, SNAPSHOT DROP removes one. One that a server was started on is not counted, and "
         "stays."},
    {.name = "hash-max-listpack-entries",
     .alias = "hash-max-ziplist-entries",
     .kind = kInteger,
     .default_text = "512",
     .field = &Settings::hash_listpack_entries,
     .documentation = "Up to so many fields OBJECT ENCODING calls a hash a listpack. Clients and tests look "
                      "at it; the representation in "
                      "memory is Starling's own."},
    {.name = "hash-max-listpack-value",
     .alias = "hash-max-ziplist-value",
     .kind = kMemory,
     .default_text = "64",
     .field = &Settings::hash_listpack_value_bytes,
     .documentation = "The same for the longest field or value, in bytes."},
    {.name = "set-max-intset-entries",
     .kind = kInteger,
     .default_text = "512",
     .field = &Settings::set_intset_entries,
     .documentation = "Up to so many members OBJECT ENCODING calls a set of integers an intset."},
    {.name = "zset-max-listpack-entries",
     .alias = "zset-max-ziplist-entries",
     .kind = kInteger,
     .default_text = "128",
     .field = &Settings::zset_listpack_entries,
     .documentation = "Up to so many members OBJECT ENCODING calls a sorted set a listpack, as with hashes."},
    {.name = "zset-max-listpack-value",
     .alias = "zset-max-ziplist-value",
     .kind = kMemory,
     .default_text = "64",
     .field = &Settings::zset_listpack_value_bytes,
     .documentation = "The same for the longest member, in bytes."},
    {.name = "list-max-listpack-size",
     .alias = "list-max-ziplist-size",
     .kind = kInteger,
     .default_text = "-2",
     .field = &Settings::list_listpack_size,
     .minimum = std::numeric_limits<int32_t>::min(),
     .maximum = std::numeric_limits<int32_t>::max(),
     .documentation =
         "Up to so many elements OBJECT ENCODING calls a list a listpack, and up to 8 KiB; -1 to -5: up "
         "to 4, 8, 16, 32 or 64 KiB, whatever their number. What is more is a quicklist."},
};

}  // namespace

SettingSection data_settings() {
  return {"Data", "Where it is, how durable it is and how much of it stays in memory.", kSettings};
}

}  // namespace starling::server
