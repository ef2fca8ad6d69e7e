#include "cluster/topology/topology_codec.h"

#include <algorithm>

#include "engine/base/assert.h"

namespace starling::cluster {
namespace {

using engine::append_string;
using engine::append_varint;
using engine::ByteReader;
using engine::Status;
using engine::StatusCode;

constexpr size_t kMaxEncodedMemberBytes =
    NodeId::kBytes + 2 + kMaxHostBytes + 3 + 3 + 2 + 2 * (1 + kMaxPlaceBytes) + 1;
static_assert(kMaxMembers * kMaxEncodedMemberBytes + engine::kPartitionCount * (2 + 2) +
                      kMaxRemoved * NodeId::kBytes + 64 <=
                  kMaxTopologyBytes,
              "every valid topology fits");

template <typename T>
bool read_bounded(ByteReader* reader, uint64_t max, T* value) {
  uint64_t wide;
  if (!reader->read_varint(&wide) || wide > max) return false;
  *value = static_cast<T>(wide);
  return true;
}

bool read_text(ByteReader* reader, size_t max_bytes, std::string* text) {
  std::string_view view;
  if (!reader->read_string(&view) || view.size() > max_bytes) return false;
  text->assign(view);
  return true;
}

bool read_members(ByteReader* reader, std::vector<Member>* members) {
  uint32_t count;
  // Grown as they are read: an announced number reserves nothing.
  if (!read_bounded(reader, kMaxMembers, &count)) return false;
  members->clear();
  for (uint32_t i = 0; i < count; ++i) {
    if (!read_member(reader, &members->emplace_back())) return false;
  }
  return true;
}

bool read_owners(ByteReader* reader, uint32_t partition_count, std::vector<NodeIndex>* owners) {
  if (reader->left() < partition_count) return false;
  owners->resize(partition_count);
  for (NodeIndex& owner : *owners) {
    if (!read_bounded(reader, kMaxMembers - 1, &owner)) return false;
  }
  return true;
}

bool read_removed(ByteReader* reader, std::vector<NodeId>* removed) {
  uint32_t count;
  if (!read_bounded(reader, kMaxRemoved, &count) || reader->left() < count * NodeId::kBytes) return false;
  removed->resize(count);
  for (NodeId& id : *removed) {
    if (!read_id(reader, &id)) return false;
  }
  return true;
}

bool read_transition(ByteReader* reader, uint8_t format, Topology* topology) {
  uint8_t phase;
  if (!reader->read_byte(&phase)) return false;
  topology->transition = {};
  if (format != kChangingTopologyFormat) return phase == 0;
  topology->transition.phase = static_cast<TransitionPhase>(phase);
  return phase != 0 && read_owners(reader, topology->partition_count, &topology->transition.next_owners);
}

bool read_seed(ByteReader* reader, uint8_t format, uint64_t* seed) {
  *seed = 0;
  if (format == kUnseededTopologyFormat) return true;
  return reader->read_u64(seed) && (*seed != 0 || format == kChangingTopologyFormat);
}

bool read_body(ByteReader* reader, uint8_t format, Topology* topology) {
  return reader->read_varint(&topology->epoch) && reader->read_u64(&topology->cluster_id) &&
         read_bounded(reader, engine::kPartitionCount, &topology->partition_count) &&
         topology->partition_count == engine::kPartitionCount &&
         read_bounded(reader, kMaxReplicas, &topology->replicas) &&
         read_seed(reader, format, &topology->hash_seed) && read_members(reader, &topology->members) &&
         read_owners(reader, topology->partition_count, &topology->owners) &&
         read_removed(reader, &topology->removed) && read_transition(reader, format, topology) &&
         reader->left() == 0;
}

}  // namespace

void append_id(const NodeId& id, std::string* out) {
  out->append(reinterpret_cast<const char*>(id.bytes.data()), NodeId::kBytes);
}

bool read_id(ByteReader* reader, NodeId* id) {
  if (reader->left() < NodeId::kBytes) return false;
  for (uint8_t& byte : id->bytes) {
    if (!reader->read_byte(&byte)) return false;
  }
  return true;
}

void append_member(const Member& member, std::string* out) {
  append_id(member.id, out);
  append_string(member.host, out);
  append_varint(member.port, out);
  append_varint(member.bus_port, out);
  append_varint(member.weight, out);
  append_string(member.rack, out);
  append_string(member.datacenter, out);
  out->push_back(static_cast<char>(member.state));
}

bool read_member(ByteReader* reader, Member* member) {
  uint8_t state;
  if (!read_id(reader, &member->id) || !read_text(reader, kMaxHostBytes, &member->host) ||
      !read_bounded(reader, UINT16_MAX, &member->port) ||
      !read_bounded(reader, UINT16_MAX, &member->bus_port) ||
      !read_bounded(reader, kMaxWeight, &member->weight) ||
      !read_text(reader, kMaxPlaceBytes, &member->rack) ||
      !read_text(reader, kMaxPlaceBytes, &member->datacenter) || !reader->read_byte(&state))
    return false;
  member->state = static_cast<MemberState>(state);
  return true;
}

void encode_topology(const Topology& topology, std::string* out) {
  STARLING_ASSERT(check(topology).ok());
  const uint8_t format = topology.changing()       ? kChangingTopologyFormat
                         : topology.hash_seed == 0 ? kUnseededTopologyFormat
                                                   : kSeededTopologyFormat;
  out->push_back(static_cast<char>(format));
  append_varint(topology.epoch, out);
  engine::append_u64(topology.cluster_id, out);
  append_varint(topology.partition_count, out);
  append_varint(topology.replicas, out);
  if (format != kUnseededTopologyFormat) engine::append_u64(topology.hash_seed, out);
  append_varint(topology.members.size(), out);
  for (const Member& member : topology.members) append_member(member, out);
  for (const NodeIndex owner : topology.owners) append_varint(owner, out);
  append_varint(topology.removed.size(), out);
  for (const NodeId& id : topology.removed) append_id(id, out);
  out->push_back(static_cast<char>(topology.transition.phase));
  for (const NodeIndex owner : topology.transition.next_owners) append_varint(owner, out);
}

std::string encoded(const Topology& topology) {
  std::string bytes;
  encode_topology(topology, &bytes);
  return bytes;
}

Status decode_topology(std::string_view bytes, Topology* topology) {
  ByteReader reader(bytes);
  uint8_t format;
  if (bytes.size() > kMaxTopologyBytes || !reader.read_byte(&format))
    return Status(StatusCode::kCorrupt, "topology: empty or too long");
  if (format < kUnseededTopologyFormat || format > kChangingTopologyFormat)
    return Status(StatusCode::kNewerFormat,
                  "topology: format " + std::to_string(format) + " is not known to this version");
  if (!read_body(&reader, format, topology)) return Status(StatusCode::kCorrupt, "topology: malformed bytes");
  if (Status status = check(*topology); !status.ok()) return Status(StatusCode::kCorrupt, status.message());
  return Status();
}

}  // namespace starling::cluster
