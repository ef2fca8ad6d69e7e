// How much of maxmemory records may take, decided from what the process really occupies.
//
// Besides records there are the store's caches, checkpoints and compactions under way, clients' buffers, and
// the holes that evicted records leave in the allocator's pages. Only their sum shows, in the resident set.
// So this is an integral control with a dead band:
//
//   above the limit less a 64th   the records give up, at once, what is above the limit less a 32nd; each
//                                 byte of it once: holes are filled by new records, but few pages become
//                                 free, and whoever went on cutting until the resident set falls would end
//                                 with no records and as many pages. As long as it stays there, a little
//                                 more each second; more than a little where pages are dense, since fewer
//                                 records are fewer pages then.
//   below the limit less a 16th   they slowly get it back, if they have use for it and no peak of late,
//                                 of a compaction say, came higher
//   in between                    nothing changes
//
// At least a quarter of the limit remains for records.
#pragma once

#include <cstdint>

namespace starling::engine {

class MemoryBudget {
 public:
  struct Sample {
    uint64_t limit_bytes = 0;    // maxmemory; 0: none.
    uint64_t reserve_bytes = 0;  // The least to set aside.
    uint64_t records_bytes = 0;  // What records take.
    uint64_t grown_bytes = 0;    // The resident set above that of a process without records; 0: unknown.
    int64_t now_us = 0;          // Monotonic.
    bool dense = false;          // The pages of records have few holes.
  };

  // What records may take from now on; 0: no limit. Called some ten times a second.
  uint64_t adjust(const Sample& sample);

 private:
  void take(const Sample& sample);
  void give_back(const Sample& sample, int64_t elapsed_us);

  uint64_t limit_bytes_ = 0;
  uint64_t budget_bytes_ = 0;
  uint64_t answered_bytes_ = 0;  // Growth up to here has been cut from the records.
  uint64_t peak_bytes_ = 0;      // The highest growth, less what was cut and forgotten since.
  int64_t last_us_ = 0;
  int64_t elapsed_over_us_ = 0;  // Since the last cut.
};

}  // namespace starling::engine
