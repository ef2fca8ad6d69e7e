#include "server/cluster/cluster_file.h"

#include <xxhash.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "engine/base/byte_codec.h"
#include "server/cluster/durable_file.h"

namespace starling::server {
namespace {

using engine::Status;
using engine::StatusCode;

constexpr std::string_view kMagic = "STARLING-CLUSTER-1\n";
const std::string kName = "cluster";

}  // namespace

Status ClusterFile::load(ClusterMemory* memory) const {
  if (directory_.empty()) return {};
  const std::string path = directory_ + "/" + kName;
  std::ifstream file(path, std::ios::binary);
  if (!file) return {};
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  const Status damaged(StatusCode::kCorrupt,
                       path +
                           " is damaged. It says which node this is; restore it, or start on an "
                           "empty directory as a new node.");
  if (bytes.size() < kMagic.size() + cluster::NodeId::kBytes + 8 || !bytes.starts_with(kMagic))
    return damaged;
  const std::string_view checked = std::string_view(bytes).substr(0, bytes.size() - 8);
  if (XXH3_64bits(checked.data(), checked.size()) != engine::load_u64(bytes.data() + checked.size()))
    return damaged;
  const std::string_view id = checked.substr(kMagic.size(), cluster::NodeId::kBytes);
  engine::ByteReader reader(checked.substr(kMagic.size() + id.size()));
  std::string_view acceptor;
  if (!reader.read_string(&acceptor) || reader.left() != 0) return damaged;
  std::copy(id.begin(), id.end(), memory->id.bytes.begin());
  return cluster::decode_acceptor_state(acceptor, &memory->acceptor);
}

Status ClusterFile::save(const ClusterMemory& memory) const {
  if (directory_.empty()) return {};
  std::string bytes(kMagic);
  bytes.append(memory.id.bytes.begin(), memory.id.bytes.end());
  std::string acceptor;
  cluster::encode_acceptor_state(memory.acceptor, &acceptor);
  engine::append_string(acceptor, &bytes);
  engine::append_u64(XXH3_64bits(bytes.data(), bytes.size()), &bytes);

  return replace_file(directory_, kName, bytes);
}

}  // namespace starling::server
