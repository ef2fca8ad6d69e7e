#include <string>
#include <utility>

#include "server/cluster/repair.h"

namespace starling::server {
namespace {

std::string exchange_text(const RepairReport::Peer& peer) {
  const cluster::ExchangeFigures& figures = peer.figures;
  return "last_exchange_ms=" + std::to_string(peer.last_exchange_ms) +
         ",duration_ms=" + std::to_string(peer.duration_ms) +
         ",messages=" + std::to_string(figures.messages) + ",bytes=" + std::to_string(figures.bytes) +
         ",partitions=" + std::to_string(figures.partitions) +
         ",differences=" + std::to_string(figures.differences) + ",failed=" + std::to_string(figures.failed) +
         ",outcome=" + peer.outcome;
}

std::string histogram_text(const cluster::SiblingCounts& counts) {
  return "2=" + std::to_string(counts[0]) + ",3-4=" + std::to_string(counts[1]) +
         ",5-8=" + std::to_string(counts[2]) + ",9+=" + std::to_string(counts[3]);
}

}  // namespace

void visit_fields(const RepairReport& report,
                  const std::function<void(std::string_view name, const std::string& value)>& visit) {
  const std::pair<std::string_view, uint64_t> numbers[] = {
      {"repair_running", report.running},
      {"repair_rounds", report.rounds},
      {"repair_differences", report.differences},
      {"repair_messages", report.messages},
      {"repair_bytes", report.bytes},
      {"repair_records_sent", report.records_sent},
      {"repair_records_failed", report.records_failed},
      {"repair_partitions_in_doubt", report.partitions_in_doubt},
      {"repair_partitions_scanned", report.partitions_scanned},
      {"settle_rounds", report.settle.rounds},
      {"settled_partitions", report.settle.partitions},
      {"tombstones_reaped", report.settle.reaped},
      {"guarded_keys", report.guarded_keys},
      {"oldest_tombstone", static_cast<uint64_t>(report.oldest_tombstone_s)}};
  for (const auto& [name, value] : numbers) visit(name, std::to_string(value));
  visit("settle_last_round", report.settle.outcome);
  visit("keys_with_siblings", histogram_text(report.siblings));
  for (const RepairReport::Peer& peer : report.peers)
    visit("repair_peer_" + peer.id.to_string().substr(0, 8), exchange_text(peer));
}

}  // namespace starling::server
