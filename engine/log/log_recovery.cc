#include "engine/log/log_recovery.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <utility>

namespace starling::engine {
namespace {

constexpr std::string_view kSuffix = ".log";
constexpr std::string_view kSparePrefix = "spare-";
constexpr size_t kNumberDigits = 10;
constexpr uint64_t kToldBytes = 1 << 20;

std::optional<uint64_t> parse_segment_name(std::string_view name) {
  if (!name.ends_with(kSuffix)) return std::nullopt;
  name.remove_suffix(kSuffix.size());
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size() || name.size() < kNumberDigits)
    return std::nullopt;
  return number;
}

struct Segment {
  uint64_t number = 0;
  std::unique_ptr<LogFile> file;
  bool header_valid = false;
  SegmentHeader header;
};

class Recovery {
 public:
  Recovery(LogDirectory& directory, const CommitLog::FrameVisitor& visit,
           const CommitLog::ProgressVisitor& progress, RecoveredLog* recovered)
      : directory_(directory), visit_(visit), progress_(progress), recovered_(*recovered) {}

  Status run(uint64_t first_segment) {
    if (Status status = list(first_segment); !status.ok()) return status;
    // All headers are judged before anything is changed: a newer program's log stays as it is.
    for (Segment& segment : segments_)
      if (Status status = open(segment); !status.ok()) return status;
    set_void_aside();
    if (Status status = check_chain(first_segment); !status.ok()) return status;
    for (const std::string& name : obsolete_)
      if (Status status = directory_.remove(name); !status.ok()) return status;
    if (Status status = replay(); !status.ok()) return status;
    return directory_.sync();
  }

 private:
  Status list(uint64_t first_segment) {
    std::vector<std::string> names;
    if (Status status = directory_.list(&names); !status.ok()) return status;
    recovered_.next_number = std::max<uint64_t>(first_segment, 1);
    for (const std::string& name : names) {
      const auto number = parse_segment_name(name);
      if (number) recovered_.next_number = std::max(recovered_.next_number, *number + 1);
      if (name.starts_with(kSparePrefix) || (number && *number < first_segment)) {
        obsolete_.push_back(name);
      } else if (number) {
        segments_.emplace_back().number = *number;
      }
    }
    std::sort(segments_.begin(), segments_.end(),
              [](const Segment& a, const Segment& b) { return a.number < b.number; });
    return {};
  }

  Status open(Segment& segment) {
    const std::string name = segment_name(segment.number);
    if (Status status = directory_.open(name, &segment.file); !status.ok()) return status;
    // What is replayed here gets acknowledged by what is built on it, so it must be on the disk, and come
    // from there.
    if (Status status = segment.file->sync(); !status.ok()) return status;
    segment.file->forget_cached();
    std::string bytes;
    if (Status status = segment.file->read_at(0, kSegmentHeaderBytes, &bytes); !status.ok()) return status;
    const HeaderState state = decode_segment_header(bytes, &segment.header);
    if (state == HeaderState::kNewerFormat)
      return Status(StatusCode::kNewerFormat, "commit log " + name + " was written by a newer version");
    // A recycled file whose new header a power cut kept from the disk still has its old number.
    segment.header_valid = state == HeaderState::kValid && segment.header.number == segment.number;
    return {};
  }

  // A file whose header never got written, and on which no later segment follows, holds nothing.
  void set_void_aside() {
    uint64_t expected = 0;
    for (size_t i = segments_.size(); i-- > 0;) {
      Segment& segment = segments_[i];
      if (segment.header_valid) {
        expected = segment.header.previous;
      } else if (expected != 0 && segment.number > expected) {
        obsolete_.push_back(segment_name(segment.number));
        segments_.erase(segments_.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
  }

  Status check_chain(uint64_t first_segment) const {
    for (size_t i = 0; i < segments_.size(); ++i) {
      const Segment& segment = segments_[i];
      if (!segment.header_valid) break;  // Judged as a bad frame at offset 0.
      const uint64_t previous = segment.header.previous;
      const bool linked =
          i == 0 ? previous < std::max<uint64_t>(first_segment, 1) : previous == segments_[i - 1].number;
      if (linked) continue;
      return Status(StatusCode::kCorrupt, "commit log: " + segment_name(previous) + " is missing before " +
                                              segment_name(segment.number));
    }
    return {};
  }

  // Of all frames that will be replayed. Where the last segment's end is only its frames tell.
  Status count_bytes() {
    for (size_t i = 0; i < segments_.size() && segments_[i].header_valid; ++i) {
      if (i + 1 < segments_.size() && segments_[i + 1].header_valid) {
        total_bytes_ += segments_[i + 1].header.previous_end;
        continue;
      }
      std::string bytes;
      if (Status status = segments_[i].file->read_at(0, UINT64_MAX, &bytes); !status.ok()) return status;
      uint64_t end = kSegmentHeaderBytes;
      while (const auto frame = decode_frame(std::string_view(bytes).substr(end), {segments_[i].number, end}))
        end += frame->size;
      total_bytes_ += end;
    }
    return {};
  }

  Status replay() {
    if (Status status = count_bytes(); !status.ok()) return status;
    report_progress(0);
    for (size_t i = 0; i < segments_.size(); ++i) {
      Segment& segment = segments_[i];
      std::string bytes;
      if (Status status = segment.file->read_at(0, UINT64_MAX, &bytes); !status.ok()) return status;
      const bool end_known = i + 1 < segments_.size() && segments_[i + 1].header_valid;
      const uint64_t limit = end_known ? segments_[i + 1].header.previous_end : bytes.size();
      uint64_t end = 0;
      if (segment.header_valid)
        if (Status status = replay_segment(segment.number, bytes, limit, &end); !status.ok()) return status;
      const bool whole = segment.header_valid && end == limit;
      if (!whole) return cut(i, end, bytes);
      recovered_.segments.push_back({segment.number, end});
      done_bytes_ += end;
    }
    return {};
  }

  // *end: behind the last valid frame.
  Status replay_segment(uint64_t number, std::string_view bytes, uint64_t limit, uint64_t* end) {
    bytes = bytes.substr(0, limit);
    *end = kSegmentHeaderBytes;
    while (*end < bytes.size()) {
      const auto frame = decode_frame(bytes.substr(*end), {number, *end});
      if (!frame) break;
      if (frame->kind == FrameKind::kData)
        if (Status status = visit_(number, frame->payload); !status.ok()) return status;
      *end += frame->size;
      if (done_bytes_ + *end >= told_bytes_ + kToldBytes) report_progress(done_bytes_ + *end);
    }
    report_progress(done_bytes_ + *end);
    return {};
  }

  // The frames of segment `index` stop at `end` before they should: a torn tail, unless what comes after
  // knows that this place was durable once.
  Status cut(size_t index, uint64_t end, std::string_view bytes) {
    Segment& segment = segments_[index];
    LogPlace durable = greatest_mark(bytes.substr(end), {segment.number, end});
    for (size_t i = index + 1; i < segments_.size(); ++i) {
      std::string later;
      if (Status status = segments_[i].file->read_at(0, UINT64_MAX, &later); !status.ok()) return status;
      durable = std::max(durable, greatest_mark(later, {segments_[i].number, 0}));
    }
    if (durable > LogPlace{segment.number, end}) return damaged(index, end);
    // The last first: a crash meanwhile leaves a chain without gaps.
    for (size_t i = segments_.size() - 1; i > index; --i)
      if (Status status = directory_.remove(segment_name(segments_[i].number)); !status.ok()) return status;
    if (end < kSegmentHeaderBytes) return directory_.remove(segment_name(segment.number));
    if (Status status = segment.file->truncate(end); !status.ok()) return status;
    recovered_.segments.push_back({segment.number, end});
    return segment.file->sync();
  }

  Status damaged(size_t index, uint64_t end) const {
    LogPlace place{segments_[index].number, end};
    // Without the header that follows nobody knows where this segment ends; the header is what is damaged.
    const bool next_unreadable = index + 1 < segments_.size() && !segments_[index + 1].header_valid;
    if (next_unreadable) place = {segments_[index + 1].number, 0};
    return Status(StatusCode::kCorrupt, "commit log " + segment_name(place.segment) +
                                            " is damaged at offset " + std::to_string(place.offset) +
                                            ", before data known to be durable");
  }

  void report_progress(uint64_t done) {
    told_bytes_ = done;
    if (progress_) progress_(done, total_bytes_);
  }

  LogDirectory& directory_;
  const CommitLog::FrameVisitor& visit_;
  const CommitLog::ProgressVisitor& progress_;
  RecoveredLog& recovered_;
  std::vector<Segment> segments_;
  std::vector<std::string> obsolete_;
  uint64_t total_bytes_ = 0;
  uint64_t done_bytes_ = 0;  // Of whole segments.
  uint64_t told_bytes_ = 0;
};

}  // namespace

std::string segment_name(uint64_t number) {
  std::string digits = std::to_string(number);
  if (digits.size() < kNumberDigits) digits.insert(0, kNumberDigits - digits.size(), '0');
  return digits + std::string(kSuffix);
}

std::string spare_name(uint64_t number) {
  return std::string(kSparePrefix) + segment_name(number);
}

Status recover_log(LogDirectory& directory, uint64_t first_segment, const CommitLog::FrameVisitor& visit,
                   const CommitLog::ProgressVisitor& progress, RecoveredLog* recovered) {
  *recovered = {};
  return Recovery(directory, visit, progress, recovered).run(first_segment);
}

}  // namespace starling::engine
