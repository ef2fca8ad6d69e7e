#include "engine/store/memory_store.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "engine/base/assert.h"

namespace starling::engine {
namespace {

using Map = MemoryStoreDisk::Map;

class MemoryIterator final : public StoreIterator {
 public:
  MemoryIterator(std::shared_ptr<const Map> map, std::mutex& mutex, std::string_view lower,
                 std::string_view upper)
      : map_(std::move(map)),
        mutex_(mutex),
        lower_(lower),
        upper_(upper),
        position_(map_->lower_bound(lower)) {}
  // Under the lock, so that the store may change the map in place once it alone has it.
  ~MemoryIterator() override {
    const std::lock_guard lock(mutex_);
    map_.reset();
  }

  bool valid() const override { return position_ != map_->end() && position_->first < upper_; }
  void next() override { ++position_; }
  void seek(std::string_view target) override {
    position_ = map_->lower_bound(std::max<std::string_view>(target, lower_));
  }
  std::string_view key() const override { return position_->first; }
  std::string_view value() const override { return position_->second; }
  Status status() const override { return {}; }

 private:
  std::shared_ptr<const Map> map_;
  std::mutex& mutex_;
  const std::string lower_;
  const std::string upper_;
  Map::const_iterator position_;
};

void erase_from(Map& map, std::string_view lower, std::string_view upper) {
  if (lower < upper) map.erase(map.lower_bound(lower), map.lower_bound(upper));
}

}  // namespace

class MemoryStore::Run final : public SortedRun {
 public:
  explicit Run(MemoryStore& store) : store_(store) {}

  Status put(Family family, std::string_view key, std::string_view value) override {
    add(family, key, std::string(value));
    return {};
  }
  Status erase(Family family, std::string_view key) override {
    add(family, key, std::nullopt);
    return {};
  }
  Status erase_range(Family family, std::string_view lower, std::string_view upper) override {
    check_order(family, lower);
    bytes_ += lower.size() + upper.size();
    changes_[static_cast<size_t>(family)].ranges.emplace_back(lower, upper);
    return {};
  }
  Status apply() override {
    STARLING_ASSERT(!spent_);
    spent_ = true;
    return store_.apply(*this);
  }
  uint64_t bytes() const override { return bytes_; }

 private:
  friend class MemoryStore;
  struct Point {
    std::string key;
    std::optional<std::string> value;
  };
  struct Changes {
    std::vector<std::pair<std::string, std::string>> ranges;
    std::vector<Point> points;
  };

  void check_order(Family family, std::string_view key) const {
    const Changes& changes = changes_[static_cast<size_t>(family)];
    STARLING_ASSERT(changes.points.empty() || changes.points.back().key < key);
    STARLING_ASSERT(changes.ranges.empty() || changes.ranges.back().first <= key);
  }

  void add(Family family, std::string_view key, std::optional<std::string> value) {
    check_order(family, key);
    bytes_ += key.size() + (value ? value->size() : 0);
    changes_[static_cast<size_t>(family)].points.push_back({std::string(key), std::move(value)});
  }

  MemoryStore& store_;
  std::array<Changes, kFamilyCount> changes_;
  uint64_t bytes_ = 0;
  bool spent_ = false;
};

MemoryStore::MemoryStore(std::shared_ptr<MemoryStoreDisk> disk, const std::string& path)
    : disk_(std::move(disk)), families_(disk_->stores[path]) {
  for (auto& map : families_)
    if (map == nullptr) map = std::make_shared<Map>();
}

ReadResult MemoryStore::get(Family family, std::string_view key, ReadMode mode, std::string* value) {
  const std::lock_guard lock(mutex_);
  if (cold_ && mode == ReadMode::kMemoryOnly) return ReadResult::kWouldBlock;
  const Map& map = *families_[static_cast<size_t>(family)];
  const auto found = map.find(key);
  if (found == map.end()) return ReadResult::kAbsent;
  *value = found->second;
  return ReadResult::kFound;
}

std::unique_ptr<StoreIterator> MemoryStore::iterate(Family family, std::string_view lower,
                                                    std::string_view upper) {
  const std::lock_guard lock(mutex_);
  return std::make_unique<MemoryIterator>(families_[static_cast<size_t>(family)], mutex_, lower, upper);
}

std::unique_ptr<SortedRun> MemoryStore::begin_run() {
  return std::make_unique<Run>(*this);
}

MemoryStore::Map& MemoryStore::writable(Family family) {
  auto& map = families_[static_cast<size_t>(family)];
  if (map.use_count() > 1) map = std::make_shared<Map>(*map);
  return *map;
}

Status MemoryStore::apply(const Run& run) {
  const std::lock_guard lock(mutex_);
  if (full_) return Status(StatusCode::kNoSpace, "store: no space");
  for (int family = 0; family < kFamilyCount; ++family) {
    const Run::Changes& changes = run.changes_[static_cast<size_t>(family)];
    if (changes.points.empty() && changes.ranges.empty()) continue;
    Map& map = writable(static_cast<Family>(family));
    for (const auto& [lower, upper] : changes.ranges) erase_from(map, lower, upper);
    for (const Run::Point& point : changes.points) {
      if (point.value) {
        map.insert_or_assign(point.key, *point.value);
      } else {
        map.erase(point.key);
      }
    }
  }
  return {};
}

Status MemoryStore::erase_range(Family family, std::string_view lower, std::string_view upper) {
  const std::lock_guard lock(mutex_);
  erase_from(writable(family), lower, upper);
  return {};
}

Status MemoryStore::copy_to(const std::string& path) {
  const std::lock_guard lock(mutex_);
  auto [copy, inserted] = disk_->stores.try_emplace(path);
  if (!inserted) return Status(StatusCode::kInvalid, "store: " + path + " exists");
  for (size_t family = 0; family < families_.size(); ++family)
    copy->second[family] = std::make_shared<Map>(*families_[family]);
  return {};
}

uint64_t MemoryStore::disk_bytes() const {
  const std::lock_guard lock(mutex_);
  uint64_t bytes = 0;
  for (const auto& map : families_)
    for (const auto& [key, value] : *map) bytes += key.size() + value.size();
  return bytes;
}

void MemoryStore::for_each_statistic(const std::function<void(std::string_view, uint64_t)>& visit) const {
  visit("disk_bytes", disk_bytes());
}

void MemoryStore::set_cold(bool cold) {
  const std::lock_guard lock(mutex_);
  cold_ = cold;
}

void MemoryStore::set_full(bool full) {
  const std::lock_guard lock(mutex_);
  full_ = full;
}

}  // namespace starling::engine
