// What nodes tell each other about who is there and who is silent.
//
//   message     := version byte, kind byte, sequence varint, entries, suspicions, wants, descriptions, clock
//   version     := 2                  any other is refused, a greater one with kNewerFormat
//   kind        := 1 digest           asks for an answer with the same sequence number
//                | 2 answer           what the answerer knows better, what it wants to know
//                | 3 update           what the answerer wanted; closes the exchange
//   entries     := count, entry*      1 to 1024; the first is the sender's own
//   entry       := id, incarnation varint, heartbeat varint, description version varint
//   suspicions  := count, suspicion*  at most 256
//   suspicion   := observer id, accused id, incarnation varint, heartbeat varint, remaining varint
//   remaining   := milliseconds for which the suspicion still counts, at most 600,000
//   wants       := count, id*         at most 256: descriptions asked for
//   descriptions:= count, described*  at most 256
//   described   := id, description version varint, description
//   description := host, port, port of the bus, weight varint, rack, datacenter, cluster id u64,
//                  topology epoch varint, min nodes varint, replicas varint, actor u64, flags byte, hostname, nodename,
//                  hash seed u64, epoch received varint, port for TLS if flags say so
//   host, rack, datacenter, hostname, nodename := varint length, printable ASCII without blanks; host 1 to 255 bytes,
//                  hostname and nodename at most 255, the others at most 64
//   port        := varint, at most 65535;   weight, min nodes, replicas: at most 2^31 - 1
//   flags       := 1 accepts writes | 2 a hash seed follows | 4 stands back | 8 joins | 16 an epoch received follows |
//                  32 drops | 64 a port for TLS follows, not 0; other bits are refused
//   clock       := 0 byte             not told
//                | 1 or 3 byte, local u64, vote u64, agreed u64      the sender's, when it sent; 3: confirmed
//   local, vote, agreed := microseconds since 1970, signed; see agreed_clock.h
//   id          := 20 bytes, not all zero;  count := varint
//   incarnation, heartbeat, description version: below 2^62
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/membership/clock_reading.h"
#include "cluster/wire/node_id.h"
#include "engine/base/status.h"

namespace starling::cluster {

inline constexpr uint8_t kGossipVersion = 2;
inline constexpr uint64_t kGossipCounterLimit = uint64_t{1} << 62;
inline constexpr size_t kMaxGossipEntries = 1024;
inline constexpr size_t kMaxGossipSuspicions = 256;
inline constexpr size_t kMaxGossipWants = 256;
inline constexpr size_t kMaxGossipDescriptions = 256;
inline constexpr uint64_t kMaxSuspicionRemainingMs = 600'000;

// What a node says of itself. Only the node itself changes it.
struct NodeDescription {
  std::string host;  // the address that clients and peers connect to
  uint16_t port = 0;
  uint16_t bus_port = 0;
  uint16_t tls_port = 0;  // for clients that use TLS; the same as port: there is no other. 0: none
  uint32_t weight = 1;
  std::string rack;
  std::string datacenter;
  ClusterId cluster_id = 0;  // 0: not yet in a cluster
  Epoch topology_epoch = 0;
  uint32_t min_nodes = 0;
  uint32_t replicas = 0;
  uint64_t actor = 0;
  bool accepts_writes = true;  // false after its disk failed
  std::string hostname;        // for clients that check names; empty: none
  std::string nodename;        // for people; empty: none
  // Of a node without a cluster that holds records: their order, which a cluster that it founds must take over.
  std::optional<uint64_t> hash_seed;
  bool stands_back = false;  // its clock is beyond the bound: a replica as ever, but others coordinate
  bool joins = false;        // without a cluster: asks to be counted in by one
  // 0, or the epoch of a change of the ring of which it has been brought everything that will be its own.
  Epoch received = 0;
  bool drops = false;  // it is removing what is others' since a change of the ring

  bool operator==(const NodeDescription&) const = default;
  // Whether every field keeps to the grammar; what does not must not be encoded.
  bool well_formed() const;
};

enum class GossipKind : uint8_t { kDigest = 1, kAnswer = 2, kUpdate = 3 };

// How far a node has come, as far as the sender knows.
struct GossipEntry {
  NodeId id;
  uint64_t incarnation = 0;
  uint64_t heartbeat = 0;
  uint64_t description_version = 0;

  bool operator==(const GossipEntry&) const = default;
};

// "The observer has not heard of the accused for too long, and its last sign of life was this one."
struct Suspicion {
  NodeId observer;
  NodeId accused;
  uint64_t incarnation = 0;
  uint64_t heartbeat = 0;
  uint64_t remaining_ms = 0;

  bool operator==(const Suspicion&) const = default;
};

struct Described {
  NodeId id;
  uint64_t version = 0;
  NodeDescription description;

  bool operator==(const Described&) const = default;
};

struct GossipMessage {
  GossipKind kind = GossipKind::kDigest;
  uint64_t sequence = 0;
  std::vector<GossipEntry> entries;
  std::vector<Suspicion> suspicions;
  std::vector<NodeId> wants;
  std::vector<Described> descriptions;
  std::optional<ClockReading> clock;

  bool operator==(const GossipMessage&) const = default;
};

// Appends. Precondition: the message keeps to the grammar.
void encode_gossip(const GossipMessage& message, std::string* out);

// kCorrupt for what no version 2 encoder writes, kNewerFormat for a greater version; then `message` is
// unspecified.
engine::Status decode_gossip(std::string_view bytes, GossipMessage* message);

}  // namespace starling::cluster
