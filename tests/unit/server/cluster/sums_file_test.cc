#include "server/cluster/sums_file.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/server/temporary_directory.h"

namespace starling::server {
namespace {

const engine::Incarnation kIncarnation{7, 1000};
const std::vector<PartitionSum> kSums{{0, 1}, {5, ~uint64_t{0}}, {16383, 0}};

TEST_CASE("sums file: known once, to the same incarnation") {
  TemporaryDirectory directory;
  CHECK(take_sums(directory.path(), kIncarnation).empty());
  REQUIRE(save_sums(directory.path(), kIncarnation, kSums).ok());
  CHECK(take_sums(directory.path(), kIncarnation) == kSums);
  CHECK(take_sums(directory.path(), kIncarnation).empty());
  REQUIRE(save_sums(directory.path(), kIncarnation, kSums).ok());
  CHECK(take_sums(directory.path(), {8, 1000}).empty());
  CHECK(take_sums(directory.path(), kIncarnation).empty());
  REQUIRE(save_sums(directory.path(), kIncarnation, kSums).ok());
  CHECK(take_sums(directory.path(), {7, 1001}).empty());
}

TEST_CASE("sums file: damage of any byte, and a cut anywhere, mean that nothing is known") {
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/sums";
  REQUIRE(save_sums(directory.path(), kIncarnation, kSums).ok());
  std::string bytes;
  {
    std::ifstream file(path, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
  }
  const auto try_with = [&](const std::string& changed) {
    std::ofstream(path, std::ios::binary) << changed;
    return take_sums(directory.path(), kIncarnation);
  };
  CHECK(try_with(bytes) == kSums);
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    REQUIRE(try_with(changed).empty());
    REQUIRE(try_with(bytes.substr(0, i)).empty());
  }
}

}  // namespace
}  // namespace starling::server
