// Reads back the commit log of an earlier run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/status.h"
#include "engine/log/commit_log.h"
#include "engine/log/log_file.h"
#include "engine/log/log_format.h"

namespace starling::engine {

struct RecoveredSegment {
  uint64_t number;
  uint64_t end;  // Where its frames end; the file may be longer.
};

struct RecoveredLog {
  std::vector<RecoveredSegment> segments;  // Those that stay, ascending.
  uint64_t next_number = 1;                // Greater than that of any segment there was.
};

std::string segment_name(uint64_t number);
// The name under which a dropped segment's file waits for its next use.
std::string spare_name(uint64_t number);

// As CommitLog::recover(), without the fresh segment. Removes segments before `first_segment`, spare files
// and a torn tail with all that follows it, and leaves everything that stays durable.
Status recover_log(LogDirectory& directory, uint64_t first_segment, const CommitLog::FrameVisitor& visit,
                   const CommitLog::ProgressVisitor& progress, RecoveredLog* recovered);

}  // namespace starling::engine
