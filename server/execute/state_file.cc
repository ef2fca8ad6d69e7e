#include "server/execute/state_file.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <system_error>

#include "engine/base/byte_codec.h"
#include "server/cluster/durable_file.h"
#include "server/rdb/crc64.h"
#include "server/server.h"

namespace starling::server {
namespace {

using engine::Status;
using engine::StatusCode;

constexpr size_t kChecksumBytes = 8;

}  // namespace

std::string state_directory(const Server& server) {
  const Settings& settings = server.settings();
  return settings.storage == Storage::kRocksDb ? settings.directory : std::string();
}

Status save_state(const std::string& directory, const StateFile& file,
                  const std::function<std::string()>& state) {
  static std::mutex one_at_a_time;
  if (directory.empty()) return {};
  std::lock_guard lock(one_at_a_time);
  std::string bytes(file.magic);
  bytes += state();
  engine::append_u64(crc64(bytes), &bytes);
  return replace_file(directory, std::string(file.name), bytes);
}

Status load_state(const std::string& directory, const StateFile& file,
                  const std::function<bool(std::string_view)>& take) {
  if (directory.empty()) return {};
  const std::string path = directory + "/" + std::string(file.name);
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return {};
  const std::string bytes((std::istreambuf_iterator<char>(stream)), {});
  const Status damaged(StatusCode::kCorrupt, path + " is damaged. It has " + std::string(file.what) +
                                                 "; restore it, or remove it and make them anew.");
  if (bytes.size() < file.magic.size() + kChecksumBytes || !bytes.starts_with(file.magic)) return damaged;
  const std::string_view checked = std::string_view(bytes).substr(0, bytes.size() - kChecksumBytes);
  if (crc64(checked) != engine::load_u64(bytes.data() + checked.size())) return damaged;
  return take(checked.substr(file.magic.size())) ? Status() : damaged;
}

Status copy_state(const std::string& from, const std::string& to, const StateFile& file) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path path = fs::path(from) / file.name;
  if (!fs::exists(path, error)) return {};
  fs::copy_file(path, fs::path(to) / file.name, fs::copy_options::overwrite_existing, error);
  return error ? Status(StatusCode::kIoError, path.string() + ": " + error.message()) : Status();
}

}  // namespace starling::server
