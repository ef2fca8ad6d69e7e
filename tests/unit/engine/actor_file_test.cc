#include "engine/node/actor_file.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <string>

namespace starling::engine {
namespace {

namespace fs = std::filesystem;

class CountingRandom : public Random {
 public:
  uint64_t next() override { return next_++; }

 private:
  uint64_t next_ = 0;  // Begins with 0, which is no actor.
};

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (fs::temp_directory_path() / "starling-actor-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() { fs::remove_all(path_); }
  std::string path(const std::string& name) const {
    fs::create_directories(path_ / name);
    return (path_ / name).string();
  }

 private:
  fs::path path_;
};

std::string contents(const std::string& directory) {
  std::ifstream file(directory + "/actor", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void replace_contents(const std::string& directory, const std::string& text) {
  std::ofstream(directory + "/actor", std::ios::binary | std::ios::trunc) << text;
}

struct Fixture {
  TemporaryDirectory temporary;
  CountingRandom random;

  std::unique_ptr<ActorFile> open(const std::string& directory) {
    std::unique_ptr<ActorFile> file;
    const Status status = ActorFile::open(directory, random, UINT64_MAX, &file);
    INFO(status.message());
    REQUIRE(status.ok());
    REQUIRE(file->actor() != 0);
    CHECK(file->resumed() == file->reason().empty());
    return file;
  }
};

TEST_CASE_FIXTURE(Fixture, "a new directory gets an actor") {
  const auto file = open(temporary.path("data"));
  CHECK_FALSE(file->resumed());
  CHECK(file->last_stamp() == 0);
}

TEST_CASE_FIXTURE(Fixture, "an actor whose stamps are later than may be does not go on") {
  const std::string directory = temporary.path("data");
  const auto first = open(directory);
  REQUIRE(first->mark_clean(1234).ok());
  std::unique_ptr<ActorFile> second;
  REQUIRE(ActorFile::open(directory, random, 1234, &second).ok());
  CHECK(second->resumed());
  REQUIRE(second->mark_clean(1234).ok());
  std::unique_ptr<ActorFile> third;
  REQUIRE(ActorFile::open(directory, random, 1233, &third).ok());
  CHECK_FALSE(third->resumed());
  CHECK(third->actor() != first->actor());
  CHECK(third->reason() == "Recovering: the clock is far behind what this directory has seen");
}

TEST_CASE_FIXTURE(Fixture, "a clean stop keeps actor and stamp, once") {
  const std::string directory = temporary.path("data");
  const auto first = open(directory);
  REQUIRE(first->mark_clean(1234).ok());
  const auto second = open(directory);
  CHECK(second->resumed());
  CHECK(second->actor() == first->actor());
  CHECK(second->last_stamp() == 1234);
  // The second run never stopped: its mark was taken at its start.
  const auto third = open(directory);
  CHECK_FALSE(third->resumed());
  CHECK(third->actor() != first->actor());
  CHECK(third->last_stamp() == 1234);
}

TEST_CASE_FIXTURE(Fixture, "every unclean stop makes another actor") {
  const std::string directory = temporary.path("data");
  std::set<ActorId> actors;
  for (int i = 0; i < 20; ++i) actors.insert(open(directory)->actor());
  CHECK(actors.size() == 20);
}

TEST_CASE_FIXTURE(Fixture, "many clean restarts keep the actor") {
  const std::string directory = temporary.path("data");
  ActorId actor = 0;
  for (Stamp stamp = 1; stamp < 20; ++stamp) {
    const auto file = open(directory);
    if (stamp > 1) {
      CHECK(file->resumed());
      CHECK(file->actor() == actor);
      CHECK(file->last_stamp() == stamp - 1);
    }
    actor = file->actor();
    REQUIRE(file->mark_clean(stamp).ok());
  }
}

TEST_CASE_FIXTURE(Fixture, "a copy of the directory is another node") {
  const std::string original = temporary.path("data");
  const auto first = open(original);
  REQUIRE(first->mark_clean(5).ok());
  const std::string copy = temporary.path("copy");
  fs::copy(original, copy, fs::copy_options::overwrite_existing);
  const auto copied = open(copy);
  CHECK_FALSE(copied->resumed());
  CHECK(copied->actor() != first->actor());
  CHECK(open(original)->resumed());
}

TEST_CASE_FIXTURE(Fixture, "a tree of hard links is another node") {
  const std::string original = temporary.path("data");
  REQUIRE(open(original)->mark_clean(5).ok());
  const std::string copy = temporary.path("copy");
  fs::create_hard_link(original + "/actor", copy + "/actor");
  CHECK_FALSE(open(copy)->resumed());
}

TEST_CASE_FIXTURE(Fixture, "a backup restored over the directory is another node") {
  const std::string directory = temporary.path("data");
  const auto first = open(directory);
  REQUIRE(first->mark_clean(5).ok());
  const std::string backup = contents(directory);

  const auto second = open(directory);  // Goes on and makes events the backup does not know.
  CHECK(second->actor() == first->actor());
  REQUIRE(second->mark_clean(99).ok());

  SUBCASE("into the very same file") {
    replace_contents(directory, backup);
  }
  SUBCASE("as a file of its own") {
    fs::remove(directory + "/actor");
    replace_contents(directory, backup);
  }
  const auto third = open(directory);
  CHECK_FALSE(third->resumed());
  CHECK(third->actor() != first->actor());
}

TEST_CASE_FIXTURE(Fixture, "a moved directory is the same node") {
  const std::string directory = temporary.path("data");
  const auto first = open(directory);
  REQUIRE(first->mark_clean(5).ok());
  const std::string moved = directory + "-moved";
  fs::rename(directory, moved);
  CHECK(open(moved)->resumed());
}

TEST_CASE_FIXTURE(Fixture, "a damaged file is an unclean stop") {
  const std::string directory = temporary.path("data");
  const auto first = open(directory);
  REQUIRE(first->mark_clean(5).ok());
  const std::string good = contents(directory);
  for (size_t size = 0; size < good.size(); ++size) {
    replace_contents(directory, good.substr(0, size));
    const auto file = open(directory);
    CHECK_FALSE(file->resumed());
    CHECK(file->actor() != first->actor());
  }
  // The same file (in place, as the identity demands) with one byte changed.
  for (size_t i = good.find('\n') + 1; i < good.size(); ++i) {
    const auto run = open(directory);
    REQUIRE(run->mark_clean(5).ok());
    std::string text = contents(directory);
    if (i >= text.size()) break;
    text[i] ^= 1;
    replace_contents(directory, text);
    CHECK_FALSE(open(directory)->resumed());
  }
}

TEST_CASE_FIXTURE(Fixture, "a longer or hostile file does no harm") {
  const std::string directory = temporary.path("data");
  replace_contents(directory, std::string(100'000, 'x'));
  CHECK_FALSE(open(directory)->resumed());
  replace_contents(directory, std::string(3, '\0'));
  CHECK_FALSE(open(directory)->resumed());
}

TEST_CASE_FIXTURE(Fixture, "a later format stops the start") {
  const std::string directory = temporary.path("data");
  const std::string later = "starling-actor 2\nanything\n";
  replace_contents(directory, later);
  std::unique_ptr<ActorFile> file;
  CHECK(ActorFile::open(directory, random, UINT64_MAX, &file).code() == StatusCode::kNewerFormat);
  CHECK(file == nullptr);
  CHECK(contents(directory) == later);
}

TEST_CASE_FIXTURE(Fixture, "a directory that cannot be written is an error") {
  std::unique_ptr<ActorFile> file;
  const Status status = ActorFile::open(temporary.path("data") + "/missing", random, UINT64_MAX, &file);
  CHECK(status.code() == StatusCode::kIoError);
  CHECK(status.message().find("missing") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "a start interrupted between writing and renaming is harmless") {
  const std::string directory = temporary.path("data");
  const auto first = open(directory);
  REQUIRE(first->mark_clean(5).ok());
  std::ofstream(directory + "/actor.new") << "half a fi";
  CHECK(open(directory)->resumed());
}

}  // namespace
}  // namespace starling::engine
