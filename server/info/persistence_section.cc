// persistence: the commit log in the fields of Redis's append-only file, snapshots in those of its dumps; and
// the store.
#include <algorithm>
#include <string_view>

#include "server/info/sections.h"
#include "server/server.h"

namespace starling::server {
namespace {

std::string_view status_name(bool ok) {
  return ok ? "ok" : "err";
}

void write_snapshots(Server& server, const engine::Statistics& statistics, InfoWriter& writer) {
  const SnapshotStatus snapshots = server.snapshots().status();
  writer.field("rdb_changes_since_last_save", statistics.changes_since_checkpoint);
  writer.field("rdb_bgsave_in_progress", snapshots.running ? 1 : 0);
  writer.field("rdb_last_save_time", server.last_save_seconds(statistics));
  writer.field("rdb_last_bgsave_status", status_name(snapshots.last_ok));
  writer.field("rdb_last_bgsave_time_sec", snapshots.last_duration_seconds);
  writer.field("rdb_current_bgsave_time_sec", snapshots.running_seconds);
  writer.field("rdb_saves", snapshots.count);
  writer.nothing_of({"rdb_last_cow_size", "rdb_last_load_keys_expired", "rdb_last_load_keys_loaded"});
}

void write_log(bool durable, const engine::Statistics& statistics, InfoWriter& writer) {
  writer.field("aof_enabled", durable ? 1 : 0);
  writer.field("aof_rewrite_in_progress", statistics.checkpoint_running ? 1 : 0);
  writer.field("aof_rewrite_scheduled", 0);
  writer.field("aof_last_rewrite_time_sec",
               statistics.checkpoints == 0 ? -1 : statistics.last_checkpoint_duration_ms / 1000);
  writer.field("aof_current_rewrite_time_sec", -1);
  writer.field("aof_last_bgrewrite_status", status_name(statistics.last_checkpoint_ok));
  writer.field("aof_rewrites", statistics.checkpoints);
  writer.nothing_of({"aof_rewrites_consecutive_failures"});
  writer.field("aof_last_write_status", status_name(statistics.log_ok));
  writer.nothing_of({"aof_last_cow_size", "module_fork_in_progress", "module_fork_last_cow_size"});
  if (durable) writer.field("aof_current_size", statistics.log_bytes);
}

// By purpose; none is in two of them, but for files that snapshots share with the store.
void write_disk(Server& server, const engine::Statistics& statistics, InfoWriter& writer) {
  const DiskUsage& usage = server.pulse().disk_usage();
  uint64_t hint_bytes = 0;
  server.engine().for_each_store_statistic([&](std::string_view name, uint64_t value) {
    if (name == "hint_bytes") hint_bytes = value;
  });
  const uint64_t snapshot_bytes = server.snapshots().status().bytes;
  // Figures of two moments.
  const uint64_t store_bytes =
      statistics.store_disk_bytes - std::min(statistics.store_disk_bytes, hint_bytes);
  writer.field("disk_store_bytes", store_bytes);
  writer.field("disk_hints_bytes", hint_bytes);
  writer.field("disk_log_bytes", usage.log_bytes());
  writer.field("disk_log_spare_bytes", usage.spare_log_bytes());
  writer.field("disk_snapshots_bytes", snapshot_bytes);
  writer.field("disk_ballast_bytes", usage.ballast_bytes());
  writer.field("disk_used_bytes", store_bytes + hint_bytes + usage.log_bytes() + usage.spare_log_bytes() +
                                      snapshot_bytes + usage.ballast_bytes());
}

// How far the replay of the commit log is, in Redis's fields.
void write_loading(Server& server, InfoWriter& writer) {
  const auto [loaded, total] = server.engine().load_progress();
  const int64_t elapsed_ms = std::max<int64_t>(server.clock().wall_ms() - server.loading_since_ms(), 0);
  writer.field("loading_start_time", server.loading_since_ms() / 1000);
  writer.field("loading_total_bytes", total);
  writer.nothing_of({"loading_rdb_used_mem"});
  writer.field("loading_loaded_bytes", loaded);
  writer.real("loading_loaded_perc",
              100 * static_cast<double>(loaded) / static_cast<double>(std::max<uint64_t>(total, 1)));
  const double left_ms = static_cast<double>(elapsed_ms) * static_cast<double>(total - loaded) /
                         static_cast<double>(std::max<uint64_t>(loaded, 1));
  writer.field("loading_eta_seconds", loaded == 0 ? 1 : static_cast<int64_t>(left_ms / 1000));
}

}  // namespace

void write_persistence_section(InfoContext& context, InfoWriter& writer) {
  Server& server = context.server;
  const engine::Statistics statistics = server.engine().statistics();
  writer.section("Persistence");
  writer.field("loading", server.loading() ? 1 : 0);
  writer.field("async_loading", 0);
  writer.nothing_of({"current_cow_peak", "current_cow_size", "current_cow_size_age"});
  writer.real("current_fork_perc", 0);
  writer.nothing_of({"current_save_keys_processed", "current_save_keys_total"});
  write_snapshots(server, statistics, writer);
  write_log(server.engine().options().durable, statistics, writer);
  if (server.loading()) write_loading(server, writer);
  // Starling's own.
  writer.field("checkpoint_running", statistics.checkpoint_running ? 1 : 0);
  writer.field("checkpoints", statistics.checkpoints);
  writer.field("checkpoint_last_time", statistics.last_checkpoint_ms / 1000);
  writer.field("checkpoint_last_duration_ms", statistics.last_checkpoint_duration_ms);
  writer.field("checkpoint_last_status", status_name(statistics.last_checkpoint_ok));
  writer.field("dirty_bytes", statistics.dirty_bytes);
  writer.field("log_bytes", statistics.log_bytes);
  writer.field("log_syncs", statistics.log_syncs);
  writer.field("store_disk_bytes", statistics.store_disk_bytes);
  if (server.engine().options().durable) write_disk(server, statistics, writer);
}

void write_store_section(InfoContext& context, InfoWriter& writer) {
  writer.section("Rocksdb");
  context.server.engine().for_each_store_statistic(
      [&](std::string_view name, uint64_t value) { writer.field(name, value); });
}

}  // namespace starling::server
