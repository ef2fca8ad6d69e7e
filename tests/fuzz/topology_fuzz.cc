// Topologies, the messages that agree on them and a voter's state come from peers and from the disk. No input
// may crash the decoders; what they accept is what the encoders write, byte for byte, and safe to build a
// preference table from.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "cluster/topology/preference_list.h"
#include "cluster/topology/topology_acceptor.h"
#include "cluster/topology/topology_codec.h"
#include "cluster/topology/topology_messages.h"
#include "engine/base/assert.h"

namespace {

using namespace starling::cluster;

void fuzz_topology(std::string_view bytes) {
  Topology topology;
  if (!decode_topology(bytes, &topology).ok()) return;
  std::string again;
  encode_topology(topology, &again);
  STARLING_ASSERT(again == bytes);
  const PreferenceTable table(topology);
  STARLING_ASSERT(table.replicas(0)[0] == topology.owners[0]);
}

void fuzz_message(std::string_view bytes) {
  TopologyMessage message;
  if (!decode_topology_message(bytes, &message).ok()) return;
  std::string again;
  encode_topology_message(message, &again);
  STARLING_ASSERT(again == bytes);
}

void fuzz_state(std::string_view bytes) {
  AcceptorState state;
  if (!decode_acceptor_state(bytes, &state).ok()) return;
  std::string again;
  encode_acceptor_state(state, &again);
  STARLING_ASSERT(again == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  fuzz_topology(bytes);
  fuzz_message(bytes);
  fuzz_state(bytes);
  return 0;
}
