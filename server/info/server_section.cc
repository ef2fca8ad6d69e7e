// server, clients, replication, cpu, modules, cluster.
#include <sys/utsname.h>
#include <unistd.h>

#include "server/clock_keeper.h"
#include "server/cluster/cluster_node.h"
#include "server/cluster/slot_map.h"
#include "server/config.h"
#include "server/info/sections.h"
#include "server/metrics/process_figures.h"
#include "server/process/build_facts.h"
#include "server/replica_of/follower_role.h"
#include "server/server.h"
#include "server/session/tracking.h"

namespace starling::server {
namespace {

constexpr int64_t kSecondsPerDay = 86400;
constexpr int kTicksPerSecond = 10;
constexpr int64_t kLruClockMask = (1 << 24) - 1;

std::string system_name() {
  utsname name{};
  if (::uname(&name) != 0) return "unknown";
  return std::string(name.sysname) + " " + name.release + " " + name.machine;
}

std::string executable_path() {
  char path[4096];
  const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
  return size > 0 ? std::string(path, static_cast<size_t>(size)) : std::string();
}

// As a replica of Redis tells of its master; what begins with leader_ is Starling's own.
void write_leader(int64_t now_ms, InfoWriter& writer) {
  using Stage = FollowerReport::Stage;
  const FollowerReport report = FollowerRole::of_process().report();
  const bool copying = report.stage == Stage::kReceiving || report.stage == Stage::kLoading;
  const bool up = report.linked && report.stage == Stage::kFollowing;
  writer.field("master_host", report.host);
  writer.field("master_port", report.port);
  writer.field("master_link_status", up ? "up" : "down");
  writer.field("master_last_io_seconds_ago", report.linked ? (now_ms - report.heard_ms) / 1000 : -1);
  writer.field("master_sync_in_progress", copying ? 1 : 0);
  writer.field("slave_read_repl_offset", report.read_offset);
  writer.field("slave_repl_offset", report.applied_offset);
  if (copying) {
    writer.field("master_sync_total_bytes", report.file_bytes);
    writer.field("master_sync_read_bytes", report.file_done);
    writer.field("master_sync_left_bytes", report.file_bytes < 0 ? -1 : report.file_bytes - report.file_done);
  }
  if (!up) writer.field("master_link_down_since_seconds", (now_ms - report.unlinked_ms) / 1000);
  writer.field("slave_priority", 100);
  writer.field("slave_read_only", 1);
  writer.field("replica_announced", 1);
  writer.field("leader_stage", report.stage_name());
  writer.field("leader_keys_loaded", report.keys_loaded);
  writer.field("leader_errors", report.errors);
  writer.field("leader_last_error", report.last_error);
}

}  // namespace

void write_server_section(InfoContext& context, InfoWriter& writer) {
  Server& server = context.server;
  const int64_t now_us = server.clock().wall_us();
  const int64_t uptime_seconds = (now_us / 1000 - server.started_ms()) / 1000;
  writer.section("Server");
  writer.field("redis_version", kRedisVersion);
  writer.field("starling_version", build_facts().version);
  const std::string_view commit = build_facts().commit;
  writer.field("redis_git_sha1", commit.empty() ? "00000000" : commit.substr(0, 8));
  writer.field("redis_git_dirty", build_facts().changed ? 1 : 0);
  writer.field("redis_build_id", build_facts().version);
  writer.field("redis_mode", server.settings().cluster_enabled ? "cluster" : "standalone");
  writer.field("os", system_name());
  writer.field("arch_bits", 8 * static_cast<int>(sizeof(void*)));
  writer.field("monotonic_clock", "POSIX clock_gettime");
  writer.field("multiplexing_api", "libuv");
  writer.field("atomicvar_api", "c11-builtin");
#if defined(__clang__)
  writer.field("clang_version", __clang_version__);
#else
  writer.field("gcc_version", __VERSION__);
#endif
  writer.field("process_id", ::getpid());
  writer.field("process_supervised", "no");
  writer.field("run_id", server.run_id());
  const Settings& settings = server.settings();
  writer.field("tcp_port", settings.port != 0 ? settings.port : settings.tls_port);
  writer.field("server_time_usec", now_us);
  writer.field("uptime_in_seconds", uptime_seconds);
  writer.field("uptime_in_days", uptime_seconds / kSecondsPerDay);
  writer.field("hz", kTicksPerSecond);
  writer.field("configured_hz", kTicksPerSecond);
  writer.field("lru_clock", now_us / 1'000'000 & kLruClockMask);
  const ClockReport clocks = server.clock_keeper().report();
  writer.field("clock_skew_ms", clocks.skew_us / 1000);
  writer.field("clock_jumps", clocks.jumps);
  writer.field("executable", executable_path());
  writer.field("config_file", server.config().file());
  writer.field("io_threads_active", server.io_threads().size() > 1 ? 1 : 0);
}

void write_clients_section(InfoContext& context, InfoWriter& writer) {
  Server& server = context.server;
  uint64_t largest_input = 0, largest_output = 0, suspended = 0, unread = 0;
  for (const auto& io_thread : server.io_threads()) {
    const LoopStatistics& statistics = io_thread->statistics();
    largest_input = std::max(largest_input, statistics.largest_input_bytes.get());
    largest_output = std::max(largest_output, statistics.largest_output_bytes.get());
    suspended += statistics.suspended_clients.get();
    unread += statistics.unread_clients.get();
  }
  writer.section("Clients");
  writer.field("connected_clients", server.connected_clients.load());
  writer.field("cluster_connections", 0);
  writer.field("maxclients", server.settings().max_clients.get());
  writer.field("client_recent_max_input_buffer", largest_input);
  writer.field("client_recent_max_output_buffer", largest_output);
  writer.field("blocked_clients", suspended);
  writer.field("tracking_clients", server.tracking().clients());
  writer.field("clients_in_timeout_table", 0);
  // Starling's own: who is answered and does not read.
  writer.field("clients_with_unread_replies", unread);
}

void write_replication_section(InfoContext& context, InfoWriter& writer) {
  writer.section("Replication");
  const bool follows = FollowerRole::of_process().state() != FollowerRole::State::kNone;
  writer.field("role", follows ? "slave" : "master");
  if (follows) write_leader(context.server.clock().monotonic_us() / 1000, writer);
  writer.field("connected_slaves", 0);
  writer.field("master_failover_state", "no-failover");
  writer.field("master_replid", context.server.run_id());
  writer.field("master_replid2", std::string(40, '0'));
  writer.field("master_repl_offset", 0);
  writer.field("second_repl_offset", -1);
  writer.field("repl_backlog_active", 0);
  writer.field("repl_backlog_size", 0);
  writer.field("repl_backlog_first_byte_offset", 0);
  writer.field("repl_backlog_histlen", 0);
}

void write_cpu_section(InfoContext&, InfoWriter& writer) {
  const ProcessorTimes times = processor_times();
  writer.section("CPU");
  writer.real("used_cpu_sys", times.system_seconds, 6);
  writer.real("used_cpu_user", times.user_seconds, 6);
  writer.real("used_cpu_sys_children", times.children_system_seconds, 6);
  writer.real("used_cpu_user_children", times.children_user_seconds, 6);
}

void write_modules_section(InfoContext&, InfoWriter& writer) {
  writer.section("Modules");
}

void write_cluster_section(InfoContext& context, InfoWriter& writer) {
  writer.section("Cluster");
  const ClusterNode* cluster = context.server.cluster();
  writer.field("cluster_enabled", context.server.settings().cluster_enabled ? 1 : 0);
  if (cluster == nullptr) return;
  const cluster::GossipFigures gossip = cluster->gossip_figures();
  const HintReport hints = cluster->hint_report();
  const ClusterTotals totals = cluster->totals();
  const auto placement = cluster->placement();
  writer.field("cluster_formed", placement != nullptr ? 1 : 0);
  writer.field("cluster_members", placement != nullptr ? placement->topology.members.size() : 0);
  writer.field("cluster_epoch", placement != nullptr ? placement->topology.epoch : 0);
  const ClockReport clocks = context.server.clock_keeper().report();
  writer.field("cluster_clock_state", clocks.state());
  writer.field("cluster_clock_skew_ms", clocks.skew_us / 1000);
  writer.field("cluster_clock_peers_heard", clocks.peers.size());
  writer.field("cluster_suspects", gossip.suspects);
  writer.field("cluster_down", gossip.down);
  writer.field("cluster_last_detection_ms", gossip.last_detection_us / 1000);
  writer.field("cluster_gossip_sent_per_sec", gossip.messages_sent_per_s);
  writer.field("cluster_gossip_bytes_sent_per_sec", gossip.bytes_sent_per_s);
  writer.field("cluster_forwards", totals.forwards);
  writer.field("cluster_forwards_lost", totals.forwards_lost);
  writer.field("cluster_forwards_repeated", totals.forwards_repeated);
  writer.field("cluster_forwards_late", totals.forwards_late);
  writer.field("cluster_fan_outs", totals.fan_outs);
  writer.field("cluster_writes_shipped", totals.writes_shipped);
  writer.field("cluster_writes_failed", totals.writes_failed);
  writer.field("cluster_bytes_under_way", totals.bytes_under_way);
  writer.field("cluster_quorum_reads", totals.quorum_reads);
  writer.field("cluster_reads_failed", totals.reads_failed);
  writer.field("cluster_newer_fetched", totals.newer_fetched);
  writer.field("cluster_read_repairs", totals.read_repairs);
  writer.field("cluster_gaps", totals.gaps);
  writer.field("cluster_writes_overruled", totals.writes_overruled);
  writer.field("cluster_writes_refused", totals.writes_refused);
  writer.field("cluster_hints_waiting", hints.waiting);
  writer.field("cluster_hints_bytes", hints.bytes);
  writer.field("cluster_hints_kept", hints.kept);
  writer.field("cluster_hints_delivered", hints.delivered);
  writer.field("cluster_hints_dropped", hints.dropped);
  writer.field("cluster_hints_expired", hints.expired);
  writer.field("cluster_hints_forgotten", hints.forgotten);
  for (const HintReport::Target& target : hints.targets) {
    writer.field("cluster_hints_for_" + target.id.to_string().substr(0, 8), hint_progress(*cluster, target));
  }
  visit_fields(cluster->repair_report(),
               [&writer](std::string_view name, const std::string& value) { writer.field(name, value); });
}

}  // namespace starling::server
