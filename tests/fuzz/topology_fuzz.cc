// Topologies come from peers and from the disk. No input may crash the decoder; what it accepts is what the
// encoder writes, byte for byte, and safe to build a preference table from.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "cluster/preference_list.h"
#include "cluster/topology_codec.h"
#include "engine/assert.h"

using namespace starling;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  cluster::Topology topology;
  if (!cluster::decode_topology(bytes, &topology).ok()) return 0;
  std::string again;
  cluster::encode_topology(topology, &again);
  STARLING_ASSERT(again == bytes);
  const cluster::PreferenceTable table(topology);
  STARLING_ASSERT(table.replicas(0)[0] == topology.owners[0]);
  return 0;
}
