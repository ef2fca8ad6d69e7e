#include "server/cluster/version_sums.h"

#include <algorithm>
#include <utility>

#include "engine/replica/replication.h"
#include "server/cluster/sums_file.h"

namespace starling::server {
namespace {

// Of scanning at a stretch. The loop only takes the results.
constexpr int64_t kScanStepUs = 10'000;
// Keys between two looks at the clock.
constexpr size_t kScanKeys = 256;
// Pauses, in times of the step before.
constexpr int64_t kScanPause = 4;

}  // namespace

// Scans partitions until its time is up. It may end within one, and then goes on there.
struct VersionSums::Step {
  std::vector<uint16_t> partitions;  // Left to do, the last one first.
  std::vector<uint16_t> scanned;
  engine::Status status;
  int64_t took_us = 0;

  void run(engine::Engine& engine, const engine::Clock& clock) {
    const int64_t began_us = clock.monotonic_us();
    while (!partitions.empty() && status.ok() && took_us < kScanStepUs) {
      bool forward;
      status = engine::advance_tally(engine, partitions.back(), kScanKeys, &forward);
      // It is known, or is left for the next time.
      if (status.ok() && !forward) {
        scanned.push_back(partitions.back());
        partitions.pop_back();
      }
      took_us = clock.monotonic_us() - began_us;
    }
  }
};

VersionSums::VersionSums(engine::Engine& engine, EventLoop& loop, const engine::Clock& clock)
    : engine_(engine), loop_(loop), clock_(clock), pause_(loop, [this] { run_next(); }) {}

void VersionSums::observe() {
  for (uint32_t i = 0; i < engine::kPartitionCount; ++i) {
    const auto partition = static_cast<uint16_t>(i);
    if (engine::change_count(engine_, partition) != index_.change_count(partition)) observe(partition);
  }
}

void VersionSums::observe(uint16_t partition) {
  index_.observe(partition, engine::tally_of(engine_, partition));
}

void VersionSums::recall(const std::string& directory) {
  for (const auto& [partition, sum] : take_sums(directory, engine::incarnation(engine_))) {
    engine::VersionTally tally;
    tally.sum = sum;
    engine::set_tally(engine_, partition, tally);
    observe(partition);
  }
}

engine::Status VersionSums::remember(const std::string& directory) {
  observe();
  std::vector<PartitionSum> sums;
  for (uint32_t i = 0; i < engine::kPartitionCount; ++i) {
    const auto partition = static_cast<uint16_t>(i);
    // What has tombstones or siblings is looked at again, as the sum does not say so.
    engine::VersionTally plain;
    plain.sum = index_.sum(partition);
    if (index_.known(partition) && index_.tally(partition) == plain) sums.emplace_back(partition, plain.sum);
  }
  return save_sums(directory, engine::incarnation(engine_), sums);
}

void VersionSums::doubt(uint16_t partition) {
  engine::doubt_tally(engine_, partition);
  index_.forget(partition);
}

// What the oldest tombstone was went, perhaps with the last of them: only a scan can tell.
void VersionSums::doubt_outdated(const cluster::PartitionSet& among) {
  const engine::Stamp now = engine::stamp_at(clock_.wall_ms());
  for (uint32_t i = 0; i < engine::kPartitionCount; ++i) {
    const auto partition = static_cast<uint16_t>(i);
    const engine::VersionTally& tally = index_.tally(partition);
    if (!among[i] || !index_.known(partition) || tally.ripe_exact || tally.ripe > now) continue;
    doubt(partition);
  }
}

void VersionSums::compute(const cluster::PartitionSet& among, bool urgent,
                          std::function<void(engine::Status)> done) {
  jobs_.push_back({among, urgent, false, std::move(done)});
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
      doubt_outdated(job.among);
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
  observe();
  job.done(status);
}

void VersionSums::take(Step& step) {
  for (const uint16_t partition : step.scanned) observe(partition);
  scanned_ += step.scanned.size();
  step.scanned.clear();
  const int64_t took_us = std::exchange(step.took_us, 0);
  if (!step.status.ok()) finish_job(step.status);
  if (jobs_.empty()) return;
  if (jobs_.front().urgent) return run_next();
  pause_.start(std::max<int64_t>(1, kScanPause * took_us / 1000), 0);
}

}  // namespace starling::server
