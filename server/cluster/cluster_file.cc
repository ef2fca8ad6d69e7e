#include "server/cluster/cluster_file.h"

#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "engine/byte_codec.h"

namespace starling::server {
namespace {

using engine::Status;
using engine::StatusCode;

constexpr std::string_view kMagic = "STARLING-CLUSTER-1\n";

Status io_error(const std::string& what, const std::string& path) {
  return {errno == ENOSPC ? StatusCode::kNoSpace : StatusCode::kIoError,
          what + " " + path + ": " + std::strerror(errno)};
}

Status write_durably(const std::string& path, std::string_view bytes) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return io_error("cannot create", path);
  Status status;
  while (!bytes.empty() && status.ok()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) status = io_error("cannot write", path);
    if (written > 0) bytes.remove_prefix(static_cast<size_t>(written));
  }
  if (status.ok() && ::fsync(fd) != 0) status = io_error("cannot sync", path);
  ::close(fd);
  return status;
}

}  // namespace

Status ClusterFile::load(ClusterMemory* memory) const {
  if (directory_.empty()) return {};
  const std::string path = directory_ + "/cluster";
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

  const std::string path = directory_ + "/cluster";
  const std::string fresh = path + ".new";
  if (Status status = write_durably(fresh, bytes); !status.ok()) return status;
  if (::rename(fresh.c_str(), path.c_str()) != 0) return io_error("cannot rename", fresh);
  const int directory = ::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return io_error("cannot open", directory_);
  const int synced = ::fsync(directory);
  const Status status = synced == 0 ? Status() : io_error("cannot sync", directory_);
  ::close(directory);
  return status;
}

}  // namespace starling::server
