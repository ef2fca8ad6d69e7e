#include <algorithm>
#include <tuple>

#include "cluster/topology/ring_draft.h"
#include "engine/base/assert.h"
#include "engine/base/byte_codec.h"
#include "engine/base/seeded_random.h"

namespace starling::cluster {
namespace {

// How many candidates are looked at before the least crowded one seen is taken.
constexpr size_t kCandidates = 256;

engine::SeededRandom random_of(const Member& member) {
  return engine::SeededRandom(engine::load_u64(reinterpret_cast<const char*>(member.id.bytes.data())));
}

// `count` points around the ring, one at random in each of as many equal arcs.
std::vector<uint32_t> spread_points(const Member& member, uint32_t count) {
  engine::SeededRandom random = random_of(member);
  std::vector<uint32_t> points;
  points.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t in_arc = random.next() >> 40;  // 24 bits
    points.push_back(static_cast<uint32_t>(((i << 24) + in_arc) * (uint64_t{1} << 24) / count >> 16));
  }
  return points;
}

// A point as a position; the ring is 2^32 points long.
size_t position_of(uint32_t point, size_t positions) {
  return static_cast<size_t>(uint64_t{point} * positions >> 32);
}

bool too_heavy(const PlanInput& input, uint64_t quota, uint32_t most) {
  // Two in a hundred more than its places in the lists: less is a matter of rounding.
  return quota * input.width * 50 > uint64_t{most} * input.positions * 51;
}

}  // namespace

Crowding::Crowding(const PlanInput& input)
    : input_(input), most_(most_in_a_list(input.places, input.width)), heavy_(input.members.size(), false) {
  const Places& places = input.places;
  std::vector<uint64_t> rack_quota(places.racks());
  std::vector<uint64_t> datacenter_quota(places.datacenters());
  for (size_t node = 0; node < input.members.size(); ++node) {
    if (input.quotas[node] == 0) continue;
    const uint32_t rack = places.rack_of(static_cast<NodeIndex>(node));
    rack_quota[rack] += input.quotas[node];
    datacenter_quota[places.datacenter_of_rack(rack)] += input.quotas[node];
  }
  int64_t light_places = input.width;
  std::vector<bool> heavy_datacenter(places.datacenters());
  for (size_t i = 0; i < places.datacenters(); ++i) {
    heavy_datacenter[i] = too_heavy(input, datacenter_quota[i], most_.by_datacenter[i]);
    if (heavy_datacenter[i]) light_places -= most_.by_datacenter[i];
  }
  std::vector<bool> heavy_rack(places.racks());
  for (uint32_t i = 0; i < places.racks(); ++i) {
    heavy_rack[i] = too_heavy(input, rack_quota[i], most_.by_rack[i]);
    if (heavy_rack[i] && !heavy_datacenter[places.datacenter_of_rack(i)]) light_places -= most_.by_rack[i];
  }
  for (size_t node = 0; node < input.members.size(); ++node) {
    if (input.quotas[node] == 0) continue;
    const uint32_t rack = places.rack_of(static_cast<NodeIndex>(node));
    heavy_[node] = heavy_rack[rack] || heavy_datacenter[places.datacenter_of_rack(rack)];
    if (heavy_[node] || !too_heavy(input, input.quotas[node], 1)) continue;
    heavy_[node] = true;
    --light_places;
  }
  window_ = static_cast<uint32_t>(std::max<int64_t>(light_places - 1, 0));
}

uint32_t Crowding::on_side(const std::vector<NodeIndex>& owners, size_t position, size_t step,
                           NodeIndex node) const {
  const Places& places = input_.places;
  const uint32_t rack = places.rack_of(node);
  const uint32_t datacenter = places.datacenter_of_rack(rack);
  uint32_t crowding = 0;
  uint32_t in_rack = 0;
  uint32_t in_datacenter = 0;
  size_t at = position;
  // Between the others there may be many heavy ones: look no further than they matter on average.
  size_t steps_left = size_t{16} * (window_ + 1);
  for (uint32_t seen = 0; seen < window_ && steps_left > 0; --steps_left) {
    at = (at + step) % input_.positions;
    const NodeIndex other = owners[at];
    if (other == kNoNode || heavy_[other]) continue;
    ++seen;
    const uint32_t other_rack = places.rack_of(other);
    crowding += other == node ? 4 : 0;
    in_rack += other_rack == rack;
    in_datacenter += places.datacenter_of_rack(other_rack) == datacenter;
  }
  if (in_rack >= most_.by_rack[rack]) crowding += 2;
  if (in_datacenter >= most_.by_datacenter[datacenter]) crowding += 1;
  return crowding;
}

uint32_t Crowding::behind(const std::vector<NodeIndex>& owners, size_t position, NodeIndex node) const {
  return heavy_[node] ? 0 : on_side(owners, position, input_.positions - 1, node);
}

uint32_t Crowding::at(const std::vector<NodeIndex>& owners, size_t position, NodeIndex node) const {
  if (heavy_[node]) return 0;
  return on_side(owners, position, input_.positions - 1, node) + on_side(owners, position, 1, node);
}

std::vector<NodeIndex> draw_ring(const PlanInput& input) {
  struct Waiting {
    uint32_t point;
    NodeIndex node;
    auto operator<=>(const Waiting&) const = default;
  };
  std::vector<Waiting> waiting;
  waiting.reserve(input.positions);
  for (size_t node = 0; node < input.members.size(); ++node) {
    for (const uint32_t point : spread_points(input.members[node], input.quotas[node]))
      waiting.push_back({point, static_cast<NodeIndex>(node)});
  }
  std::sort(waiting.begin(), waiting.end());
  STARLING_ASSERT(waiting.size() == input.positions);

  const Crowding crowding(input);
  std::vector<NodeIndex> owners(input.positions, kNoNode);
  size_t first = 0;  // All before it are placed; a placed one behind it has no node any more.
  for (size_t position = 0; position < input.positions; ++position) {
    while (waiting[first].node == kNoNode) ++first;
    size_t best = first;
    uint32_t least = UINT32_MAX;
    size_t looked_at = 0;
    for (size_t i = first; i < input.positions && least > 0 && looked_at < kCandidates; ++i) {
      if (waiting[i].node == kNoNode) continue;
      ++looked_at;
      const uint32_t crowd = crowding.behind(owners, position, waiting[i].node);
      if (crowd >= least) continue;
      least = crowd;
      best = i;
    }
    owners[position] = waiting[best].node;
    waiting[best].node = kNoNode;
  }
  return owners;
}

namespace {

// Gives positions without owner to nodes below their quota: to the least crowded, then to the one that lacks
// most.
void fill_gaps(const PlanInput& input, const Crowding& crowding, const std::vector<bool>& fixed,
               std::vector<uint32_t>* owned, std::vector<NodeIndex>* owners) {
  std::vector<NodeIndex> receivers;
  for (size_t node = 0; node < input.members.size(); ++node) {
    if ((*owned)[node] < input.quotas[node]) receivers.push_back(static_cast<NodeIndex>(node));
  }
  engine::SeededRandom random(0);
  for (size_t position = 0; position < input.positions; ++position) {
    if ((*owners)[position] != kNoNode || fixed[position]) continue;
    // Lacking is drawn by chance among the partitions lacked, so that gaps in a row go to different nodes.
    std::tuple<uint32_t, uint64_t> best{UINT32_MAX, 0};
    NodeIndex chosen = kNoNode;
    for (const NodeIndex node : receivers) {
      const uint64_t lacking = input.quotas[node] - (*owned)[node];
      if (lacking == 0) continue;
      const std::tuple<uint32_t, uint64_t> rank{crowding.at(*owners, position, node),
                                                UINT64_MAX - (random.next() >> 16) * lacking};
      if (chosen != kNoNode && rank >= best) continue;
      best = rank;
      chosen = node;
    }
    if (chosen == kNoNode) return;
    (*owners)[position] = chosen;
    ++(*owned)[chosen];
  }
}

// The position nearest to `from`, of those whose owner has more than its quota, where `node` is least
// crowded.
size_t position_to_take(const PlanInput& input, const Crowding& crowding, const std::vector<uint32_t>& owned,
                        const std::vector<NodeIndex>& owners, size_t from, NodeIndex node) {
  size_t best = input.positions;
  int64_t least = INT64_MAX;
  size_t looked_at = 0;
  for (size_t i = 0; i < input.positions && looked_at < kCandidates; ++i) {
    const size_t position = (from + (i % 2 == 0 ? i / 2 : input.positions - 1 - i / 2)) % input.positions;
    const NodeIndex owner = owners[position];
    if (owner == kNoNode || owned[owner] <= input.quotas[owner]) continue;
    ++looked_at;
    const int64_t crowd = crowding.at(owners, position, node);
    if (crowd >= least) continue;
    least = crowd;
    best = position;
    if (crowd == 0) break;
  }
  STARLING_ASSERT(best < input.positions);
  return best;
}

}  // namespace

void amend_ring(const PlanInput& input, const std::vector<bool>& fixed, std::vector<NodeIndex>* owners) {
  const Crowding crowding(input);
  std::vector<uint32_t> owned(input.members.size(), 0);
  size_t surplus = 0;
  for (const NodeIndex owner : *owners) {
    if (owner != kNoNode) ++owned[owner];
  }
  for (size_t node = 0; node < owned.size(); ++node)
    surplus += owned[node] - std::min(owned[node], input.quotas[node]);
  // Who has too much gives before gaps are filled: then everything that is left to give fills gaps.
  for (size_t node = 0; node < owned.size() && surplus > 0; ++node) {
    if (owned[node] >= input.quotas[node]) continue;
    const uint32_t lacking = input.quotas[node] - owned[node];
    for (const uint32_t point : spread_points(input.members[node], lacking)) {
      if (surplus == 0) break;
      const size_t position = position_to_take(
          input, crowding, owned, *owners, position_of(point, input.positions), static_cast<NodeIndex>(node));
      --owned[(*owners)[position]];
      ++owned[node];
      --surplus;
      (*owners)[position] = static_cast<NodeIndex>(node);
    }
  }
  fill_gaps(input, crowding, fixed, &owned, owners);
}

}  // namespace starling::cluster
