#include "server/execute/function_file.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <system_error>

#include "engine/base/byte_codec.h"
#include "server/cluster/durable_file.h"
#include "server/execute/script/function_libraries.h"
#include "server/rdb/crc64.h"
#include "server/server.h"

namespace starling::server {
namespace {

using engine::Status;
using engine::StatusCode;

constexpr std::string_view kMagic = "STARLING-FUNCTIONS-1\n";
constexpr size_t kChecksumBytes = 8;
const std::string kFileName = "functions";

}  // namespace

std::string function_directory(const Server& server) {
  const Settings& settings = server.settings();
  return settings.storage == Storage::kRocksDb ? settings.directory : std::string();
}

Status save_functions(const std::string& directory) {
  static std::mutex one_at_a_time;
  if (directory.empty()) return {};
  std::lock_guard lock(one_at_a_time);
  std::string bytes(kMagic);
  bytes += FunctionLibraries::of_process().state();
  engine::append_u64(crc64(bytes), &bytes);
  return replace_file(directory, kFileName, bytes);
}

Status load_functions(const std::string& directory) {
  if (directory.empty()) return {};
  const std::string path = directory + "/" + kFileName;
  std::ifstream file(path, std::ios::binary);
  if (!file) return {};
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  const Status damaged(
      StatusCode::kCorrupt,
      path +
          " is damaged. It has the libraries of functions; restore it, or remove it and load "
          "them anew.");
  if (bytes.size() < kMagic.size() + kChecksumBytes || !bytes.starts_with(kMagic)) return damaged;
  const std::string_view checked = std::string_view(bytes).substr(0, bytes.size() - kChecksumBytes);
  if (crc64(checked) != engine::load_u64(bytes.data() + checked.size())) return damaged;
  return FunctionLibraries::of_process().merge(checked.substr(kMagic.size())) ? Status() : damaged;
}

Status copy_functions(const std::string& from, const std::string& to) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path path = fs::path(from) / kFileName;
  if (!fs::exists(path, error)) return {};
  fs::copy_file(path, fs::path(to) / kFileName, fs::copy_options::overwrite_existing, error);
  return error ? Status(StatusCode::kIoError, path.string() + ": " + error.message()) : Status();
}

}  // namespace starling::server
