// Who is in the cluster and who owns which partition: the one value that all nodes agree on, by epoch. A
// plain value: it is decided by topology_register.h, stored and sent by topology_codec.h, made by planner.h,
// and read through preference_list.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cluster/wire/node_id.h"
#include "engine/base/key.h"
#include "engine/base/status.h"

namespace starling::cluster {

inline constexpr uint32_t kMaxMembers = 4096;
inline constexpr uint32_t kMaxReplicas = 16;
inline constexpr uint32_t kMaxWeight = 10'000;
inline constexpr uint32_t kMaxRemoved = 16'384;

// Wire and disk: never renumber. kJoining and kLeaving are of transitions: who joins owns partitions in the next ring
// only, who leaves in the present one only.
enum class MemberState : uint8_t {
  kActive = 1,
  kJoining = 2,
  kLeaving = 3,
  kRemoved = 4,
};

struct Member {
  NodeId id;
  std::string host;       // A name or an address, as the node announces itself. Never empty.
  uint16_t port = 0;      // For clients.
  uint16_t bus_port = 0;  // For peers.
  uint32_t weight = 100;  // 1 to kMaxWeight: its share of the partitions, relative to the others' weights.
  std::string rack;       // A rack's name counts within its data centre only.
  std::string datacenter;
  MemberState state = MemberState::kActive;

  bool operator==(const Member&) const = default;
};

// How far a change of the ring has come. Wire and disk: never renumber.
enum class TransitionPhase : uint8_t {
  kNone = 0,
  kCopying =
      1,  // Who is a replica in the next ring only is brought what the present ones have. They are read.
  kSwitched = 2,  // The replicas of the next ring have everything, and are read.
};

// The ring on its way to another one. Until the end writes count at the replicas of both.
struct Transition {
  TransitionPhase phase = TransitionPhase::kNone;
  std::vector<NodeIndex>
      next_owners;  // As Topology::owners: members that do not leave. Empty without a transition.

  bool operator==(const Transition&) const = default;
};

struct Topology {
  Epoch epoch = 0;
  ClusterId cluster_id = 0;
  uint64_t hash_seed = 0;  // Of names (engine/base/key.h): all members order their records alike.
  uint32_t replicas = 3;   // N. A cluster with fewer active members keeps one replica on each.
  uint32_t partition_count = engine::kPartitionCount;
  std::vector<Member> members;  // Ascending by id. A node's index is its place here.
  std::vector<NodeIndex>
      owners;  // For each partition the owner of its virtual node: a member that does not join.
  std::vector<NodeId> removed;  // Ascending. Ids that were members and never will be again.
  Transition transition;

  bool operator==(const Topology&) const = default;
  bool changing() const { return transition.phase != TransitionPhase::kNone; }
  // kNoNode when it is no member.
  NodeIndex index_of(const NodeId& id) const;
};

// Whether every bound and order stated above holds and at least one member is active. kInvalid says which
// does not. Everything that takes a Topology may rely on a checked one.
[[nodiscard]] engine::Status check(const Topology& topology);
// Whether a node may serve by it: whoever is no member, removed or never counted in, may not. kInvalid says which.
[[nodiscard]] engine::Status check_membership(const Topology& topology, const NodeId& id);

}  // namespace starling::cluster
