#include "server/cluster/version_sums.h"

#include <algorithm>
#include <utility>

#include "engine/replication.h"
#include "server/cluster/sums_file.h"

namespace starling::server {
namespace {

// Of scanning at a stretch. The loop only takes the results.
constexpr int64_t kStepUs = 10'000;
// Keys between two looks at the clock.
constexpr size_t kScanKeys = 256;
// Pauses, in times of the step before.
constexpr int64_t kGentleness = 4;

}  // namespace

// Scans partitions until its time is up. It may end within one, and then goes on there.
struct VersionSums::Step {
  struct Result {
    uint16_t partition;
    uint64_t sum;
    uint32_t change_count;
    engine::Stamp ripe;
    cluster::SiblingCounts siblings;
  };
  std::vector<uint16_t> partitions;  // Left to do, the last one first.
  uint64_t cursor = 0;  // Within the last one, whose sum so far and count at its beginning follow.
  uint64_t sum = 0;
  uint32_t change_count = 0;
  engine::Stamp ripe = engine::kNeverRipe;
  cluster::SiblingCounts siblings{};
  std::vector<Result> results;
  engine::Status status;
  int64_t took_us = 0;

  void run(engine::Engine& engine, const engine::Clock& clock) {
    const int64_t began_us = clock.monotonic_us();
    while (!partitions.empty() && status.ok() && took_us < kStepUs) {
      const uint16_t partition = partitions.back();
      if (cursor == 0) {
        change_count = engine::change_count(engine, partition);
        sum = 0;
        ripe = engine::kNeverRipe;
        siblings = {};
      }
      status = engine::scan_versions(
          engine, partition, &cursor, kScanKeys, [this](const engine::VisitedVersion& version) {
            sum += engine::version_hash(version.database, version.key, version.context);
            ripe = std::min(ripe, version.ripe);
            cluster::count_siblings(version.siblings, &siblings);
          });
      if (status.ok() && cursor == 0) {
        results.push_back({partition, sum, change_count, ripe, siblings});
        partitions.pop_back();
      }
      took_us = clock.monotonic_us() - began_us;
    }
  }
};

VersionSums::VersionSums(engine::Engine& engine, EventLoop& loop, const engine::Clock& clock)
    : engine_(engine), loop_(loop), clock_(clock), pause_(loop, [this] { run_next(); }) {}

void VersionSums::observe() {
  index_.observe([this](uint16_t partition) { return engine::change_count(engine_, partition); });
}

void VersionSums::recall(const std::string& directory) {
  for (const auto& [partition, sum] : take_sums(directory, engine::incarnation(engine_))) {
    index_.set(partition, sum, engine::change_count(engine_, partition));
  }
  observe();
}

engine::Status VersionSums::remember(const std::string& directory) {
  observe();
  std::vector<PartitionSum> sums;
  for (uint32_t i = 0; i < engine::kPartitionCount; ++i) {
    const auto partition = static_cast<uint16_t>(i);
    // What has tombstones or siblings is looked at again, as the sum does not say so.
    const bool plain = index_.ripe(partition) == engine::kNeverRipe &&
                       index_.siblings(partition) == cluster::SiblingCounts{};
    if (index_.known(partition) && plain) sums.emplace_back(partition, index_.sum(partition));
  }
  return save_sums(directory, engine::incarnation(engine_), sums);
}

void VersionSums::compute(const cluster::PartitionSet& among, bool urgent,
                          std::function<void(engine::Status)> done) {
  jobs_.push_back({among, urgent, false, {}, std::move(done)});
  if (urgent) {
    for (Job& job : jobs_) job.urgent = true;  // It waits for them.
  }
  if (urgent && pause_.active()) pause_.stop();
  if (!scanning_ && !pause_.active()) run_next();
}

void VersionSums::run_next() {
  // A disk thread has the step.
  if (scanning_) return;
  while (!jobs_.empty()) {
    Job& job = jobs_.front();
    if (!job.begun) {
      job.begun = true;
      observe();
      step_ = std::make_shared<Step>();
      step_->partitions = index_.in_doubt(job.among);
      std::reverse(step_->partitions.begin(), step_->partitions.end());
    }
    if (!step_->partitions.empty()) break;
    finish_job({});
    // What was told so may have asked for more, and begun it.
    if (scanning_) return;
  }
  if (jobs_.empty()) return;
  scanning_ = true;
  // The engine ends its threads before it goes; what is posted to a loop that has ended is dropped.
  engine_.offload([this, step = step_, &engine = engine_, &clock = clock_, &loop = loop_] {
    step->run(engine, clock);
    loop.post([this, step] {
      scanning_ = false;
      take(*step);
    });
  });
}

void VersionSums::finish_job(const engine::Status& status) {
  const Job job = std::move(jobs_.front());
  jobs_.pop_front();
  job.done(status);
}

void VersionSums::take(Step& step) {
  for (const Step::Result& result : step.results)
    index_.set(result.partition, result.sum, result.change_count, result.ripe, result.siblings);
  scanned_ += step.results.size();
  step.results.clear();
  const int64_t took_us = std::exchange(step.took_us, 0);
  if (!step.status.ok()) finish_job(step.status);
  if (jobs_.empty()) return;
  if (jobs_.front().urgent) return run_next();
  pause_.start(std::max<int64_t>(1, kGentleness * took_us / 1000), 0);
}

}  // namespace starling::server
