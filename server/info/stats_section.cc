// stats and keyspace.
#include <algorithm>

#include "server/info/sections.h"
#include "server/server.h"
#include "server/session/pubsub.h"
#include "server/session/tracking.h"

namespace starling::server {
namespace {

constexpr double kBytesPerKibibyte = 1024;

struct LoopTotals {
  uint64_t commands = 0, input_bytes = 0, output_bytes = 0, cycles = 0;
  uint64_t reads = 0, writes = 0;
};

LoopTotals sum_loops(Server& server) {
  LoopTotals totals;
  for (const auto& io_thread : server.io_threads()) {
    const LoopStatistics& statistics = io_thread->statistics();
    totals.commands += statistics.commands_processed.get();
    totals.input_bytes += statistics.input_bytes.get();
    totals.output_bytes += statistics.output_bytes.get();
    totals.cycles += statistics.passes.get();
    totals.reads += statistics.reads.get();
    totals.writes += statistics.writes.get();
  }
  return totals;
}

void write_traffic(Server& server, const LoopTotals& totals, InfoWriter& writer) {
  const Pulse& pulse = server.pulse();
  writer.field("total_connections_received", server.connections_received.load());
  writer.field("total_commands_processed", totals.commands);
  writer.field("instantaneous_ops_per_sec", pulse.commands.per_second());
  writer.field("total_net_input_bytes", totals.input_bytes);
  writer.field("total_net_output_bytes", totals.output_bytes);
  writer.field("eventloop_cycles", totals.cycles);
  writer.field("total_net_repl_input_bytes", 0);
  writer.field("total_net_repl_output_bytes", 0);
  writer.real("instantaneous_input_kbps",
              static_cast<double>(pulse.input_bytes.per_second()) / kBytesPerKibibyte);
  writer.real("instantaneous_output_kbps",
              static_cast<double>(pulse.output_bytes.per_second()) / kBytesPerKibibyte);
  writer.nothing_of({"instantaneous_input_repl_kbps", "instantaneous_output_repl_kbps"});
  writer.field("rejected_connections", server.connections_rejected.load());
  writer.field("client_limit_disconnections", server.clients_disconnected_by_limits.load());
  writer.field("sync_full", 0);
  writer.field("sync_partial_ok", 0);
  writer.field("sync_partial_err", 0);
}

}  // namespace

void write_stats_section(InfoContext& context, InfoWriter& writer) {
  Server& server = context.server;
  const engine::Statistics statistics = server.engine().statistics();
  const LoopTotals totals = sum_loops(server);
  writer.section("Stats");
  write_traffic(server, totals, writer);
  writer.field("expired_keys", statistics.expired);
  writer.real("expired_stale_perc", 0);
  writer.nothing_of({"expired_time_cap_reached_count", "expire_cycle_cpu_milliseconds"});
  writer.field("evicted_keys", statistics.evicted);
  writer.field("evicted_clients", server.client_memory().evicted_clients.load());
  writer.nothing_of({"total_eviction_exceeded_time", "current_eviction_exceeded_time"});
  writer.field("keyspace_hits", statistics.keyspace_hits);
  writer.field("keyspace_misses", statistics.keyspace_misses);
  writer.field("pubsub_channels", server.pubsub().name_count(ChannelKind::kChannel));
  writer.field("pubsub_patterns", server.pubsub().name_count(ChannelKind::kPattern));
  writer.field("pubsubshard_channels", server.pubsub().name_count(ChannelKind::kShard));
  writer.field("latest_fork_usec", 0);
  writer.field("total_forks", 0);
  writer.nothing_of({"migrate_cached_sockets", "slave_expires_tracked_keys", "active_defrag_hits",
                     "active_defrag_misses", "active_defrag_key_hits", "active_defrag_key_misses",
                     "total_active_defrag_time", "current_active_defrag_time"});
  writer.field("tracking_total_keys", server.tracking().keys());
  writer.field("tracking_total_items", server.tracking().items());
  writer.field("tracking_total_prefixes", server.tracking().prefixes().size());
  writer.field("unexpected_error_replies", 0);
  writer.field("total_error_replies", server.errors().total());
  const bool several = server.io_threads().size() > 1;
  writer.nothing_of({"dump_payload_sanitizations"});
  writer.field("total_reads_processed", totals.reads);
  writer.field("total_writes_processed", totals.writes);
  writer.field("io_threaded_reads_processed", several ? totals.reads : 0);
  writer.field("io_threaded_writes_processed", several ? totals.writes : 0);
  writer.nothing_of({"reply_buffer_shrinks", "reply_buffer_expands"});
  const acl::DenialLog& denials = server.denials();
  writer.field("acl_access_denied_auth", denials.total(acl::Refused::kLogin));
  writer.field("acl_access_denied_cmd", denials.total(acl::Refused::kCommand));
  writer.field("acl_access_denied_key", denials.total(acl::Refused::kKey));
  writer.field("acl_access_denied_channel", denials.total(acl::Refused::kChannel));
  // Starling's own.
  writer.field("disk_reads", statistics.disk_reads);
  writer.field("deadline_index_entries", statistics.index_entries);
  writer.field("auth_failures", server.auth_throttle().failures.load());
  writer.field("auth_delayed", server.auth_throttle().delayed.load());
}

void write_keyspace_section(InfoContext& context, InfoWriter& writer) {
  writer.section("Keyspace");
  if (context.server.loading()) return;
  for (int index = 0; index < engine::kDatabaseCount; ++index) {
    const engine::KeyCounts keys = context.operation.counts(index);
    if (keys.live == 0) continue;
    // The index may still refer to keys that are gone.
    const int64_t average =
        keys.with_deadline == 0 ? 0 : context.operation.database(index).average_time_left_ms();
    writer.field("db" + std::to_string(index), "keys=" + std::to_string(keys.live) +
                                                   ",expires=" + std::to_string(keys.with_deadline) +
                                                   ",avg_ttl=" + std::to_string(average));
  }
}

}  // namespace starling::server
