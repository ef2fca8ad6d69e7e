// The commit log: what makes a write durable before the checkpoint has taken it to the store.
//
// Writers append frames while they hold the stripes of the keys concerned, so frames of one key are in the
// order in which they were applied. flush() hands all that was appended so far to the file (group commit);
// sync() makes it durable. A frame is atomic: recovery yields it whole or not at all.
//
// Files: <directory>/NNNNNNNNNN.log, numbered segments. Grammar at the head of log_format.h.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "engine/base/status.h"

namespace starling::engine {

// A count of bytes appended since the log was opened; monotonic over segments.
using LogPosition = uint64_t;

class CommitLog {
 public:
  // What an idle node's log takes.
  static constexpr uint64_t kSegmentBytes = 16ull << 20;

  struct Options {
    std::string directory;
    uint64_t segment_bytes =
        kSegmentBytes;  // Segments are preallocated, so an append rarely meets a full disk.
    // Pending bytes (appended, not written) above which flush() must be called before more is appended; see
    // over_limit().
    uint64_t pending_limit_bytes = 256ull << 20;
  };

  // Called for each surviving frame in order, from `first_segment` on. `segment` is the frame's segment
  // number.
  using FrameVisitor = std::function<Status(uint64_t segment, std::string_view payload)>;
  // Called for each MiB or so, and for each segment: how much of all that will be visited has been.
  using ProgressVisitor = std::function<void(uint64_t bytes_done, uint64_t bytes_total)>;

  virtual ~CommitLog() = default;

  // Replays what an earlier run left, in order. A tail torn by a crash is cut off and is no error; a bad
  // frame before a place that a sync had made durable is kCorrupt and names file and offset; so is a missing
  // segment. Segments before `first_segment` are deleted. An error of `visit` ends it. Afterwards the log
  // stands at a fresh segment and takes appends; on a full disk it succeeds too, but healthy() is false until
  // a flush() finds space. What was visited is durable. Called once, before anything else.
  virtual Status recover(uint64_t first_segment, const FrameVisitor& visit,
                         const ProgressVisitor& progress) = 0;

  // Adds one frame, of at least one byte, to the pending buffer. Memory only, cannot fail; any thread.
  // Returns the position behind it.
  virtual LogPosition append(std::string_view payload) = 0;

  // Writes all pending frames to the file. On failure nothing pending is lost: a later call goes on where
  // this one stopped, and healthy() is false until it succeeds; somebody must call it again, also when
  // nothing is pending. Any thread; concurrent calls wait for one another.
  virtual Status flush() = 0;
  // flush() and fdatasync; what did get written is made durable also when flush() fails. Holds up neither
  // append() nor flush() for the time the disk takes. After a failed fdatasync the log is dead: every later
  // call fails (what the kernel holds is unknown), and the process must restart.
  virtual Status sync() = 0;

  virtual LogPosition appended() const = 0;
  virtual LogPosition written() const = 0;
  virtual LogPosition durable() const = 0;
  virtual bool healthy() const = 0;
  // After a failed fdatasync, for ever.
  virtual bool dead() const = 0;
  virtual bool over_limit() const = 0;

  // Begins a new segment; frames appended from now on go there. Returns its number. The caller holds all
  // stripes, so no append is under way. What is pending still goes to the old segment: this flushes it; on
  // failure nothing changes.
  virtual Status rotate(uint64_t* new_segment) = 0;
  // Deletes the segments before `segment`, or keeps their files for coming segments. Blocks on the disk, but
  // holds up neither append() nor flush().
  virtual Status drop_before(uint64_t segment) = 0;
  virtual uint64_t current_segment() const = 0;
  // Bytes of frames in all segments that exist; pending included.
  virtual uint64_t live_bytes() const = 0;
};

// On files. kLocked never: the data directory's lock is the engine's.
Status open_file_log(const CommitLog::Options& options, std::unique_ptr<CommitLog>* log);

}  // namespace starling::engine
