#include "engine/log/file_log.h"

#include <doctest/doctest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <thread>

#include "engine/log/log_recovery.h"
#include "faulty_log_directory.h"
#include "temporary_directory.h"

namespace starling::engine {
namespace {

namespace fs = std::filesystem;
using Frames = std::vector<std::string>;

struct Log {
  std::shared_ptr<LogFaults> faults = std::make_shared<LogFaults>();
  std::unique_ptr<FileLog> log;
  Frames frames;  // Recovered ones.
  std::vector<uint64_t> segments;
  Status status;

  FileLog* operator->() { return log.get(); }
};

Log open_log(const std::string& path, uint64_t first_segment = 0, uint64_t segment_bytes = 4096,
             std::shared_ptr<LogFaults> faults = nullptr) {
  Log result;
  if (faults != nullptr) result.faults = std::move(faults);
  std::unique_ptr<LogDirectory> directory;
  REQUIRE(open_log_directory(path, &directory).ok());
  CommitLog::Options options;
  options.directory = path;
  options.segment_bytes = segment_bytes;
  options.pending_limit_bytes = 100000;
  result.log = std::make_unique<FileLog>(
      options, std::make_unique<FaultyLogDirectory>(std::move(directory), result.faults));
  result.status = result.log->recover(
      first_segment,
      [&](uint64_t segment, std::string_view payload) {
        result.frames.emplace_back(payload);
        result.segments.push_back(segment);
        return Status();
      },
      nullptr);
  return result;
}

std::string read_file(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void write_file(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc).write(bytes.data(), std::ssize(bytes));
}

fs::path segment_path(const std::string& directory, uint64_t number) {
  return fs::path(directory) / segment_name(number);
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

uint64_t seed() {
  const char* given = std::getenv("STARLING_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
}

TEST_CASE("frames of all sizes come back in order over many segments and restarts") {
  const uint64_t used_seed = seed();
  CAPTURE(used_seed);
  std::mt19937_64 random(used_seed);
  TemporaryDirectory directory;
  Frames expected;
  for (int restart = 0; restart < 4; ++restart) {
    Log log = open_log(directory.path());
    REQUIRE(log.status.ok());
    REQUIRE(log.frames == expected);
    CHECK(std::is_sorted(log.segments.begin(), log.segments.end()));
    LogPosition position = 0;
    for (int i = 0; i < 200; ++i) {
      const size_t bytes = 1 + random() % (random() % 50 == 0 ? 60000 : 300);
      expected.emplace_back(bytes, static_cast<char>('a' + random() % 26));
      const LogPosition after = log->append(expected.back());
      CHECK(after > position + bytes);
      position = after;
      if (random() % 7 == 0) REQUIRE(log->flush().ok());
      if (random() % 20 == 0) REQUIRE(log->sync().ok());
    }
    REQUIRE(log->sync().ok());
    CHECK(log->appended() == position);
    CHECK(log->written() == position);
    CHECK(log->durable() == position);
    CHECK(log->healthy());
  }
  CHECK(names_in(directory.path()).size() > 20);
}

TEST_CASE("what was not flushed is not there after a crash, and nothing else is missing") {
  TemporaryDirectory directory;
  {
    Log log = open_log(directory.path());
    log->append("one");
    REQUIRE(log->flush().ok());
    log->append("two");
    CHECK(log->appended() > log->written());
    CHECK(log->durable() == 0);
  }
  CHECK(open_log(directory.path()).frames == Frames{"one"});
}

TEST_CASE("a tail torn at any byte is cut, and the log goes on behind it") {
  TemporaryDirectory directory;
  {
    Log log = open_log(directory.path());
    log->append("first");
    REQUIRE(log->sync().ok());
    log->append("second, which is longer");
    log->append("third");
    REQUIRE(log->flush().ok());
  }
  const std::string whole = read_file(segment_path(directory.path(), 1));
  REQUIRE(whole.size() == 4096);
  const size_t used = whole.find_last_not_of('\0') + 1;
  const size_t first_end = whole.find("first") + 5;
  for (const bool zeros : {false, true}) {
    for (size_t cut = 0; cut < used; ++cut) {
      CAPTURE(cut);
      TemporaryDirectory copy;
      std::string torn = whole.substr(0, cut);
      if (zeros) torn.resize(whole.size());
      write_file(segment_path(copy.path(), 1), torn);
      Log log = open_log(copy.path());
      REQUIRE(log.status.ok());
      const size_t expected = cut < first_end ? 0 : cut < whole.find("longer") + 6 ? 1 : 2;
      CHECK(log.frames.size() == expected);
      log->append("after");
      REQUIRE(log->sync().ok());
      Log again = open_log(copy.path());
      REQUIRE(again.status.ok());
      CHECK(again.frames.size() == expected + 1);
      CHECK(again.frames.back() == "after");
    }
  }
}

TEST_CASE("damage before data that was durable is an error with file and offset") {
  TemporaryDirectory directory;
  {
    Log log = open_log(directory.path());
    for (int i = 0; i < 100; ++i) {
      log->append("frame " + std::to_string(i) + std::string(100, '.'));
      REQUIRE(log->flush().ok());
    }
    REQUIRE(log->sync().ok());
  }
  REQUIRE(names_in(directory.path()).size() == 3);
  for (const uint64_t number : {uint64_t{1}, uint64_t{2}, uint64_t{3}}) {
    const std::string whole = read_file(segment_path(directory.path(), number));
    for (const size_t at : {size_t{3}, size_t{17}, size_t{64}, size_t{200}, size_t{1500}}) {
      CAPTURE(number);
      CAPTURE(at);
      TemporaryDirectory copy;
      fs::copy(directory.path(), copy.path(), fs::copy_options::recursive);
      std::string damaged = whole;
      damaged[at] ^= 16;
      write_file(segment_path(copy.path(), number), damaged);
      Log log = open_log(copy.path());
      CHECK(log.status.code() == StatusCode::kCorrupt);
      CHECK(log.status.message().find(segment_name(number)) != std::string::npos);
      CHECK(log.status.message().find("offset") != std::string::npos);
      CHECK(read_file(segment_path(copy.path(), number)) == damaged);  // Left for who looks into it.
    }
  }
}

TEST_CASE("a missing segment is an error") {
  TemporaryDirectory directory;
  uint64_t number = 0;
  {
    Log log = open_log(directory.path());
    for (int i = 0; i < 3; ++i) {
      log->append("x");
      REQUIRE(log->rotate(&number).ok());
    }
  }
  CHECK(number == 4);
  TemporaryDirectory first_missing;
  fs::copy(directory.path(), first_missing.path(), fs::copy_options::recursive);
  fs::remove(segment_path(first_missing.path(), 1));
  CHECK(open_log(first_missing.path(), 0).status.code() == StatusCode::kCorrupt);
  CHECK(open_log(first_missing.path(), 2).status.ok());
  fs::remove(segment_path(directory.path(), 2));
  CHECK(open_log(directory.path(), 0).status.code() == StatusCode::kCorrupt);
}

TEST_CASE("a hole in what was never synced is a torn tail, whatever follows it") {
  TemporaryDirectory directory;
  {
    Log log = open_log(directory.path());
    log->append("kept");
    REQUIRE(log->sync().ok());
    for (int i = 0; i < 100; ++i) log->append(std::string(100, 'x'));
    REQUIRE(log->flush().ok());
  }
  std::string holed = read_file(segment_path(directory.path(), 1));
  std::fill(holed.begin() + 1024, holed.begin() + 2048, '\0');
  write_file(segment_path(directory.path(), 1), holed);
  Log log = open_log(directory.path());
  REQUIRE(log.status.ok());
  CHECK(log.frames.front() == "kept");
  CHECK(log.frames.size() < 11);
  CHECK(log.frames.size() > 5);
  const size_t count = log.frames.size();
  CHECK(log->current_segment() == 4);  // Numbers of lost segments are not used again.
  REQUIRE(log->sync().ok());
  CHECK(open_log(directory.path()).frames.size() == count);
}

TEST_CASE("a newer format stops the recovery before anything is changed") {
  TemporaryDirectory directory;
  {
    Log log = open_log(directory.path());
    log->append("x");
    uint64_t number;
    REQUIRE(log->rotate(&number).ok());
  }
  std::string first = read_file(segment_path(directory.path(), 1));
  first.resize(70);  // Would be cut.
  write_file(segment_path(directory.path(), 1), first);
  std::string second = read_file(segment_path(directory.path(), 2));
  second[8] = 2;
  write_file(segment_path(directory.path(), 2), second);
  CHECK(open_log(directory.path()).status.code() == StatusCode::kNewerFormat);
  CHECK(read_file(segment_path(directory.path(), 1)) == first);
}

TEST_CASE("rotated segments are dropped and their files used again") {
  TemporaryDirectory directory;
  Log log = open_log(directory.path());
  uint64_t number = 0;
  for (int i = 0; i < 30; ++i) {
    for (int j = 0; j < 20; ++j) log->append("round " + std::to_string(i) + std::string(300, '-'));
    REQUIRE(log->flush().ok());
    if (i % 3 == 0) REQUIRE(log->sync().ok());
    REQUIRE(log->rotate(&number).ok());
    CHECK(log->current_segment() == number);
    log->append("after rotation " + std::to_string(i));
    REQUIRE(log->drop_before(number).ok());
    CHECK(log->live_bytes() < 200);
  }
  CHECK(log.faults->creations < 10);
  REQUIRE(log->sync().ok());
  log.log.reset();
  Log again = open_log(directory.path(), number);
  REQUIRE(again.status.ok());
  CHECK(again.frames == Frames{"after rotation 29"});
  CHECK(again.segments == std::vector<uint64_t>{number});
  CHECK(names_in(directory.path()) ==
        std::vector<std::string>{segment_name(number), segment_name(number + 1)});
}

TEST_CASE("spare files are as many as were needed last, and none where nothing is dropped") {
  TemporaryDirectory directory;
  Log log = open_log(directory.path());
  const auto spares = [&] {
    const std::vector<std::string> names = names_in(directory.path());
    return std::count_if(names.begin(), names.end(),
                         [](const auto& name) { return name.starts_with("spare-"); });
  };
  uint64_t number = 0;
  for (int i = 0; i < 6; ++i) REQUIRE(log->rotate(&number).ok());
  REQUIRE(log->drop_before(number).ok());
  CHECK(spares() == 6);
  REQUIRE(log->rotate(&number).ok());
  CHECK(spares() == 5);
  REQUIRE(log->drop_before(number).ok());
  CHECK(spares() == 1);
  REQUIRE(log->drop_before(number).ok());
  CHECK(spares() == 0);
}

TEST_CASE("what a recycled file held before never comes back") {
  TemporaryDirectory directory;
  Log log = open_log(directory.path());
  uint64_t number = 0;
  // Frames of one size, so that those of the next life begin at the same offsets.
  for (int i = 0; i < 30; ++i) log->append("old" + std::string(97, 'o'));
  REQUIRE(log->rotate(&number).ok());
  REQUIRE(log->drop_before(number).ok());
  REQUIRE(log->rotate(&number).ok());
  for (int i = 0; i < 5; ++i) log->append("new" + std::string(97, 'n'));
  REQUIRE(log->sync().ok());
  REQUIRE(read_file(segment_path(directory.path(), number)).find("old") != std::string::npos);
  log.log.reset();
  Log again = open_log(directory.path(), number);
  REQUIRE(again.status.ok());
  CHECK(again.frames.size() == 5);
  CHECK(again.frames.back().starts_with("new"));
}

TEST_CASE("after a failed write nothing is lost and the next flush goes on in the middle of a frame") {
  TemporaryDirectory directory;
  Log log = open_log(directory.path());
  Frames expected;
  for (int i = 0; i < 400; ++i) {
    expected.push_back("frame " + std::to_string(i) + std::string(static_cast<size_t>(i), 'f'));
    log->append(expected.back());
    log.faults->bytes_left = static_cast<uint64_t>(i * 37 % 101);
    const Status status = log->flush();
    CHECK(log->healthy() == status.ok());
    CHECK(status.ok() == (log->written() == log->appended()));
    if (i % 10 == 0) {
      const bool synced = log->sync().ok();
      CHECK(synced == (log->durable() == log->appended()));
    }
  }
  CHECK_FALSE(log->healthy());
  log.faults->bytes_left = UINT64_MAX;
  REQUIRE(log->sync().ok());
  CHECK(log->healthy());
  log.log.reset();
  Log again = open_log(directory.path());
  REQUIRE(again.status.ok());
  CHECK(again.frames == expected);
}

TEST_CASE("no space for a new segment") {
  TemporaryDirectory directory;
  Log log = open_log(directory.path());
  log.faults->creation_fails = true;
  uint64_t number = 0;
  CHECK(log->rotate(&number).code() == StatusCode::kNoSpace);
  CHECK(log->healthy());  // There is room in the old one still.
  const Frames expected(30, std::string(200, 'x'));
  for (const std::string& frame : expected) log->append(frame);
  CHECK(log->flush().code() == StatusCode::kNoSpace);
  CHECK_FALSE(log->healthy());
  CHECK(log->written() > 3000);
  SUBCASE("later there is") {
    log.faults->creation_fails = false;
    REQUIRE(log->flush().ok());
    CHECK(log->healthy());
    log.log.reset();
    CHECK(open_log(directory.path()).frames == expected);
  }
  SUBCASE("at a restart neither: it recovers, and takes writes once there is") {
    const auto faults = log.faults;
    log.log.reset();
    Log again = open_log(directory.path(), 0, 4096, faults);
    REQUIRE(again.status.ok());
    CHECK(again.frames.size() > 15);
    CHECK_FALSE(again->healthy());
    CHECK(again->flush().code() == StatusCode::kNoSpace);
    faults->creation_fails = false;
    CHECK(again->flush().ok());
    CHECK(again->healthy());
    again->append("more");
    REQUIRE(again->sync().ok());
    CHECK(open_log(directory.path()).frames.back() == "more");
  }
}

TEST_CASE("after a failed sync the log is dead") {
  TemporaryDirectory directory;
  Log log = open_log(directory.path());
  const LogPosition durable = log->append("durable");
  REQUIRE(log->sync().ok());
  log->append("in doubt");
  log.faults->sync_fails = true;
  CHECK_FALSE(log->sync().ok());
  log.faults->sync_fails = false;
  CHECK_FALSE(log->healthy());
  CHECK(log->durable() == durable);
  log->append("more");
  uint64_t number;
  CHECK_FALSE(log->sync().ok());
  CHECK_FALSE(log->flush().ok());
  CHECK_FALSE(log->rotate(&number).ok());
  CHECK_FALSE(log->healthy());
}

TEST_CASE("progress is told in bytes of the whole log, however its segments differ") {
  TemporaryDirectory directory;
  constexpr uint64_t kLarge = 8 << 20;
  {
    Log log = open_log(directory.path());
    log->append("before");
    log->append(std::string(kLarge, 'L'));
    for (int i = 0; i < 100; ++i) log->append("behind");
    REQUIRE(log->sync().ok());
  }
  std::unique_ptr<LogDirectory> log_directory;
  REQUIRE(open_log_directory(directory.path(), &log_directory).ok());
  std::vector<std::pair<uint64_t, uint64_t>> told;
  RecoveredLog recovered;
  const CommitLog::FrameVisitor visit = [](uint64_t, std::string_view) { return Status(); };
  const CommitLog::ProgressVisitor progress = [&](uint64_t done, uint64_t total) {
    told.emplace_back(done, total);
  };
  REQUIRE(recover_log(*log_directory, 0, visit, progress, &recovered).ok());
  REQUIRE_FALSE(told.empty());
  CHECK(told.size() <= 20);
  uint64_t before = 0;
  for (const auto& [done, total] : told) {
    CHECK(done >= before);
    CHECK(total == told.front().second);
    before = done;
  }
  CHECK(told.back().first == told.back().second);
  CHECK(told.back().first > kLarge);
  CHECK(told.back().first < kLarge + kLarge / 4);
}

TEST_CASE("a sync with nothing new touches no disk") {
  TemporaryDirectory directory;
  Log log = open_log(directory.path());
  log->append("x");
  REQUIRE(log->sync().ok());
  const int syncs = log.faults->syncs;
  REQUIRE(log->sync().ok());
  CHECK(log.faults->syncs == syncs);
}

TEST_CASE("a large frame gets a segment of its own size") {
  TemporaryDirectory directory;
  const std::string large(40 << 20, 'L');
  {
    Log log = open_log(directory.path(), 0, 1 << 20);
    log->append("before");
    CHECK_FALSE(log->over_limit());
    log->append(large);
    CHECK(log->over_limit());
    log->append("behind");
    REQUIRE(log->sync().ok());
    CHECK_FALSE(log->over_limit());
  }
  Log log = open_log(directory.path(), 0, 1 << 20);
  REQUIRE(log.frames.size() == 3);
  CHECK(log.frames[1] == large);
  CHECK(log.frames[2] == "behind");
}

TEST_CASE("threads append, flush, sync, rotate and drop at once; each one's frames keep their order") {
  TemporaryDirectory directory;
  constexpr int kThreads = 4;
  constexpr int kFrames = 1500;
  uint64_t first = 0;
  {
    Log log = open_log(directory.path(), 0, 1 << 16);
    std::atomic<int> running{kThreads};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread)
      threads.emplace_back([&, thread] {
        for (int i = 0; i < kFrames; ++i) {
          const LogPosition position = log->append(std::to_string(thread) + " " + std::to_string(i) + " " +
                                                   std::string(i % 500 == 0 ? 50000 : 50, 'x'));
          if (i % 8 != 0) continue;
          if (!log->flush().ok() || log->written() < position) std::abort();
        }
        --running;
      });
    threads.emplace_back([&] {
      while (running > 0)
        if (!log->sync().ok()) std::abort();
    });
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i) {
        if (!log->rotate(&first).ok() || log->current_segment() < first) std::abort();
        static_cast<void>(log->live_bytes());
        if (i == 0 && !log->drop_before(1).ok()) std::abort();
      }
    });
    for (std::thread& thread : threads) thread.join();
    REQUIRE(log->sync().ok());
    CHECK(log->durable() == log->appended());
  }
  Log log = open_log(directory.path());
  REQUIRE(log.status.ok());
  REQUIRE(log.frames.size() == kThreads * kFrames);
  std::map<int, int> next;
  for (const std::string& frame : log.frames) {
    const int thread = std::atoi(frame.c_str());
    CHECK(std::atoi(frame.c_str() + 2) == next[thread]++);
  }
}

TEST_CASE("a really full disk") {
  TemporaryDirectory directory;
  const std::string mount_point = directory.path() + "/small";
  fs::create_directory(mount_point);
  if (::mount("none", mount_point.c_str(), "tmpfs", 0, "size=256k") != 0) {
    MESSAGE("skipped, a tmpfs cannot be mounted: " << std::strerror(errno));
    return;
  }
  Frames expected;
  Status status;
  {
    Log log = open_log(mount_point, 0, 64 << 10);
    REQUIRE(log.status.ok());
    for (int i = 0; i < 1000 && status.ok(); ++i) {
      expected.push_back("frame " + std::to_string(i) + std::string(1000, 'd'));
      log->append(expected.back());
      status = log->flush();
    }
    CHECK(status.code() == StatusCode::kNoSpace);
    CHECK_FALSE(log->healthy());
    CHECK(::mount("none", mount_point.c_str(), "tmpfs", MS_REMOUNT, "size=1m") == 0);
    CHECK(log->flush().ok());
    CHECK(log->healthy());
  }
  CHECK(open_log(mount_point, 0, 64 << 10).frames == expected);
  ::umount2(mount_point.c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace starling::engine
