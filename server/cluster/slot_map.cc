#include "server/cluster/slot_map.h"

#include <algorithm>

#include "engine/base/key.h"
#include "server/clock_keeper.h"
#include "server/cluster/cluster_node.h"
#include "server/cluster/cluster_thread.h"

namespace starling::server {
namespace {

constexpr int kCursorPartitionShift = 39;  // engine/node/scanner.h: a cursor is partition << 39 | hash.

void field(std::string_view name, const std::string& value, std::string* out) {
  *out += name;
  *out += ':';
  *out += value;
  *out += "\r\n";
}

const cluster::MemberView* find(const std::vector<cluster::MemberView>& views, const cluster::NodeId& id) {
  const auto found = std::find_if(views.begin(), views.end(),
                                  [&](const cluster::MemberView& view) { return view.id == id; });
  return found == views.end() ? nullptr : &*found;
}

std::string flags_of(const cluster::MemberView* view, bool self) {
  if (self) return "myself,master";
  if (view == nullptr || view->phase == cluster::Phase::kDown) return "master,fail";
  return view->phase == cluster::Phase::kSuspect ? "master,fail?" : "master";
}

}  // namespace

std::vector<SlotRange> slot_ranges(const cluster::Placement& placement,
                                   const std::function<bool(cluster::NodeIndex)>& healthy) {
  std::vector<SlotRange> ranges;
  for (uint32_t slot = 0; slot < engine::kPartitionCount; ++slot) {
    const auto number = static_cast<uint16_t>(slot);
    const auto replicas = placement.replicas(slot);
    const auto found = std::find_if(replicas.begin(), replicas.end(), healthy);
    const cluster::NodeIndex coordinator = found == replicas.end() ? replicas[0] : *found;
    if (ranges.empty() || ranges.back().coordinator != coordinator) {
      ranges.push_back({number, number, coordinator});
    } else {
      ranges.back().last = number;
    }
  }
  return ranges;
}

// Partitions that can be read and written from here by the quorums of the settings.
size_t served_partitions(const ClusterThread& thread) {
  const auto& placement = thread.placement();
  const cluster::QuorumOptions& quorum = thread.default_quorum();
  size_t count = 0;
  bool served = false;
  for (uint32_t partition = 0; partition < engine::kPartitionCount; ++partition) {
    const auto number = static_cast<uint16_t>(partition);
    const bool as_before =
        partition != 0 &&
        std::ranges::equal(placement->replicas(partition), placement->replicas(partition - 1)) &&
        !placement->moving(number) && !placement->moving(static_cast<uint16_t>(partition - 1));
    if (!as_before) {
      served = !thread.coordinator().hopeless(number, quorum.write, quorum.mode, true) &&
               !thread.coordinator().hopeless(number, quorum.read, quorum.mode, false);
    }
    count += served ? 1 : 0;
  }
  return count;
}

std::string_view ring_phase_name(cluster::TransitionPhase phase) {
  switch (phase) {
    case cluster::TransitionPhase::kNone:
      return "none";
    case cluster::TransitionPhase::kCopying:
      return "copying";
    case cluster::TransitionPhase::kSwitched:
      return "switched";
  }
  return "none";
}

namespace {

// How far a change of the ring is.
void ring_fields(const RingReport& ring, std::string* text) {
  field("cluster_ring_change", std::string(ring_phase_name(ring.phase)), text);
  field("cluster_ring_compared", std::to_string(ring.compared), text);
  field("cluster_ring_to_compare", std::to_string(ring.total), text);
  field("cluster_ring_forgotten", std::to_string(ring.forgotten), text);
  field("cluster_ring_to_forget", std::to_string(ring.to_forget), text);
  field("cluster_ring_waits_for", ring.waiting_for, text);
}

// The own clock against the time of the cluster, and the peers' as last heard.
void clock_fields(const ClockReport& clocks, std::string* text) {
  field("clock_state", clocks.state(), text);
  field("clock_skew_ms", std::to_string(clocks.skew_us / 1000), text);
  field("clock_jumps", std::to_string(clocks.jumps), text);
  for (size_t i = 0; i < clocks.peers.size(); ++i) {
    const cluster::ClockView& peer = clocks.peers[i];
    field("clock_peer" + std::to_string(i),
          "node=" + peer.node.to_string() + ",clock_skew_ms=" + std::to_string(peer.skew_us / 1000) +
              ",error_ms=" + std::to_string((peer.error_us + 999) / 1000) +
              ",age_ms=" + std::to_string(peer.age_us / 1000),
          text);
  }
}

}  // namespace

std::string cluster_info(const ClusterNode& cluster, const ClusterThread& thread) {
  const auto placement = cluster.placement();
  const std::vector<cluster::MemberView> views = cluster.members();
  const cluster::GossipFigures gossip = cluster.gossip_figures();
  const HintReport hints = cluster.hint_report();
  const bool formed = placement != nullptr && thread.placement() != nullptr;
  const size_t slots = formed ? engine::kPartitionCount : 0;
  const size_t served = formed ? served_partitions(thread) : 0;
  std::string text;
  field("cluster_enabled", "1", &text);
  field("cluster_state", formed && served == slots ? "ok" : "fail", &text);
  field("cluster_slots_assigned", std::to_string(slots), &text);
  field("cluster_slots_ok", std::to_string(served), &text);
  field("cluster_slots_pfail", "0", &text);
  field("cluster_slots_fail", std::to_string(slots - served), &text);
  const auto known = std::count_if(views.begin(), views.end(), [](const auto& view) { return view.counts; });
  field("cluster_known_nodes", std::to_string(known), &text);
  field("cluster_size", std::to_string(formed ? placement->topology.members.size() : 0), &text);
  field("cluster_current_epoch", std::to_string(formed ? placement->topology.epoch : 0), &text);
  field("cluster_my_epoch", std::to_string(formed ? placement->topology.epoch : 0), &text);
  field("cluster_stats_messages_sent", std::to_string(gossip.messages_sent), &text);
  field("cluster_stats_messages_received", std::to_string(gossip.messages_received), &text);
  field("cluster_replicas", std::to_string(formed ? placement->topology.replicas : 0), &text);
  field("cluster_suspects", std::to_string(gossip.suspects), &text);
  field("cluster_down", std::to_string(gossip.down), &text);
  field("cluster_last_detection_ms", std::to_string(gossip.last_detection_us / 1000), &text);
  field("cluster_hints_waiting", std::to_string(hints.waiting), &text);
  field("cluster_hints_kept", std::to_string(hints.kept), &text);
  field("cluster_hints_delivered", std::to_string(hints.delivered), &text);
  field("cluster_hints_dropped", std::to_string(hints.dropped), &text);
  field("cluster_hints_expired", std::to_string(hints.expired), &text);
  visit_fields(cluster.repair_report(),
               [&](std::string_view name, const std::string& value) { field(name, value, &text); });
  clock_fields(cluster.clocks(), &text);
  ring_fields(cluster.ring_report(), &text);
  field("cluster_waiting_for", cluster.waiting_for(), &text);
  return text;
}

std::string hint_progress(const ClusterNode& cluster, const HintReport::Target& target) {
  return "waiting=" + std::to_string(target.waiting) + ",bytes=" + std::to_string(target.bytes) +
         ",oldest=" + std::to_string(cluster.hint_age_seconds(target)) +
         ",delivered=" + std::to_string(target.delivered) +
         ",delivered_bytes=" + std::to_string(target.delivered_bytes) +
         ",state=" + std::string(cluster.delivers_hints_to(target.id) ? "delivering" : "paused");
}

std::vector<cluster::NodeDescription> present_members(const ClusterNode& cluster,
                                                      const cluster::Placement& placement) {
  const std::vector<cluster::MemberView> views = cluster.members();
  std::vector<cluster::NodeDescription> present(placement.numbers_end());
  for (const cluster::NodeIndex node : placement.nodes()) {
    const cluster::Member& member = placement.member(node);
    const cluster::MemberView* view = find(views, member.id);
    // One that has only just called has told no port for clients yet.
    if (view != nullptr && view->description.port != 0) {
      present[node] = view->description;
      continue;
    }
    cluster::NodeDescription& as_formed = present[node];
    as_formed.host = member.host;
    as_formed.port = member.port;
    as_formed.bus_port = member.bus_port;
  }
  return present;
}

uint16_t client_port(const cluster::NodeDescription& node, bool by_tls) {
  return by_tls && node.tls_port != 0 ? node.tls_port : node.port;
}

std::string cluster_nodes(const ClusterNode& cluster, bool by_tls) {
  const auto placement = cluster.placement();
  const std::vector<cluster::MemberView> views = cluster.members();
  std::string text;
  const auto line = [&](const cluster::NodeId& id, const cluster::NodeDescription& node, uint64_t epoch) {
    const cluster::MemberView* view = find(views, id);
    const bool self = id == cluster.id();
    const bool up = self || (view != nullptr && view->phase == cluster::Phase::kAlive);
    text += id.to_string() + " " + node.host + ":" + std::to_string(client_port(node, by_tls)) + "@" +
            std::to_string(node.bus_port) + (node.hostname.empty() ? "" : "," + node.hostname) + " " +
            flags_of(view, self) + " - 0 0 " + std::to_string(epoch) + (up ? " connected" : " disconnected");
  };
  if (placement == nullptr) {
    for (const cluster::MemberView& view : views) {
      line(view.id, view.description, 0);
      text += "\n";
    }
    return text;
  }
  const std::vector<cluster::NodeDescription> present = present_members(cluster, *placement);
  const std::vector<SlotRange> ranges =
      slot_ranges(*placement, [&](cluster::NodeIndex node) { return cluster.coordinates(node); });
  for (const cluster::NodeIndex node : placement->nodes()) {
    line(placement->id_of(node), present[node], placement->topology.epoch);
    for (const SlotRange& range : ranges) {
      if (range.coordinator != node) continue;
      text += " " + std::to_string(range.first);
      if (range.last != range.first) text += "-" + std::to_string(range.last);
    }
    text += "\n";
  }
  return text;
}

std::vector<std::string> keys_in_partition(engine::Engine& engine, int database, uint16_t partition,
                                           size_t count, int64_t now_ms) {
  std::vector<std::string> names;
  engine::ScanFilter filter;
  filter.match = [partition](std::string_view key) { return engine::partition_of(key) == partition; };
  uint64_t cursor = static_cast<uint64_t>(partition) << kCursorPartitionShift;
  while (names.size() < count) {
    const auto visit = [&](std::string_view key) {
      if (names.size() < count) names.emplace_back(key);
    };
    cursor = engine.scan(database, cursor, 1000, filter, now_ms, visit, nullptr);
    if (cursor >> kCursorPartitionShift != partition) break;
  }
  return names;
}

}  // namespace starling::server
