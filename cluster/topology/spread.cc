#include "cluster/topology/spread.h"

#include <map>
#include <string_view>
#include <utility>

namespace starling::cluster {

Places::Places(const std::vector<Member>& members, std::span<const NodeIndex> owners)
    : rack_of_node_(members.size(), 0) {
  std::vector<bool> on_ring(members.size(), false);
  for (const NodeIndex owner : owners) on_ring[owner] = true;
  std::map<std::string_view, uint32_t> datacenters;
  std::map<std::pair<uint32_t, std::string_view>, uint32_t> racks;
  for (size_t node = 0; node < members.size(); ++node) {
    if (!on_ring[node]) continue;
    const auto datacenter =
        datacenters.try_emplace(members[node].datacenter, static_cast<uint32_t>(datacenters.size())).first;
    if (datacenter->second == racks_in_datacenter_.size()) racks_in_datacenter_.emplace_back();
    const auto rack =
        racks.try_emplace({datacenter->second, members[node].rack}, static_cast<uint32_t>(racks.size()))
            .first;
    if (rack->second == nodes_in_rack_.size()) {
      nodes_in_rack_.push_back(0);
      datacenter_of_rack_.push_back(datacenter->second);
      racks_in_datacenter_[datacenter->second].push_back(rack->second);
    }
    rack_of_node_[node] = rack->second;
    ++nodes_in_rack_[rack->second];
    ++nodes_on_ring_;
  }
}

Spread::Spread(const Places& places)
    : places_(&places), racks_(places.racks()), datacenters_(places.datacenters()) {
  for (size_t rack = 0; rack < racks_.size(); ++rack) {
    const uint32_t nodes = places.nodes_in_rack(static_cast<uint32_t>(rack));
    racks_[rack] = {places.datacenter_of_rack(static_cast<uint32_t>(rack)), 0, nodes};
    datacenters_[racks_[rack].datacenter].left += nodes;
    ++datacenters_[racks_[rack].datacenter].racks_at_level;
  }
  datacenters_at_level_ = static_cast<uint32_t>(datacenters_.size());
  left_ = places.nodes_on_ring();
}

bool Spread::take(NodeIndex node) {
  const uint32_t rack_number = places_->rack_of(node);
  Rack& rack = racks_[rack_number];
  Datacenter& datacenter = datacenters_[rack.datacenter];
  bool rose = false;
  ++rack.taken;
  --rack.left;
  ++datacenter.taken;
  --datacenter.left;
  --left_;
  taken_.push_back(node);
  if (--datacenter.racks_at_level == 0 && datacenter.left > 0) {
    rose = true;
    ++datacenter.level;
    for (const uint32_t other : places_->racks_in(rack.datacenter))
      datacenter.racks_at_level += racks_[other].left > 0;
  }
  if (--datacenters_at_level_ == 0 && left_ > 0) {
    rose = true;
    ++level_;
    for (const Datacenter& other : datacenters_) datacenters_at_level_ += other.left > 0;
  }
  return rose;
}

void Spread::clear() {
  for (const NodeIndex node : taken_) {
    const uint32_t rack = places_->rack_of(node);
    const uint32_t datacenter = racks_[rack].datacenter;
    datacenters_[datacenter].left += racks_[rack].taken;
    datacenters_[datacenter].taken -= racks_[rack].taken;
    racks_[rack].left += racks_[rack].taken;
    racks_[rack].taken = 0;
    datacenters_[datacenter].level = 0;
    datacenters_[datacenter].racks_at_level = static_cast<uint32_t>(places_->racks_in(datacenter).size());
  }
  left_ += taken_.size();
  taken_.clear();
  level_ = 0;
  datacenters_at_level_ = static_cast<uint32_t>(datacenters_.size());
}

}  // namespace starling::cluster
