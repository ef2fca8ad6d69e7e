#include "engine/store/rocks_store.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/listener.h>
#include <rocksdb/statistics.h>
#include <rocksdb/utilities/checkpoint.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

#include "engine/store/rocks_store_options.h"
#include "engine/store/rocks_store_run.h"

namespace starling::engine {
namespace {

std::string_view view(const rocksdb::Slice& bytes) {
  return {bytes.data(), bytes.size()};
}

class RocksIterator final : public StoreIterator {
 public:
  RocksIterator(rocksdb::DB& database, rocksdb::ColumnFamilyHandle* handle, std::string_view lower,
                std::string_view upper)
      : lower_(lower), upper_(upper), lower_slice_(lower_), upper_slice_(upper_) {
    rocksdb::ReadOptions options;
    options.iterate_lower_bound = &lower_slice_;
    options.iterate_upper_bound = &upper_slice_;
    // Files that only this iterator still needs are deleted in the background.
    options.background_purge_on_iterator_cleanup = true;
    iterator_.reset(database.NewIterator(options, handle));
    iterator_->Seek(lower_slice_);
  }

  bool valid() const override { return iterator_->Valid(); }
  void next() override { iterator_->Next(); }
  void seek(std::string_view target) override { iterator_->Seek(slice(target)); }
  std::string_view key() const override { return view(iterator_->key()); }
  std::string_view value() const override { return view(iterator_->value()); }
  Status status() const override { return from_rocks(iterator_->status(), "cannot read the store"); }

 private:
  const std::string lower_;
  const std::string upper_;
  const rocksdb::Slice lower_slice_;
  const rocksdb::Slice upper_slice_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

// So much below the process's other threads: they come first, and yet a compaction gets its part of a busy
// processor. RocksDB's own way to lower the priority goes to the end of the scale, where it may get none for
// minutes: writes wait for it then, and so does whoever wants a lock that it holds.
constexpr int kCompactionNiceSteps = 5;

void lower_priority_of_this_thread() {
  static thread_local const int lowered = nice(kCompactionNiceSteps);  // Linux: of the thread alone.
  static_cast<void>(lowered);
}

// Runs may take such a part of what is below them before a checkpoint waits, and so much in any case.
constexpr uint64_t kRunShare = 2;
constexpr uint64_t kRunBytesMin = 64ull << 20;

// What goes on in RocksDB's own threads.
class BackgroundState final : public rocksdb::EventListener {
 public:
  void OnCompactionBegin(rocksdb::DB*, const rocksdb::CompactionJobInfo&) override {
    lower_priority_of_this_thread();
  }
  void OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo&) override {
    const std::lock_guard lock(mutex_);
    compacted_.notify_all();
  }
  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status*) override { failed_ = true; }
  void OnErrorRecoveryEnd(const rocksdb::BackgroundErrorRecoveryInfo& information) override {
    if (information.new_bg_error.ok()) failed_ = false;
  }

  bool failed() const { return failed_; }
  void resumed() { failed_ = false; }
  // Also returns now and then without an event: a compaction may have ended just before.
  void wait_for_compaction() {
    std::unique_lock lock(mutex_);
    compacted_.wait_for(lock, std::chrono::milliseconds(50));
  }

 private:
  std::mutex mutex_;
  std::condition_variable compacted_;
  std::atomic<bool> failed_{false};
};

class RocksStore final : public Store {
 public:
  explicit RocksStore(const RocksOptions& options) : options_(options), setup_(make_rocks_setup(options)) {
    setup_.database.listeners.push_back(background_);
  }
  ~RocksStore() override;
  Status open();

  ReadResult get(Family family, std::string_view key, ReadMode mode, std::string* value) override;
  std::unique_ptr<StoreIterator> iterate(Family family, std::string_view lower,
                                         std::string_view upper) override {
    return std::make_unique<RocksIterator>(*database_, handle(family), lower, upper);
  }
  std::unique_ptr<SortedRun> begin_run() override;
  Status erase_range(Family family, std::string_view lower, std::string_view upper) override;
  Status resume() override;
  Status copy_to(const std::string& path) override;
  uint64_t memory_bytes() const override;
  uint64_t disk_bytes() const override;
  void for_each_statistic(const std::function<void(std::string_view, uint64_t)>& visit) const override;

 private:
  struct ErasedRange {
    std::string lower;
    std::string upper;
  };
  using ErasedRanges = std::array<std::vector<ErasedRange>, kFamilyCount>;

  rocksdb::ColumnFamilyHandle* handle(Family family) const { return handles_[static_cast<size_t>(family)]; }
  Status result(const rocksdb::Status& status, const std::string& what) const {
    return from_rocks(status, what + " " + options_.directory);
  }
  uint64_t total(const std::string& property) const;
  std::string run_directory() const { return options_.directory + "/runs"; }
  Status prepare_run_directory();
  Status ingest(const RunFiles& files);
  Status make_erased_durable();
  void drop_erased_files(const ErasedRanges& ranges);
  void wait_for_compactions(const RunFiles& files);
  bool too_many_runs(size_t family) const;

  const RocksOptions options_;
  const std::shared_ptr<BackgroundState> background_ = std::make_shared<BackgroundState>();
  RocksSetup setup_;
  std::unique_ptr<rocksdb::DB> database_;
  std::array<rocksdb::ColumnFamilyHandle*, kFamilyCount> handles_{};
  std::atomic<uint64_t> next_run_{0};

  std::mutex ingest_mutex_;  // One run is applied at a time. Taken before erase_mutex_.
  std::mutex erase_mutex_;
  bool applying_ = false;
  bool erased_ = false;  // There is an erased range that only a memtable knows of.
  ErasedRanges erased_ranges_;
};

Status RocksStore::open() {
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors = {
      {rocksdb::kDefaultColumnFamilyName, rocksdb::ColumnFamilyOptions()}};
  for (size_t family = 0; family < kFamilyCount; ++family)
    descriptors.emplace_back(kFamilyNames[family], setup_.families[family]);
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* database = nullptr;
  const rocksdb::Status status =
      rocksdb::DB::Open(setup_.database, options_.directory, descriptors, &handles, &database);
  if (!status.ok()) {
    // RocksDB has codes for neither of these.
    const Status failure = result(status, "cannot open the store");
    const auto says = [&](const char* words) { return failure.message().find(words) != std::string::npos; };
    if (status.IsIOError() && says("/LOCK")) return Status(StatusCode::kLocked, failure.message());
    if (says("Column families not opened")) return Status(StatusCode::kNewerFormat, failure.message());
    return failure;
  }
  database_.reset(database);
  database_->DestroyColumnFamilyHandle(handles[0]).PermitUncheckedError();
  std::copy(handles.begin() + 1, handles.end(), handles_.begin());
  return prepare_run_directory();
}

RocksStore::~RocksStore() {
  if (database_ == nullptr) return;
  for (rocksdb::ColumnFamilyHandle* handle : handles_)
    database_->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
  database_->Close().PermitUncheckedError();
}

Status RocksStore::prepare_run_directory() {
  rocksdb::Env* env = setup_.database.env;
  if (Status status = result(env->CreateDirIfMissing(run_directory()), "cannot use"); !status.ok())
    return status;
  std::vector<std::string> left;  // By runs that a crash ended.
  if (Status status = result(env->GetChildren(run_directory(), &left), "cannot list"); !status.ok())
    return status;
  for (const std::string& name : left)
    if (name.ends_with(".sst")) env->DeleteFile(run_directory() + "/" + name).PermitUncheckedError();
  return {};
}

ReadResult RocksStore::get(Family family, std::string_view key, ReadMode mode, std::string* value) {
  rocksdb::ReadOptions options;
  if (mode == ReadMode::kMemoryOnly) options.read_tier = rocksdb::kBlockCacheTier;
  const rocksdb::Status status = database_->Get(options, handle(family), slice(key), value);
  if (status.ok()) return ReadResult::kFound;
  if (status.IsNotFound()) return ReadResult::kAbsent;
  return status.IsIncomplete() ? ReadResult::kWouldBlock : ReadResult::kError;
}

std::unique_ptr<SortedRun> RocksStore::begin_run() {
  const uint64_t number = next_run_.fetch_add(1, std::memory_order_relaxed);
  return std::make_unique<RocksRun>(RocksRun::Context{
      setup_, handles_, options_.run_file_bytes, run_directory() + "/" + std::to_string(number),
      [this](const RunFiles& files) { return ingest(files); }});
}

Status RocksStore::erase_range(Family family, std::string_view lower, std::string_view upper) {
  if (lower >= upper) return {};
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  const std::lock_guard lock(erase_mutex_);
  const rocksdb::Status status = database_->DeleteRange(options, handle(family), slice(lower), slice(upper));
  if (!status.ok()) return result(status, "cannot erase a range in");
  erased_ = true;
  // Whole files within the range can go without a compaction, but not while a run is applied: a file of that
  // run counts as newer than the range deletion, and could not be told from an older one later.
  constexpr size_t kRangesMax = 256;
  auto& ranges = erased_ranges_[static_cast<size_t>(family)];
  if (!applying_ && ranges.size() < kRangesMax) ranges.push_back({std::string(lower), std::string(upper)});
  return {};
}

Status RocksStore::make_erased_durable() {
  ErasedRanges ranges;
  {
    const std::lock_guard lock(erase_mutex_);
    if (!erased_) return {};
    erased_ = false;
    ranges.swap(erased_ranges_);
  }
  // While the range deletion is in a memtable still, so that its own file is not among those that go.
  drop_erased_files(ranges);
  const std::vector<rocksdb::ColumnFamilyHandle*> handles(handles_.begin(), handles_.end());
  const rocksdb::Status status = database_->Flush(rocksdb::FlushOptions(), handles);
  if (status.ok()) return {};
  const std::lock_guard lock(erase_mutex_);
  erased_ = true;
  return result(status, "cannot flush");
}

void RocksStore::drop_erased_files(const ErasedRanges& ranges) {
  for (size_t family = 0; family < kFamilyCount; ++family) {
    std::vector<rocksdb::RangePtr> pointers;
    std::vector<std::array<rocksdb::Slice, 2>> bounds(ranges[family].size());
    for (size_t i = 0; i < bounds.size(); ++i) {
      bounds[i] = {ranges[family][i].lower, ranges[family][i].upper};
      pointers.emplace_back(&bounds[i][0], &bounds[i][1]);
    }
    constexpr bool kIncludeEnd = false;
    // Only saves space sooner: the range deletion hides the rows anyway.
    if (!pointers.empty())
      rocksdb::DeleteFilesInRanges(database_.get(), handles_[family], pointers.data(), pointers.size(),
                                   kIncludeEnd)
          .PermitUncheckedError();
  }
}

// A read looks into every file of level 0, and what they overwrite is still there, so their number and size are
// bounded by making the checkpoint wait. A failed compaction is not waited for: the run may still find room.
void RocksStore::wait_for_compactions(const RunFiles& files) {
  for (size_t family = 0; family < kFamilyCount; ++family)
    while (!files[family].empty() && too_many_runs(family) && !background_->failed())
      background_->wait_for_compaction();
}

bool RocksStore::too_many_runs(size_t family) const {
  // Fewer files are not compacted.
  const auto trigger = static_cast<size_t>(setup_.families[0].level0_file_num_compaction_trigger);
  rocksdb::ColumnFamilyMetaData meta;
  database_->GetColumnFamilyMetaData(handles_[family], &meta);
  const rocksdb::LevelMetaData& runs = meta.levels.front();
  if (runs.files.size() > std::max(static_cast<size_t>(options_.run_files_max), trigger)) return true;
  const uint64_t rest_bytes = meta.size - runs.size + meta.blob_file_size;
  return runs.files.size() >= trigger && runs.size > std::max(kRunBytesMin, rest_bytes / kRunShare);
}

Status RocksStore::resume() {
  Status status = result(database_->Resume(), "cannot resume");
  if (status.ok()) background_->resumed();
  return status;
}

Status RocksStore::ingest(const RunFiles& files) {
  const std::lock_guard lock(ingest_mutex_);
  wait_for_compactions(files);
  {
    const std::lock_guard erase_lock(erase_mutex_);
    applying_ = true;
  }
  Status status = make_erased_durable();
  if (status.ok()) {
    std::vector<rocksdb::IngestExternalFileArg> arguments;
    for (size_t family = 0; family < kFamilyCount; ++family) {
      if (files[family].empty()) continue;
      auto& argument = arguments.emplace_back();
      argument.column_family = handles_[family];
      argument.external_files = files[family];
      argument.options.move_files = true;
      argument.options.write_global_seqno = false;  // It is in the manifest; the file is not written again.
    }
    if (!arguments.empty()) status = result(database_->IngestExternalFiles(arguments), "cannot add a run to");
  }
  const std::lock_guard erase_lock(erase_mutex_);
  applying_ = false;
  return status;
}

Status RocksStore::copy_to(const std::string& path) {
  rocksdb::Checkpoint* checkpoint = nullptr;
  const rocksdb::Status created = rocksdb::Checkpoint::Create(database_.get(), &checkpoint);
  if (!created.ok()) return result(created, "cannot copy");
  const std::unique_ptr<rocksdb::Checkpoint> owner(checkpoint);
  return result(checkpoint->CreateCheckpoint(path), "cannot copy to " + path + " from");
}

uint64_t RocksStore::total(const std::string& property) const {
  uint64_t sum = 0;
  for (rocksdb::ColumnFamilyHandle* handle : handles_) {
    uint64_t value = 0;
    if (database_->GetIntProperty(handle, property, &value)) sum += value;
  }
  return sum;
}

uint64_t RocksStore::memory_bytes() const {
  return setup_.cache->GetUsage() + total(rocksdb::DB::Properties::kEstimateTableReadersMem) +
         total(rocksdb::DB::Properties::kCurSizeAllMemTables);
}

uint64_t RocksStore::disk_bytes() const {
  return total(rocksdb::DB::Properties::kTotalSstFilesSize) +
         total(rocksdb::DB::Properties::kTotalBlobFileSize);
}

void RocksStore::for_each_statistic(const std::function<void(std::string_view, uint64_t)>& visit) const {
  using Properties = rocksdb::DB::Properties;
  const std::pair<std::string_view, const std::string&> totals[] = {
      {"rows_estimate", Properties::kEstimateNumKeys},
      {"table_bytes", Properties::kTotalSstFilesSize},
      {"blob_bytes", Properties::kTotalBlobFileSize},
      {"blob_live_bytes", Properties::kLiveBlobFileSize},
      {"compactions_pending_bytes", Properties::kEstimatePendingCompactionBytes},
      {"table_reader_bytes", Properties::kEstimateTableReadersMem},
  };
  for (const auto& [name, property] : totals) visit(name, total(property));
  uint64_t value = 0;
  if (database_->GetIntProperty(handle(Family::kHints), Properties::kTotalSstFilesSize, &value))
    visit("hint_bytes", value);
  const std::pair<std::string_view, const std::string&> database_wide[] = {
      {"compactions_running", Properties::kNumRunningCompactions},
      {"background_errors", Properties::kBackgroundErrors},
  };
  for (const auto& [name, property] : database_wide)
    if (database_->GetIntProperty(property, &value)) visit(name, value);
  visit("block_cache_limit_bytes", setup_.cache->GetCapacity());
  visit("block_cache_used_bytes", setup_.cache->GetUsage());
  const std::pair<std::string_view, rocksdb::Tickers> tickers[] = {
      {"block_cache_hits", rocksdb::BLOCK_CACHE_HIT},
      {"block_cache_misses", rocksdb::BLOCK_CACHE_MISS},
      {"filter_useful", rocksdb::BLOOM_FILTER_USEFUL},
      {"bytes_compacted_read", rocksdb::COMPACT_READ_BYTES},
      {"bytes_compacted_written", rocksdb::COMPACT_WRITE_BYTES},
  };
  for (const auto& [name, ticker] : tickers) visit(name, setup_.database.statistics->getTickerCount(ticker));
}

}  // namespace

Status open_rocks_store(const RocksOptions& options, std::unique_ptr<Store>* store) {
  auto opened = std::make_unique<RocksStore>(options);
  if (Status status = opened->open(); !status.ok()) return status;
  *store = std::move(opened);
  return {};
}

}  // namespace starling::engine
