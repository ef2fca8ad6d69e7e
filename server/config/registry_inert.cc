// Settings of Redis that are accepted, checked and shown by CONFIG GET, so that existing files, clients and
// test suites work, and that change nothing here; and those that are refused because ignoring them would
// mislead.
#include "server/config/setting_spec.h"

namespace starling::server {
namespace {

using enum SettingKind;

constexpr int64_t kInt32Max = std::numeric_limits<int32_t>::max();

constexpr SettingChoice kDiskless[] = {{"disabled", 0}, {"on-empty-db", 1}, {"swapdb", 2}};
constexpr SettingChoice kOomScore[] = {{"no", 0}, {"yes", 1}, {"relative", 2}, {"absolute", 3}};
constexpr SettingChoice kOnlyNo[] = {{"no", 0}};
constexpr SettingChoice kSanitize[] = {{"no", 0}, {"yes", 1}, {"clients", 2}};

constexpr std::string_view kOwnCompaction =
    "RocksDB's compaction and the checkpoints do this work, by their own rules.";
constexpr std::string_view kOwnLog =
    "The commit log has no rewrite; checkpoints bound it (checkpoint-log-size).";
constexpr std::string_view kNoReplicas = "There are no leader and replicas.";
constexpr std::string_view kAlwaysLazy =
    "Large values are always freed in a way that does not hold clients up.";
constexpr std::string_view kNoNodes =
    "Streams are not kept in nodes; trimming with ~ removes hundreds of entries.";
constexpr std::string_view kNoDefragmentation = "The allocator keeps fragmentation low by itself.";
constexpr std::string_view kSafeStop = "SIGTERM and SIGINT always stop the server in order; nothing is lost.";
constexpr std::string_view kNoTitle = "The process keeps its name.";

constexpr SettingSpec boolean(std::string_view name, std::string_view value, std::string_view why,
                              std::string_view alias = {}) {
  return {.name = name,
          .alias = alias,
          .kind = kBoolean,
          .default_text = value,
          .flags = kInert,
          .documentation = why};
}
constexpr SettingSpec integer(std::string_view name, std::string_view value, std::string_view why,
                              int64_t minimum = 0, int64_t maximum = kInt32Max, std::string_view alias = {}) {
  return {.name = name,
          .alias = alias,
          .kind = kInteger,
          .default_text = value,
          .flags = kInert,
          .minimum = minimum,
          .maximum = maximum,
          .documentation = why};
}
constexpr SettingSpec memory(std::string_view name, std::string_view value, std::string_view why) {
  return {.name = name, .kind = kMemory, .default_text = value, .flags = kInert, .documentation = why};
}
constexpr SettingSpec text(std::string_view name, std::string_view value, std::string_view why,
                           uint32_t flags = 0) {
  return {.name = name, .kind = kText, .default_text = value, .flags = kInert | flags, .documentation = why};
}
constexpr SettingSpec words(std::string_view name, std::string_view value, std::string_view why) {
  return {.name = name, .kind = kWords, .default_text = value, .flags = kInert, .documentation = why};
}
constexpr SettingSpec choice(std::string_view name, std::string_view value,
                             std::span<const SettingChoice> choices, std::string_view why,
                             uint32_t flags = kFixed) {
  return {.name = name,
          .kind = kChoice,
          .default_text = value,
          .flags = kInert | flags,
          .choices = choices,
          .documentation = why};
}

// Whoever gives it another value may count on what it does in Redis.
constexpr SettingSpec warned(SettingSpec spec, uint32_t flags = 0) {
  spec.flags |= kWarned | flags;
  return spec;
}

constexpr SettingChoice kProtectedChoices[] = {{"no", 0}, {"yes", 1}, {"local", 2}};

const SettingSpec kSettings[] = {
    warned(boolean("syslog-enabled", "no",
                   "Logs go to standard output or to logfile; supervisors forward them.")),
    text("syslog-ident", "redis", "As above.", kFixed),
    text("syslog-facility", "local0", "As above.", kFixed),
    choice(
        "tls-cluster", "no", kOnlyNo,
        "Nodes talk without TLS as yet: keep the bus to a network of its own, and give it a cluster-secret."),
    choice("tls-replication", "no", kOnlyNo, kNoReplicas),
    {.name = "save",
     .kind = kSavePoints,
     .default_text = "\"\"",
     .flags = kInert,
     .documentation = "Durability is by storage and appendfsync, and needs no dumps. SAVE and BGSAVE still "
                      "make a copy on demand."},
    boolean("appendonly", "yes", "With storage rocksdb the commit log is always there."),
    warned(choice("enable-protected-configs", "no", kProtectedChoices,
                  "What it protects in Redis, as dir, is read at start only.")),
    text("dbfilename", "dump.rdb", "No dump is written.", kProtectedSetting),
    text("appendfilename", "appendonly.aof", kOwnLog, kFixed),
    text("appenddirname", "appendonlydir", kOwnLog, kFixed),
    boolean("no-appendfsync-on-rewrite", "no", kOwnLog),
    integer("auto-aof-rewrite-percentage", "100", kOwnLog),
    memory("auto-aof-rewrite-min-size", "64mb", kOwnLog),
    boolean("aof-load-truncated", "yes",
            "A torn end of the log is always cut off; damage elsewhere always stops the start."),
    boolean("aof-use-rdb-preamble", "yes", kOwnLog),
    boolean("aof-timestamp-enabled", "no", kOwnLog),
    boolean("aof-rewrite-incremental-fsync", "yes", kOwnLog),
    boolean("rdb-save-incremental-fsync", "yes", kOwnCompaction),
    boolean("rdbcompression", "yes", kOwnCompaction),
    boolean("rdbchecksum", "yes", "Log and files are always checksummed."),
    boolean("rdb-del-sync-files", "no", kNoReplicas),
    boolean("stop-writes-on-bgsave-error", "yes", "Writes stop when the commit log cannot be written."),
    choice("sanitize-dump-payload", "no", kSanitize, "RESTORE always checks its payload in full.", 0),
    boolean("lazyfree-lazy-eviction", "no", kAlwaysLazy),
    boolean("lazyfree-lazy-expire", "no", kAlwaysLazy),
    boolean("lazyfree-lazy-server-del", "no", kAlwaysLazy),
    boolean("lazyfree-lazy-user-del", "no", kAlwaysLazy),
    boolean("lazyfree-lazy-user-flush", "no", kAlwaysLazy),
    {.name = "hz",
     .kind = kInteger,
     .default_text = "10",
     .flags = kInert | kClamped,
     .minimum = 1,
     .maximum = 500,
     .documentation = "Background work is driven by deadlines, not by a fixed frequency."},
    boolean("dynamic-hz", "yes", "As hz."),
    integer("active-expire-effort", "1", "Expired keys are found by an index of deadlines.", 1, 10),
    integer("lfu-log-factor", "10", "The lfu policies count in fixed steps."),
    integer("lfu-decay-time", "1", "The lfu policies decay at a fixed rate."),
    integer("maxmemory-eviction-tenacity", "10", "Each command evicts a bounded amount.", 0, 100),
    boolean("activerehashing", "yes", "Tables grow by parts."),
    boolean("activedefrag", "no", kNoDefragmentation),
    memory("active-defrag-ignore-bytes", "100mb", kNoDefragmentation),
    integer("active-defrag-threshold-lower", "10", kNoDefragmentation, 0, 1000),
    integer("active-defrag-threshold-upper", "100", kNoDefragmentation, 0, 1000),
    integer("active-defrag-cycle-min", "1", kNoDefragmentation, 1, 99),
    integer("active-defrag-cycle-max", "25", kNoDefragmentation, 1, 99),
    integer("active-defrag-max-scan-fields", "1000", kNoDefragmentation, 1),
    boolean("jemalloc-bg-thread", "yes", "Freed memory always goes back in the background."),
    boolean("io-threads-do-reads", "no", "I/O threads always read."),
    integer("list-compress-depth", "0", "Lists are not compressed in memory."),
    memory("hll-sparse-max-bytes", "3000", "HyperLogLogs are sparse up to 3000 bytes."),
    memory("stream-node-max-bytes", "4096", kNoNodes),
    integer("stream-node-max-entries", "100", kNoNodes),
    boolean("latency-tracking", "yes", "INFO latencystats shows what is measured."),
    words("latency-tracking-info-percentiles", "50 99 99.9", "As latency-tracking."),
    boolean("replica-serve-stale-data", "yes", kNoReplicas, "slave-serve-stale-data"),
    boolean("replica-read-only", "yes", kNoReplicas, "slave-read-only"),
    boolean("replica-lazy-flush", "no", kNoReplicas, "slave-lazy-flush"),
    boolean("replica-ignore-maxmemory", "yes", kNoReplicas, "slave-ignore-maxmemory"),
    integer("replica-priority", "100", kNoReplicas, 0, kInt32Max, "slave-priority"),
    boolean("repl-diskless-sync", "yes", kNoReplicas),
    integer("repl-diskless-sync-delay", "5", kNoReplicas),
    integer("repl-diskless-sync-max-replicas", "0", kNoReplicas),
    choice("repl-diskless-load", "disabled", kDiskless, kNoReplicas, 0),
    boolean("repl-disable-tcp-nodelay", "no", kNoReplicas),
    integer("repl-timeout", "60", kNoReplicas, 1),
    integer("repl-ping-replica-period", "10", kNoReplicas, 1, kInt32Max, "repl-ping-slave-period"),
    memory("repl-backlog-size", "1mb", kNoReplicas),
    integer("repl-backlog-ttl", "3600", kNoReplicas),
    integer("min-replicas-to-write", "0", kNoReplicas, 0, 0, "min-slaves-to-write"),
    integer("min-replicas-max-lag", "10", kNoReplicas, 0, kInt32Max, "min-slaves-max-lag"),
    boolean("always-show-logo", "no", "There is none."),
    boolean("set-proc-title", "yes", kNoTitle),
    text("proc-title-template", "\"{title} {listen-addr} {server-mode}\"", kNoTitle),
    boolean("crash-log-enabled", "yes", "A crash leaves the system's core dump."),
    boolean("crash-memcheck-enabled", "yes", "As above."),
    boolean("disable-thp", "yes", "Transparent huge pages are left as the system has them."),
    choice("oom-score-adj", "no", kOomScore, "The system's choice is not influenced.", 0),
    words("oom-score-adj-values", "0 200 800", "As above."),
    warned(text("shutdown-on-sigterm", "default", kSafeStop)),
    warned(text("shutdown-on-sigint", "default", kSafeStop)),
    warned(integer("socket-mark-id", "0", "Sockets are not marked.", 0, std::numeric_limits<uint32_t>::max()),
           kFixed),
    warned(
        integer("cluster-node-timeout", "15000", "The deadline of a peer follows from its signs of life.")),
    warned(
        text("cluster-config-file", "nodes.conf", "What a node knows of its cluster is in 'cluster' in dir."),
        kFixed),
    warned(
        boolean("cluster-require-full-coverage", "yes", "Each key works while enough of its replicas do.")),
    warned(boolean("cluster-allow-reads-when-down", "no", "Each key works while enough of its replicas do.")),
    warned(boolean("cluster-allow-pubsubshard-when-down", "yes", "Channels work on every node, always.")),
    warned(integer("cluster-migration-barrier", "1", kNoReplicas)),
    warned(boolean("cluster-allow-replica-migration", "yes", kNoReplicas)),
    warned(integer("cluster-replica-validity-factor", "10", kNoReplicas, 0, kInt32Max,
                   "cluster-slave-validity-factor")),
    warned({.name = "cluster-replica-no-failover",
            .alias = "cluster-slave-no-failover",
            .kind = kBoolean,
            .default_text = "no",
            .flags = kInert,
            .documentation = kNoReplicas}),
    warned(memory("cluster-link-sendbuf-limit", "0",
                  "The queue of a link to another node has a bound of its own.")),
};

constexpr std::string_view kNoCluster = "there are no primaries to fail over and no slots to migrate by hand";
constexpr std::string_view kNoTlsOut = "the server opens no TLS connections";
constexpr std::string_view kNoLeader =
    "other servers cannot be replicas of this one; as a replica of another one (replicaof) it has no such "
    "setting";

constexpr RefusedSetting kRefused[] = {
    {"replica-*", kNoLeader},
    {"slave-*", kNoLeader},
    {"cluster-*", kNoCluster},
    {"sentinel", "Sentinel has nothing to watch here"},
    {"loadmodule", "modules cannot be loaded"},
    {"enable-module-command", "modules cannot be loaded"},
    {"tls-client-key-file-pass", kNoTlsOut, true},
    {"tls-client-*", kNoTlsOut},
    {"tls-dh-params-file", "OpenSSL's own parameters are used"},
    {"rename-command", "commands cannot be renamed; take them from users by ACL rules"},
    {"bind-source-addr", "the server opens no connections"},
    {"server_cpulist", "threads cannot be pinned; use taskset"},
    {"bio_cpulist", "threads cannot be pinned; use taskset"},
    {"aof_rewrite_cpulist", "threads cannot be pinned; use taskset"},
    {"bgsave_cpulist", "threads cannot be pinned; use taskset"},
};

}  // namespace

SettingSection inert_settings() {
  return {"Accepted, without effect",
          "Settings of Redis that existing files, clients and test suites use. They are checked and shown by "
          "CONFIG GET, and "
          "change nothing, for the reasons given.",
          kSettings};
}

namespace {

const RefusedSetting* find_refused(std::string_view name) {
  for (const RefusedSetting& refused : kRefused) {
    bool prefix = refused.name.ends_with('*');
    std::string_view stem = refused.name.substr(0, refused.name.size() - (prefix ? 1 : 0));
    if (prefix ? name.starts_with(stem) : name == stem) return &refused;
  }
  return nullptr;
}

}  // namespace

std::string_view refusal_of(std::string_view name) {
  const RefusedSetting* refused = find_refused(name);
  return refused == nullptr ? std::string_view() : refused->reason;
}

bool refused_is_secret(std::string_view name) {
  const RefusedSetting* refused = find_refused(name);
  return refused != nullptr && refused->secret;
}

}  // namespace starling::server
