// Members and topologies for tests.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "cluster/topology/planner.h"
#include "cluster/topology/topology.h"
#include "engine/base/seeded_random.h"

namespace starling::cluster {

// STARLING_SEED replays one seed; without it a test runs its usual number from 1.
inline uint64_t first_seed() {
  const char* given = std::getenv("STARLING_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : 1;
}

inline uint64_t last_seed(uint64_t usual_count) {
  return std::getenv("STARLING_SEED") != nullptr ? first_seed() : usual_count;
}

inline NodeId random_id(engine::Random* random) {
  NodeId id;
  for (uint8_t& byte : id.bytes) byte = static_cast<uint8_t>(random->next());
  return id;
}

inline Member make_member(engine::Random* random, uint32_t weight = 100, std::string rack = "",
                          std::string datacenter = "") {
  Member member;
  member.id = random_id(random);
  member.host = "10.0.0." + std::to_string(random->below(256));
  member.port = 6379;
  member.bus_port = 16379;
  member.weight = weight;
  member.rack = std::move(rack);
  member.datacenter = std::move(datacenter);
  return member;
}

inline std::vector<Member> sorted(std::vector<Member> members) {
  std::sort(members.begin(), members.end(), [](const Member& a, const Member& b) { return a.id < b.id; });
  return members;
}

inline Topology make_topology(std::vector<Member> members, uint32_t replicas = 3,
                              const Topology* previous = nullptr) {
  Topology topology;
  topology.epoch = previous == nullptr ? 1 : previous->epoch + 1;
  topology.cluster_id = 0x0707;
  topology.replicas = replicas;
  topology.owners = plan(members, previous, replicas);
  topology.members = sorted(std::move(members));
  return topology;
}

}  // namespace starling::cluster
