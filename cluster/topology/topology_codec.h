// A topology in bytes, for the bus and for the disk.
//
//   topology := format byte (1; 2 with a hash seed)
//               epoch varint, cluster_id u64, partition_count varint, replicas varint,
//               hash_seed u64                    in format 2 only, and not 0
//               members count, member ...        ascending by id
//               owner varint ...                 partition_count of them, each an index into members
//               removed count, id 20 bytes ...   ascending
//               moves count, move ...            ascending by partition
//   member   := id 20 bytes, host string, port varint, bus_port varint, weight varint, rack string,
//               datacenter string, state byte
//   move     := partition varint, next_owner varint
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

inline constexpr uint8_t kTopologyFormat = 2;
inline constexpr uint8_t kUnseededTopologyFormat =
    1;  // Written while the seed is 0: earlier releases read it.
// No valid topology is longer.
inline constexpr size_t kMaxTopologyBytes = 4 << 20;

// Appends. Precondition: check(topology) is ok.
void encode_topology(const Topology& topology, std::string* out);

// kCorrupt for malformed bytes or what check() refuses, kNewerFormat for another format. The output is
// unspecified then.
[[nodiscard]] engine::Status decode_topology(std::string_view bytes, Topology* topology);

// Pieces that other codecs of this layer share.
void append_id(const NodeId& id, std::string* out);
[[nodiscard]] bool read_id(engine::ByteReader* reader, NodeId* id);
void append_member(const Member& member, std::string* out);
[[nodiscard]] bool read_member(engine::ByteReader* reader, Member* member);

}  // namespace starling::cluster
