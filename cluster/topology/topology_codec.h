// A topology in bytes, for the bus and for the disk.
//
//   topology := format byte (1; 2 with a hash seed; 3 with a transition, and a hash seed)
//               epoch varint, cluster_id u64, partition_count varint, replicas varint,
//               hash_seed u64                    in formats 2 and 3 only; in format 2 not 0
//               members count, member ...        ascending by id
//               owner varint ...                 partition_count of them, each an index into members
//               removed count, id 20 bytes ...   ascending
//               0 byte                           in formats 1 and 2
//               phase byte, owner varint ...     in format 3: of the next ring, partition_count of them
//   member   := id 20 bytes, host string, port varint, bus_port varint, weight varint, rack string,
//               datacenter string, state byte
//   count    := varint; string := varint length and its bytes; see engine/base/byte_codec.h
//
// One topology has one encoding: decode accepts exactly what encode writes. The bounds are those of
// topology.h.
#pragma once

#include <string>
#include <string_view>

#include "cluster/topology/topology.h"
#include "engine/base/byte_codec.h"
#include "engine/base/status.h"

namespace starling::cluster {

// The lowest one that can say it, so that earlier releases read what they know.
inline constexpr uint8_t kUnseededTopologyFormat = 1;
inline constexpr uint8_t kSeededTopologyFormat = 2;
inline constexpr uint8_t kChangingTopologyFormat = 3;
// No valid topology is longer.
inline constexpr size_t kMaxTopologyBytes = 4 << 20;

// Appends. Precondition: check(topology) is ok.
void encode_topology(const Topology& topology, std::string* out);
[[nodiscard]] std::string encoded(const Topology& topology);

// kCorrupt for malformed bytes or what check() refuses, kNewerFormat for another format. The output is
// unspecified then.
[[nodiscard]] engine::Status decode_topology(std::string_view bytes, Topology* topology);

// Pieces that other codecs of this layer share.
void append_id(const NodeId& id, std::string* out);
[[nodiscard]] bool read_id(engine::ByteReader* reader, NodeId* id);
void append_member(const Member& member, std::string* out);
[[nodiscard]] bool read_member(engine::ByteReader* reader, Member* member);

}  // namespace starling::cluster
