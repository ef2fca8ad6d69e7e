// The seed of hashes of names: where it comes from, and what it is for.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "engine/base/seeded_random.h"
#include "engine/memory/table.h"
#include "engine/node/data_directory.h"
#include "tests/unit/engine/node_fixture.h"
#include "tests/unit/engine/temporary_directory.h"

namespace starling::engine {
namespace {

struct SeedOfProcess {
  ~SeedOfProcess() { set_hash_seed(0); }
};

std::string mark_in(const std::string& directory) {
  std::ifstream file(directory + "/FORMAT");
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_mark(const std::string& directory, const std::string& mark) {
  std::ofstream(directory + "/FORMAT") << mark;
}

StatusCode open_with(const std::string& directory, uint64_t new_seed, uint64_t* seed) {
  std::unique_ptr<DirectoryLock> lock;
  const Status status = DirectoryLock::acquire(directory, new_seed, &lock);
  if (status.ok()) *seed = lock->hash_seed();
  return status.code();
}

// The longest way from an entry's home to where it is.
uint64_t longest_way(const std::vector<std::string>& names) {
  Table table;
  uint64_t longest = 0;
  for (const std::string& name : names) {
    Entry::Parts parts;
    parts.key = name;
    parts.type = Type::kSet;
    const uint64_t hash = hash_of(name);
    const Table::Slot slot = table.insert(hash, Entry::create(parts), 0);
    longest = std::max(longest, slot - table.home_slot(hash));
  }
  return longest;
}

}  // namespace

TEST_CASE("names that were chosen to collide do so under one seed only") {
  SeedOfProcess restore;
  std::vector<std::string> chosen;
  for (int i = 0; chosen.size() < 1500; ++i) {
    std::string name = "field:" + std::to_string(i);
    if (hash_of(name) >> (kHashBits - 13) == 0x1555) chosen.push_back(std::move(name));
  }
  const auto places_of_first_bits = [&] {
    std::set<uint64_t> places;
    for (const std::string& name : chosen) places.insert(hash_of(name) >> (kHashBits - 13));
    return places.size();
  };
  CHECK(places_of_first_bits() == 1);
  CHECK(longest_way(chosen) > 1000);
  SeededRandom random(1);
  for (int i = 0; i < 10; ++i) {
    set_hash_seed(random.next());
    CHECK(places_of_first_bits() > 1200);
    CHECK(longest_way(chosen) < 150);
  }
}

TEST_CASE("long names are seeded too") {
  SeedOfProcess restore;
  for (const size_t bytes : {1, 16, 100, 200, 500, 5000}) {
    const std::string name(bytes, 'n');
    set_hash_seed(1);
    const uint64_t hash = hash_of(name);
    set_hash_seed(2);
    CHECK(hash_of(name) != hash);
    set_hash_seed(1);
    CHECK(hash_of(name) == hash);
  }
}

TEST_CASE("a data directory keeps the seed it was born with; one from before seeds has none") {
  const TemporaryDirectory place;
  uint64_t seed = 0;
  REQUIRE(open_with(place.path() + "/new", 0xabc, &seed) == StatusCode::kOk);
  CHECK(seed == 0xabc);
  CHECK(mark_in(place.path() + "/new") == "starling-data 3\nhash-seed 0000000000000abc\n");
  REQUIRE(open_with(place.path() + "/new", 0xdef, &seed) == StatusCode::kOk);
  CHECK(seed == 0xabc);

  const std::string old = place.path() + "/old";
  REQUIRE(make_directory(old).ok());
  write_mark(old, "starling-data 1\n");
  REQUIRE(open_with(old, 0xdef, &seed) == StatusCode::kOk);
  CHECK(seed == 0);
  REQUIRE(open_with(old, 0xdef, &seed) == StatusCode::kOk);
  CHECK(seed == 0);
  CHECK(mark_in(old) == "starling-data 3\nhash-seed 0000000000000000\n");

  // From before lists: it keeps its seed, and the release that made it refuses it from now on.
  write_mark(old, "starling-data 2\nhash-seed 0000000000000abc\n");
  REQUIRE(open_with(old, 0xdef, &seed) == StatusCode::kOk);
  CHECK(seed == 0xabc);
  CHECK(mark_in(old) == "starling-data 3\nhash-seed 0000000000000abc\n");

  // Its records would not be found by a seed drawn anew.
  REQUIRE(make_directory(old + "/store").ok());
  REQUIRE(std::remove((old + "/FORMAT").c_str()) == 0);
  CHECK(open_with(old, 0xdef, &seed) == StatusCode::kCorrupt);

  write_mark(old, "starling-data 4\n");
  CHECK(open_with(old, 1, &seed) == StatusCode::kNewerFormat);
  for (const char* damaged :
       {"starling-data 3\nhash-seed 12\n", "starling-data 3\nhash-seed 000000000000000g\n",
        "starling-data 3\n", "something else"}) {
    write_mark(old, damaged);
    CHECK(open_with(old, 1, &seed) == StatusCode::kCorrupt);
  }
}

TEST_CASE("a directory from before seeds is opened though its new mark cannot be written yet") {
  const TemporaryDirectory place;
  const std::string old = place.path() + "/old";
  REQUIRE(make_directory(old).ok());
  write_mark(old, "starling-data 1\n");
  // Stands in the way as a full disk would.
  REQUIRE(make_directory(old + "/FORMAT.new").ok());
  uint64_t seed = 7;
  REQUIRE(open_with(old, 0xdef, &seed) == StatusCode::kOk);
  CHECK(seed == 0);
  CHECK(mark_in(old) == "starling-data 1\n");
  REQUIRE(::rmdir((old + "/FORMAT.new").c_str()) == 0);
  REQUIRE(open_with(old, 0xdef, &seed) == StatusCode::kOk);
  CHECK(mark_in(old) == "starling-data 3\nhash-seed 0000000000000000\n");
}

TEST_CASE("a node takes over a cluster's seed while it has no records, and not any more then") {
  SeedOfProcess restore;
  TestNode node(1, false, true);
  CHECK_FALSE(node.engine().hash_seed_of_records().has_value());
  REQUIRE(node.engine().adopt_hash_seed(5).ok());
  CHECK(hash_seed() == 5);
  REQUIRE(node.engine().adopt_hash_seed(6).ok());
  node.with("k", [](Database& d, const Key& key) { d.put_string(key, "v", kNoDeadline); });
  CHECK(node.engine().hash_seed_of_records() == 6);
  CHECK(node.engine().adopt_hash_seed(7).code() == StatusCode::kInvalid);
  CHECK(node.engine().adopt_hash_seed(6).ok());
  CHECK(hash_seed() == 6);
}

}  // namespace starling::engine
