#include "server/cluster/peer_addresses.h"

#include <xxhash.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "engine/base/byte_codec.h"
#include "server/cluster/durable_file.h"

namespace starling::server {
namespace {

constexpr std::string_view kMagic = "STARLING-PEERS-1\n";
constexpr size_t kChecksumBytes = 8;
const std::string kName = "cluster-peers";

bool read_port(engine::ByteReader& reader, uint16_t* port) {
  uint64_t number;
  if (!reader.read_varint(&number) || number > 0xffff) return false;
  *port = static_cast<uint16_t>(number);
  return true;
}

bool read_peer(engine::ByteReader& reader, PeerAddress* peer) {
  std::string_view id, host;
  if (!reader.read_string(&id) || id.size() != cluster::NodeId::kBytes || !reader.read_string(&host))
    return false;
  if (!read_port(reader, &peer->port) || !read_port(reader, &peer->bus_port)) return false;
  std::copy(id.begin(), id.end(), peer->id.bytes.begin());
  peer->host = host;
  return peer->id.valid() && !host.empty() && host.size() <= cluster::kMaxHostBytes && peer->bus_port != 0;
}

}  // namespace

std::string encode_peers(const std::vector<PeerAddress>& peers) {
  std::string bytes(kMagic);
  engine::append_varint(peers.size(), &bytes);
  for (const PeerAddress& peer : peers) {
    const auto* const id = reinterpret_cast<const char*>(peer.id.bytes.data());
    engine::append_string({id, peer.id.bytes.size()}, &bytes);
    engine::append_string(peer.host, &bytes);
    engine::append_varint(peer.port, &bytes);
    engine::append_varint(peer.bus_port, &bytes);
  }
  engine::append_u64(XXH3_64bits(bytes.data(), bytes.size()), &bytes);
  return bytes;
}

bool decode_peers(std::string_view bytes, std::vector<PeerAddress>* peers) {
  peers->clear();
  if (bytes.size() < kMagic.size() + kChecksumBytes || !bytes.starts_with(kMagic)) return false;
  const std::string_view checked = bytes.substr(0, bytes.size() - kChecksumBytes);
  if (XXH3_64bits(checked.data(), checked.size()) != engine::load_u64(bytes.data() + checked.size()))
    return false;
  engine::ByteReader reader(checked.substr(kMagic.size()));
  uint64_t count;
  if (!reader.read_varint(&count)) return false;
  for (; count > 0; --count) {
    PeerAddress peer;
    if (!read_peer(reader, &peer)) {
      peers->clear();
      return false;
    }
    peers->push_back(std::move(peer));
  }
  return reader.left() == 0;
}

std::vector<PeerAddress> PeerFile::load(bool* damaged) const {
  *damaged = false;
  std::vector<PeerAddress> peers;
  if (directory_.empty()) return peers;
  std::ifstream file(directory_ + "/" + kName, std::ios::binary);
  if (!file) return peers;
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  *damaged = !decode_peers(bytes, &peers);
  return *damaged ? std::vector<PeerAddress>() : peers;
}

engine::Status PeerFile::save(const std::vector<PeerAddress>& peers) const {
  if (directory_.empty()) return {};
  return replace_file(directory_, kName, encode_peers(peers));
}

}  // namespace starling::server
