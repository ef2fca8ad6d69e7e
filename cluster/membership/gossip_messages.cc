#include "cluster/membership/gossip_messages.h"

#include <algorithm>
#include <cstring>

#include "engine/base/byte_codec.h"

namespace starling::cluster {
namespace {

using engine::append_string;
using engine::append_u64;
using engine::append_varint;
using engine::ByteReader;
using engine::Status;
using engine::StatusCode;

constexpr uint8_t kAcceptsWrites = 1, kHasHashSeed = 2, kStandsBack = 4, kJoins = 8, kHasReceived = 16,
                  kDrops = 32, kHasTlsPort = 64;
constexpr uint8_t kNoClock = 0, kClock = 1, kConfirmedClock = 3;
constexpr uint64_t kMaxSmall = INT32_MAX;

bool is_plain(std::string_view text, size_t max_bytes) {
  return text.size() <= max_bytes && std::all_of(text.begin(), text.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte > 0x20 && byte < 0x7f;
         });
}

void append_id(const NodeId& id, std::string* out) {
  out->append(reinterpret_cast<const char*>(id.bytes.data()), NodeId::kBytes);
}

void append(const GossipEntry& entry, std::string* out) {
  append_id(entry.id, out);
  append_varint(entry.incarnation, out);
  append_varint(entry.heartbeat, out);
  append_varint(entry.description_version, out);
}

void append(const Suspicion& suspicion, std::string* out) {
  append_id(suspicion.observer, out);
  append_id(suspicion.accused, out);
  append_varint(suspicion.incarnation, out);
  append_varint(suspicion.heartbeat, out);
  append_varint(suspicion.remaining_ms, out);
}

void append(const NodeId& id, std::string* out) {
  append_id(id, out);
}

void append(const Described& described, std::string* out) {
  const NodeDescription& description = described.description;
  append_id(described.id, out);
  append_varint(described.version, out);
  append_string(description.host, out);
  append_varint(description.port, out);
  append_varint(description.bus_port, out);
  append_varint(description.weight, out);
  append_string(description.rack, out);
  append_string(description.datacenter, out);
  append_u64(description.cluster_id, out);
  append_varint(description.topology_epoch, out);
  append_varint(description.min_nodes, out);
  append_varint(description.replicas, out);
  append_u64(description.actor, out);
  out->push_back(static_cast<char>(
      (description.accepts_writes ? kAcceptsWrites : 0) |
      (description.hash_seed.has_value() ? kHasHashSeed : 0) | (description.stands_back ? kStandsBack : 0) |
      (description.joins ? kJoins : 0) | (description.received != 0 ? kHasReceived : 0) |
      (description.drops ? kDrops : 0) | (description.tls_port != 0 ? kHasTlsPort : 0)));
  append_string(description.hostname, out);
  append_string(description.nodename, out);
  if (description.hash_seed.has_value()) append_u64(*description.hash_seed, out);
  if (description.received != 0) append_varint(description.received, out);
  if (description.tls_port != 0) append_varint(description.tls_port, out);
}

template <typename T>
void append_all(const std::vector<T>& items, std::string* out) {
  append_varint(items.size(), out);
  for (const T& item : items) append(item, out);
}

bool read(ByteReader* reader, NodeId* id) {
  if (reader->left() < NodeId::kBytes) return false;
  for (uint8_t& byte : id->bytes) {
    if (!reader->read_byte(&byte)) return false;
  }
  return id->valid();
}

bool read_counter(ByteReader* reader, uint64_t* value) {
  return reader->read_varint(value) && *value < kGossipCounterLimit;
}

template <typename T>
bool read_small(ByteReader* reader, uint64_t max, T* value) {
  uint64_t wide;
  if (!reader->read_varint(&wide) || wide > max) return false;
  *value = static_cast<T>(wide);
  return true;
}

bool read_plain(ByteReader* reader, size_t max_bytes, std::string* value) {
  std::string_view text;
  if (!reader->read_string(&text) || !is_plain(text, max_bytes)) return false;
  *value = text;
  return true;
}

bool read(ByteReader* reader, GossipEntry* entry) {
  return read(reader, &entry->id) && read_counter(reader, &entry->incarnation) &&
         read_counter(reader, &entry->heartbeat) && read_counter(reader, &entry->description_version);
}

bool read(ByteReader* reader, Suspicion* suspicion) {
  return read(reader, &suspicion->observer) && read(reader, &suspicion->accused) &&
         read_counter(reader, &suspicion->incarnation) && read_counter(reader, &suspicion->heartbeat) &&
         read_small(reader, kMaxSuspicionRemainingMs, &suspicion->remaining_ms);
}

bool read(ByteReader* reader, Described* described) {
  NodeDescription& description = described->description;
  uint8_t flags;
  if (!read(reader, &described->id) || !read_counter(reader, &described->version) ||
      !read_plain(reader, kMaxHostBytes, &description.host) || description.host.empty() ||
      !read_small(reader, UINT16_MAX, &description.port) ||
      !read_small(reader, UINT16_MAX, &description.bus_port) ||
      !read_small(reader, kMaxSmall, &description.weight) ||
      !read_plain(reader, kMaxPlaceBytes, &description.rack) ||
      !read_plain(reader, kMaxPlaceBytes, &description.datacenter) ||
      !reader->read_u64(&description.cluster_id) || !reader->read_varint(&description.topology_epoch) ||
      !read_small(reader, kMaxSmall, &description.min_nodes) ||
      !read_small(reader, kMaxSmall, &description.replicas) || !reader->read_u64(&description.actor) ||
      !reader->read_byte(&flags) || !read_plain(reader, kMaxHostBytes, &description.hostname) ||
      !read_plain(reader, kMaxHostBytes, &description.nodename)) {
    return false;
  }
  description.accepts_writes = (flags & kAcceptsWrites) != 0;
  description.stands_back = (flags & kStandsBack) != 0;
  description.joins = (flags & kJoins) != 0;
  description.drops = (flags & kDrops) != 0;
  description.received = 0;
  description.hash_seed.reset();
  if ((flags & kHasHashSeed) != 0 && !reader->read_u64(&description.hash_seed.emplace())) return false;
  if ((flags & kHasReceived) != 0 &&
      (!reader->read_varint(&description.received) || description.received == 0))
    return false;
  description.tls_port = 0;
  if ((flags & kHasTlsPort) != 0 &&
      (!read_small(reader, UINT16_MAX, &description.tls_port) || description.tls_port == 0))
    return false;
  return (flags &
          ~(kAcceptsWrites | kHasHashSeed | kStandsBack | kJoins | kHasReceived | kDrops | kHasTlsPort)) == 0;
}

// Further from 1970 than the year 9999 is no clock: differences of what is told must not overflow.
constexpr int64_t kLatestClockUs = int64_t{253'402'300'800} * 1'000'000;

bool read(ByteReader* reader, std::optional<ClockReading>* clock) {
  uint8_t form;
  if (!reader->read_byte(&form)) return false;
  clock->reset();
  if (form == kNoClock) return true;
  if (form != kClock && form != kConfirmedClock) return false;
  ClockReading& reading = clock->emplace();
  reading.confirmed = form == kConfirmedClock;
  for (int64_t* time_us : {&reading.local_us, &reading.vote_us, &reading.agreed_us}) {
    uint64_t bits;
    if (!reader->read_u64(&bits)) return false;
    *time_us = static_cast<int64_t>(bits);
    if (*time_us < -kLatestClockUs || *time_us > kLatestClockUs) return false;
  }
  return true;
}

template <typename T>
bool read_all(ByteReader* reader, size_t max_items, std::vector<T>* items) {
  uint64_t count;
  // Each item takes at least the bytes of an id: an announced count cannot make room that no bytes fill.
  if (!reader->read_varint(&count) || count > max_items || count > reader->left() / NodeId::kBytes)
    return false;
  items->resize(count);
  return std::all_of(items->begin(), items->end(), [reader](T& item) { return read(reader, &item); });
}

}  // namespace

bool NodeDescription::well_formed() const {
  return !host.empty() && is_plain(host, kMaxHostBytes) && is_plain(rack, kMaxPlaceBytes) &&
         is_plain(datacenter, kMaxPlaceBytes) && weight <= kMaxSmall && min_nodes <= kMaxSmall &&
         replicas <= kMaxSmall && is_plain(hostname, kMaxHostBytes) && is_plain(nodename, kMaxHostBytes);
}

void encode_gossip(const GossipMessage& message, std::string* out) {
  out->push_back(static_cast<char>(kGossipVersion));
  out->push_back(static_cast<char>(message.kind));
  append_varint(message.sequence, out);
  append_all(message.entries, out);
  append_all(message.suspicions, out);
  append_all(message.wants, out);
  append_all(message.descriptions, out);
  if (!message.clock) {
    out->push_back(static_cast<char>(kNoClock));
    return;
  }
  out->push_back(static_cast<char>(message.clock->confirmed ? kConfirmedClock : kClock));
  for (const int64_t time_us : {message.clock->local_us, message.clock->vote_us, message.clock->agreed_us})
    append_u64(static_cast<uint64_t>(time_us), out);
}

Status decode_gossip(std::string_view bytes, GossipMessage* message) {
  const Status corrupt(StatusCode::kCorrupt, "malformed gossip message");
  ByteReader reader(bytes);
  uint8_t version, kind;
  if (!reader.read_byte(&version) || version < kGossipVersion) return corrupt;
  if (version > kGossipVersion) {
    return Status(StatusCode::kNewerFormat,
                  "gossip version " + std::to_string(version) + " is newer than this node's");
  }
  if (!reader.read_byte(&kind) || kind < static_cast<uint8_t>(GossipKind::kDigest) ||
      kind > static_cast<uint8_t>(GossipKind::kUpdate)) {
    return corrupt;
  }
  message->kind = static_cast<GossipKind>(kind);
  if (!reader.read_varint(&message->sequence) || !read_all(&reader, kMaxGossipEntries, &message->entries) ||
      message->entries.empty() || !read_all(&reader, kMaxGossipSuspicions, &message->suspicions) ||
      !read_all(&reader, kMaxGossipWants, &message->wants) ||
      !read_all(&reader, kMaxGossipDescriptions, &message->descriptions) || !read(&reader, &message->clock) ||
      reader.left() != 0) {
    return corrupt;
  }
  return Status();
}

}  // namespace starling::cluster
