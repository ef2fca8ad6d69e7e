// The settings in force, as typed fields that any code can read at no cost. Config (server/config.h) writes
// them; what each means, its default and its bounds are declared once, in server/config/registry_*.cc.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/policies.h"

namespace starling::server {

enum class Storage { kRocksDb, kMemory };
enum class LogLevel { kDebug, kVerbose, kNotice, kWarning };
enum class DebugCommand { kNo, kYes, kLocal };

// A value that CONFIG SET may change under its readers. Reads are a plain load; nothing else is ordered by
// them.
template <typename T>
class Live {
 public:
  Live() = default;
  T get() const { return value_.load(std::memory_order_relaxed); }
  operator T() const { return get(); }  // NOLINT: reads as the value it is.
  void set(T value) { value_.store(value, std::memory_order_relaxed); }

 private:
  std::atomic<T> value_{};
};

// The same for text. get() locks and copies: not for the path of every command.
class LiveText {
 public:
  std::string get() const {
    std::lock_guard lock(mutex_);
    return value_;
  }
  bool empty() const {
    std::lock_guard lock(mutex_);
    return value_.empty();
  }
  void set(std::string value) {
    std::lock_guard lock(mutex_);
    value_ = std::move(value);
  }

 private:
  mutable std::mutex mutex_;
  std::string value_;
};

// A client whose pending output passes `hard_bytes`, or stays above `soft_bytes` for `soft_seconds`, is
// closed. 0: no limit.
struct OutputLimit {
  Live<int64_t> hard_bytes;
  Live<int64_t> soft_bytes;
  Live<int64_t> soft_seconds;
};

// Fields that are not Live are fixed when load() returns.
struct Settings {
  // Network
  std::vector<std::string>
      bind;          // Addresses; "-" before one: no error when it is not available; "*": every one.
  int64_t port = 0;  // 0: no TCP without TLS.
  int64_t tcp_backlog = 0;
  std::string unix_socket;              // Path; empty: none.
  int64_t unix_socket_mode = 0;         // 0: as the umask leaves it.
  int64_t io_threads = 0;               // Never 0 after load().
  Live<int64_t> timeout_seconds;        // Idle clients; 0: never.
  Live<int64_t> tcp_keepalive_seconds;  // 0: off.
  Live<int64_t> max_clients;
  Live<int64_t> max_bulk_bytes;
  Live<int64_t> query_buffer_bytes;
  OutputLimit output_normal;
  OutputLimit output_pubsub;
  Live<int64_t> tracking_table_max_keys;  // 0: no limit.
  Live<int64_t> max_client_memory;  // Bytes; negative: per cent of max_memory_bytes; 0: of what there is.

  // TLS. What the texts are, says TlsOptions.
  int64_t tls_port = 0;  // 0: none.
  LiveText tls_certificate_file, tls_key_file, tls_key_password;
  LiveText tls_ca_file, tls_ca_directory;
  Live<int64_t> tls_auth_clients;  // As PeerCertificate.
  LiveText tls_protocols, tls_ciphers, tls_cipher_suites;
  Live<bool> tls_prefer_own_ciphers, tls_cache_sessions;
  Live<int64_t> tls_cached_sessions, tls_cache_seconds;

  // Access
  Live<bool> protected_mode;
  LiveText password;  // Of the user default, as requirepass says; empty: none. What counts is in acl::Users.
  std::string acl_file;            // Absolute after load(); empty: none.
  Live<int64_t> acl_all_channels;  // 1: new users may use all channels.
  Live<int64_t> acl_log_entries;
  DebugCommand debug_command = DebugCommand::kNo;

  // Process
  std::string directory;  // Absolute after load().
  std::string log_file;   // Empty: standard output.
  std::string pid_file;   // Empty: none.
  bool daemonize = false;
  int64_t supervised = 0;  // As Supervision (supervisor.h).
  Live<LogLevel> log_level;
  Live<int64_t> shutdown_timeout_seconds;

  // Data
  int64_t databases = 0;
  Storage storage = Storage::kRocksDb;
  Live<engine::Fsync> fsync;
  Live<int64_t> max_memory_bytes;  // 0: no limit.
  Live<engine::EvictionPolicy> eviction_policy;
  Live<int64_t> eviction_samples;
  int64_t checkpoint_log_bytes = 0;
  int64_t disk_threads = 0;
  int64_t block_cache_bytes = 0;  // 0: the store derives it from max_memory_bytes.
  Live<int64_t> snapshots_keep;

  // Cluster
  bool cluster_enabled = false;
  std::vector<std::string> cluster_seeds;  // host:busport
  std::vector<std::string> cluster_join;   // As well, of a cluster to be counted in by. Empty: it joins none.
  int64_t cluster_min_nodes = 0;
  int64_t cluster_port = 0;                 // 0: port + 10000.
  LiveText cluster_announce_host;           // Empty: derived from `bind`.
  Live<int64_t> cluster_announce_port;      // 0: `port`.
  Live<int64_t> cluster_announce_tls_port;  // 0: `tls_port`.
  Live<int64_t> cluster_announce_bus_port;  // 0: where the bus listens.
  LiveText cluster_announce_hostname;       // Empty: none. So is the next.
  LiveText cluster_announce_nodename;
  Live<int64_t> cluster_endpoint_type;  // As EndpointType (cluster/slot_map.h).
  std::string cluster_secret;
  int64_t replicas = 0;
  LiveText quorum_read;
  LiveText quorum_write;
  Live<int64_t> quorum_mode;  // As cluster::QuorumMode.
  Live<int64_t> quorum_timeout_ms;
  Live<int64_t> repair_interval_seconds;  // 0: only by CLUSTER REPAIR.
  Live<int64_t> hint_max_bytes;
  Live<int64_t> hint_max_age_seconds;       // 0: none.
  Live<int64_t> hint_bandwidth;             // Bytes a second to each node; 0: no limit.
  Live<int64_t> auto_remove_after_seconds;  // 0: never. So is the next one.
  Live<int64_t> auto_replace_after_seconds;
  int64_t weight = 0;
  std::string rack;
  std::string datacenter;

  // What OBJECT ENCODING answers by.
  Live<int64_t> hash_listpack_entries;
  Live<int64_t> hash_listpack_value_bytes;
  Live<int64_t> set_intset_entries;
  Live<int64_t> zset_listpack_entries;
  Live<int64_t> zset_listpack_value_bytes;
  Live<int64_t> list_listpack_size;  // As Redis's list-max-listpack-size.

  // Scripts
  Live<int64_t> busy_reply_threshold_ms;  // 0: never.
  Live<int64_t> lua_memory_bytes;

  // What is recorded and published
  Live<int64_t> slowlog_threshold_us;  // Negative: off; 0: everything.
  Live<int64_t> slowlog_entries;
  Live<int64_t> latency_threshold_ms;  // 0: off.
  Live<uint32_t> notify_events;        // NotifyClass bits; 0: off.
};

}  // namespace starling::server
