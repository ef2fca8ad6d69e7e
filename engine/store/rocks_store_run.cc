#include "engine/store/rocks_store_run.h"

#include <algorithm>
#include <utility>

#include "engine/base/assert.h"

namespace starling::engine {
namespace {

// A table's builder holds the block it is at twice, as it is and compressed, and keeps the room until the
// file ends. So a value of this size has a file of its own, without compression: one copy of it, for a short
// time.
constexpr size_t kLoneValueBytes = 64 << 20;

size_t index_of(Family family) {
  return static_cast<size_t>(family);
}

}  // namespace

RocksRun::~RocksRun() {
  remove_files();
}

void RocksRun::remove_files() {
  for (Part& part : parts_) part.writer.reset();
  // Those that were ingested are gone from here.
  for (auto& paths : files_) {
    for (const std::string& path : paths)
      context_.setup.database.env->DeleteFile(path).PermitUncheckedError();
    paths.clear();
  }
}

Status RocksRun::put(Family family, std::string_view key, std::string_view value) {
  Part& part = parts_[index_of(family)];
  if (value.size() >= kLoneValueBytes && part.writer != nullptr && key >= part.range_end)
    if (Status status = finish_file(family); !status.ok()) return status;
  const bool lone = value.size() >= kLoneValueBytes && part.writer == nullptr;
  if (Status status = prepare(family, key, false, lone); !status.ok()) return status;
  return result(part.writer->Put(slice(key), slice(value)));
}

Status RocksRun::erase(Family family, std::string_view key) {
  if (Status status = prepare(family, key, false); !status.ok()) return status;
  return result(parts_[index_of(family)].writer->Delete(slice(key)));
}

Status RocksRun::erase_range(Family family, std::string_view lower, std::string_view upper) {
  if (lower >= upper) return {};
  if (Status status = prepare(family, lower, true); !status.ok()) return status;
  Part& part = parts_[index_of(family)];
  part.range_end = std::max<std::string>(part.range_end, std::string(upper));
  // All of a run has one sequence number, and a range deletion hides only what has a lower one.
  return result(part.writer->DeleteRange(slice(lower), slice(upper)));
}

Status RocksRun::prepare(Family family, std::string_view key, bool range, bool lone) {
  STARLING_ASSERT(!spent_);
  Part& part = parts_[index_of(family)];
  const int order = part.any ? key.compare(part.last_key) : 1;
  STARLING_ASSERT(order > 0 || (order == 0 && part.last_is_range));
  part.last_key = key;
  part.last_is_range = range;
  part.any = true;
  // Files of a family must not overlap, so none ends within a range deletion.
  const bool full = part.writer != nullptr &&
                    (part.lone || part.writer->FileSize() >= context_.run_file_bytes) && order > 0 &&
                    key >= part.range_end;
  if (full)
    if (Status status = finish_file(family); !status.ok()) return status;
  return part.writer != nullptr ? Status() : open_file(family, lone);
}

Status RocksRun::open_file(Family family, bool lone) {
  const size_t index = index_of(family);
  auto& files = files_[index];
  files.push_back(context_.path_prefix + "-" + kFamilyNames[index] + "-" + std::to_string(files.size()) +
                  ".sst");
  // The pages stay in the system's cache: a compaction reads them soon.
  constexpr bool kInvalidatePageCache = false;
  rocksdb::Options options = run_file_options(context_.setup, family);
  if (lone) options.compression = rocksdb::kNoCompression;
  auto writer = std::make_unique<rocksdb::SstFileWriter>(rocksdb::EnvOptions(options), options,
                                                         context_.handles[index], kInvalidatePageCache);
  if (Status status = result(writer->Open(files.back())); !status.ok()) return status;
  parts_[index].writer = std::move(writer);
  parts_[index].lone = lone;
  return {};
}

Status RocksRun::finish_file(Family family) {
  Part& part = parts_[index_of(family)];
  const rocksdb::Status status = part.writer->Finish();  // Syncs the file.
  part.finished_bytes += part.writer->FileSize();
  part.writer.reset();
  part.range_end.clear();
  return result(status);
}

Status RocksRun::apply() {
  STARLING_ASSERT(!spent_);
  spent_ = true;
  Status status;
  for (int family = 0; family < kFamilyCount && status.ok(); ++family)
    if (parts_[static_cast<size_t>(family)].writer != nullptr)
      status = finish_file(static_cast<Family>(family));
  if (status.ok()) status = context_.ingest(files_);
  remove_files();
  return status;
}

uint64_t RocksRun::bytes() const {
  uint64_t bytes = 0;
  for (const Part& part : parts_)
    bytes += part.finished_bytes + (part.writer != nullptr ? part.writer->FileSize() : 0);
  return bytes;
}

}  // namespace starling::engine
