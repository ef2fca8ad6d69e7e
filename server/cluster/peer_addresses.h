// Where this node last reached the others, kept over a restart: they may have moved since the cluster formed, and the
// seeds of the settings may lead nowhere any more.
//
// One file, `cluster-peers`, in the data directory, replaced as a whole:
//
//   file := "STARLING-PEERS-1\n" count:varint peer* checksum:u64      XXH3 of all before it
//   peer := node:string host:string port:varint bus_port:varint      node: the 20 bytes of its id
//
// Only a help for finding them: who a node is says its handshake. A damaged file is as good as none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/wire/node_id.h"
#include "engine/base/status.h"

namespace starling::server {

struct PeerAddress {
  cluster::NodeId id;
  std::string host;
  uint16_t port = 0;  // For clients. 0: not known.
  uint16_t bus_port = 0;

  bool operator==(const PeerAddress&) const = default;
};

std::string encode_peers(const std::vector<PeerAddress>& peers);
// False: it is no such file, or damaged.
[[nodiscard]] bool decode_peers(std::string_view bytes, std::vector<PeerAddress>* peers);

class PeerFile {
 public:
  // An empty directory name: nothing is kept (storage memory).
  explicit PeerFile(const std::string& directory) : directory_(directory) {}

  // Empty when there is no file. *damaged: there is one that makes no sense.
  std::vector<PeerAddress> load(bool* damaged) const;
  // Durable when it returns ok. Blocks on the disk.
  engine::Status save(const std::vector<PeerAddress>& peers) const;

 private:
  const std::string directory_;
};

}  // namespace starling::server
