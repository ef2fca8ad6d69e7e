#include "server/cluster/topology_keeper.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "engine/base/seeded_random.h"
#include "tests/unit/cluster/topology_fixture.h"
#include "tests/unit/server/temporary_directory.h"

namespace starling::server {
namespace {

constexpr int64_t kSecond = 1'000'000;

// A node whose data directory is not there until the test makes it: nothing can be saved before.
struct Keeper {
  engine::SeededRandom random{1};
  std::vector<cluster::Member> members{cluster::make_member(&random), cluster::make_member(&random)};
  cluster::Topology topology = cluster::make_topology(members, 1);
  TemporaryDirectory directory;
  std::string path = directory.path() + "/data";
  ClusterFile file{path};
  std::vector<cluster::Epoch> decided;
  size_t sent = 0;
  TopologyKeeper keeper{file,
                        {members[0].id, {}},
                        true,
                        {[this](const cluster::NodeId&, const std::string&) { ++sent; },
                         [this](const cluster::Topology& news) { decided.push_back(news.epoch); }}};

  ClusterMemory on_disk() const {
    ClusterMemory memory;
    REQUIRE(file.load(&memory).ok());
    return memory;
  }
};

}  // namespace

TEST_CASE("topology keeper: a decision that could not be saved comes into force when it can") {
  Keeper node;
  node.keeper.learn(node.topology, 10 * kSecond);
  CHECK(node.decided.empty());
  CHECK_FALSE(node.keeper.formed());
  CHECK(node.keeper.waiting_for(10 * kSecond).starts_with("what this node has agreed to cannot be saved: "));
  // Told again, it is no news.
  node.keeper.learn(node.topology, 12 * kSecond);
  CHECK(node.decided.empty());
  std::filesystem::create_directory(node.path);
  node.keeper.tick(12 * kSecond + kSecond / 2);
  CHECK(node.decided.empty());
  node.keeper.tick(13 * kSecond);
  CHECK(node.decided == std::vector<cluster::Epoch>{1});
  CHECK(node.keeper.formed());
  CHECK(node.keeper.waiting_for(13 * kSecond).empty());
  CHECK(node.on_disk().acceptor.decided == node.topology);
  node.keeper.tick(20 * kSecond);
  node.keeper.learn(node.topology, 20 * kSecond);
  CHECK(node.decided.size() == 1);
}

TEST_CASE("topology keeper: a promise that could not be saved is not given, however often it is asked for") {
  Keeper node;
  const cluster::Prepare prepare{1, {1, node.members[1].id}, false, cluster::ids_of(node.topology)};
  std::string bytes;
  cluster::encode_topology_message(prepare, &bytes);
  for (int64_t second = 1; second < 5; ++second) {
    node.keeper.receive(node.members[1].id, bytes, second * kSecond);
    CHECK(node.sent == 0);
  }
  std::filesystem::create_directory(node.path);
  node.keeper.receive(node.members[1].id, bytes, 10 * kSecond);
  CHECK(node.sent == 1);
  CHECK(node.on_disk().acceptor.promised == prepare.ballot);
}

}  // namespace starling::server
