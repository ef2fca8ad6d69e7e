#include "server/commands/cluster/quorum_verdict.h"

#include <cstddef>

namespace starling::server {
namespace {

std::string verdict(const cluster::Consistency& level, const std::vector<ReplicaState>& replicas, uint8_t own,
                    size_t stand_ins) {
  std::vector<uint8_t> datacenters;
  for (const ReplicaState& replica : replicas) datacenters.push_back(replica.datacenter);
  cluster::Tally tally(level, datacenters, own);
  const int needed = tally.needed();
  size_t up = 0, standing_in = 0;
  for (size_t i = 0; i < replicas.size(); ++i) {
    up += replicas[i].up ? 1 : 0;
    if (!replicas[i].up && standing_in == stand_ins) continue;
    standing_in += replicas[i].up ? 0 : 1;
    tally.acknowledge(i);
  }
  std::string text = tally.reached() ? "yes, " : "no, ";
  text += std::to_string(up) + " of " + std::to_string(replicas.size()) + " replicas are up";
  if (standing_in != 0) text += ", other nodes stand in for " + std::to_string(standing_in);
  return text + " and " + std::to_string(needed) + " are needed";
}

}  // namespace

std::string quorum_verdict(const cluster::QuorumOptions& options, const QuorumOutlook& outlook) {
  const size_t usable = options.mode == cluster::QuorumMode::kSloppy ? outlook.stand_ins : 0;
  std::string text = "read: " + verdict(options.read, outlook.reads, outlook.own, usable) + "; write: ";
  for (size_t i = 0; i < outlook.writes.size(); ++i) {
    if (i != 0) text += "; and where it moves to: ";
    text += verdict(options.write, outlook.writes[i], outlook.own, usable);
  }
  return text;
}

}  // namespace starling::server
