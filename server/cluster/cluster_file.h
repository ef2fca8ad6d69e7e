// What a node must remember of its cluster across restarts: who it is, and the topology it serves by.
//
// One file, `cluster`, in the data directory, replaced as a whole:
//
//   file := "STARLING-CLUSTER-1\n" node:20 bytes acceptor:string checksum:u64      XXH3 of all before it
//
// `acceptor` is what cluster/topology/topology_acceptor.h says: the topology decided last, and promises about the
// next.
#pragma once

#include <string>

#include "cluster/topology/topology_acceptor.h"
#include "cluster/wire/node_id.h"
#include "engine/base/status.h"

namespace starling::server {

struct ClusterMemory {
  cluster::NodeId id;
  cluster::AcceptorState acceptor;
};

class ClusterFile {
 public:
  // An empty directory name: nothing is kept (storage memory).
  explicit ClusterFile(const std::string& directory) : directory_(directory) {}

  // Leaves *memory alone when there is no file yet. Not ok: it cannot be read, or is damaged: then the node
  // must not start, as it might be another than it was.
  engine::Status load(ClusterMemory* memory) const;
  // Durable when it returns ok.
  engine::Status save(const ClusterMemory& memory) const;

 private:
  const std::string directory_;
};

}  // namespace starling::server
