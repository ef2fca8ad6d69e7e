#include "cluster/topology/placement.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "engine/base/assert.h"

namespace starling::cluster {
namespace {

std::vector<NodeIndex> numbers_of(const Topology& topology, const NodeNumbers* numbers) {
  std::vector<NodeIndex> found;
  for (size_t place = 0; place < topology.members.size(); ++place)
    found.push_back(numbers == nullptr ? static_cast<NodeIndex>(place)
                                       : numbers->of(topology.members[place].id));
  return found;
}

std::vector<NodeIndex> places_of(const std::vector<NodeIndex>& numbers) {
  std::vector<NodeIndex> places(*std::max_element(numbers.begin(), numbers.end()) + size_t{1}, kNoNode);
  for (size_t place = 0; place < numbers.size(); ++place)
    places[numbers[place]] = static_cast<NodeIndex>(place);
  return places;
}

const std::vector<NodeIndex>& owners_read(const Topology& topology) {
  return topology.transition.phase == TransitionPhase::kSwitched ? topology.transition.next_owners
                                                                 : topology.owners;
}

bool contains(std::span<const NodeIndex> nodes, NodeIndex node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

uint64_t first_bits(size_t count) {
  return (uint64_t{1} << count) - 1;
}

static_assert(2 * kMaxReplicas < 64, "a set of writers fits");

}  // namespace

Placement::Placement(Topology agreed, const NodeId& id, const NodeNumbers* numbers)
    : topology(std::move(agreed)),
      numbers_(numbers_of(topology, numbers)),
      places_(places_of(numbers_)),
      preference(table_of(owners_read(topology))),
      self(number_of(id)),
      one_set_{first_bits(preference.width())} {
  STARLING_ASSERT(self != kNoNode);
  number_datacenters();
  if (topology.changing()) find_moves();
}

// In terms of numbers. Who has none of the ring's partitions plays no part in it, so it may be nobody.
PreferenceTable Placement::table_of(const std::vector<NodeIndex>& owners) const {
  std::vector<Member> members(places_.size());
  for (const NodeIndex number : numbers_) members[number] = member(number);
  std::vector<NodeIndex> by_number;
  by_number.reserve(owners.size());
  for (const NodeIndex place : owners) by_number.push_back(numbers_[place]);
  return PreferenceTable(members, std::move(by_number), topology.replicas);
}

void Placement::number_datacenters() {
  datacenters.resize(places_.size());
  std::vector<std::string_view> names;
  for (const NodeIndex number : numbers_) {
    auto found = std::find(names.begin(), names.end(), member(number).datacenter);
    // More data centres than numbers share the last one.
    if (found == names.end() && names.size() < 255)
      found = names.insert(names.end(), member(number).datacenter);
    datacenters[number] = static_cast<uint8_t>(found - names.begin());
  }
}

void Placement::find_moves() {
  other_ = std::make_unique<PreferenceTable>(table_of(topology.transition.phase == TransitionPhase::kSwitched
                                                          ? topology.owners
                                                          : topology.transition.next_owners));
  move_of_.assign(topology.partition_count, kNotMoving);
  std::map<std::pair<std::vector<NodeIndex>, std::vector<NodeIndex>>, uint16_t> known;
  for (uint32_t i = 0; i < topology.partition_count; ++i) {
    const auto partition = static_cast<uint16_t>(i);
    const auto read = replicas(partition), other = other_->replicas(partition);
    if (std::ranges::equal(read, other)) continue;
    const auto [found, added] = known.try_emplace({{read.begin(), read.end()}, {other.begin(), other.end()}},
                                                  static_cast<uint16_t>(moves_.size()));
    if (added) {
      Move& move = moves_.emplace_back();
      move.nodes.assign(read.begin(), read.end());
      move.sets[0] = first_bits(read.size());
      move.sets[1] = 0;
      for (const NodeIndex node : other) {
        if (!contains(move.nodes, node)) move.nodes.push_back(node);
        move.sets[1] |=
            uint64_t{1} << (std::find(move.nodes.begin(), move.nodes.end(), node) - move.nodes.begin());
      }
    }
    move_of_[i] = found->second;
  }
}

bool Placement::stores(uint16_t partition, NodeIndex node) const {
  return contains(writers(partition).nodes, node);
}

NodeIndex Placement::runner(uint16_t partition, bool strict, absl::FunctionRef<bool(NodeIndex)> can_run,
                            absl::FunctionRef<bool(NodeIndex)> stands_back) const {
  NodeIndex found = kNoNode;
  for (const NodeIndex node : replicas(partition)) {
    if (!can_run(node)) continue;
    if (!stands_back(node)) return node;
    if (found == kNoNode) found = node;
  }
  if (found != kNoNode) return found;
  if (strict) return found;
  preference.walk(partition, [&](NodeIndex node) {
    if (!can_run(node)) return true;
    found = node;
    return false;
  });
  return found;
}

}  // namespace starling::cluster
