#include "server/cluster/cluster_settings.h"

#include <doctest/doctest.h>

namespace starling::server {
namespace {

using Words = std::vector<std::string>;

std::string refusal(const std::string& seed) {
  Settings settings;
  settings.cluster_seeds = {seed};
  Words seeds;
  std::vector<cluster::BusAddress> addresses;
  return read_seeds(settings, &seeds, &addresses).message();
}

}  // namespace

TEST_CASE("cluster settings: seeds stand apart by spaces or commas") {
  Settings settings;
  settings.cluster_seeds = {"a:1,b:2", "", "[::1]:3,"};
  settings.cluster_join = {"c:65535"};
  Words seeds;
  std::vector<cluster::BusAddress> addresses;
  REQUIRE(read_seeds(settings, &seeds, &addresses).ok());
  CHECK(seeds == Words{"a:1", "b:2", "[::1]:3", "c:65535"});
  REQUIRE(addresses.size() == 4);
  CHECK(addresses[1].host == "b");
  CHECK(addresses[3].port == 65535);
}

TEST_CASE("cluster settings: what is no address is refused by its setting's name") {
  for (const char* seed : {"a", "a:", ":1", "a:0", "a:65536", "a:1x", "a:-1", "a:1,b"}) {
    CAPTURE(seed);
    CHECK(refusal(seed).find("'cluster-seeds': '") == 0);
  }
  CHECK(refusal("a:1").empty());
}

TEST_CASE("cluster settings: a quorum of more replicas than there are is refused") {
  Settings settings;
  settings.quorum_read.set("QUORUM");
  settings.quorum_write.set("4");
  CHECK(check_quorums(settings, 4).ok());
  CHECK(check_quorums(settings, 3).message() == "'quorum-w' is 4, but there are 3 replicas");
  settings.quorum_write.set("ALL");
  CHECK(check_quorums(settings, 1).ok());
  settings.quorum_read.set("2");
  CHECK(check_quorums(settings, 1).message() == "'quorum-r' is 2, but there are 1 replicas");
}

TEST_CASE("cluster settings: who is told whom to join founds nothing") {
  Settings settings;
  CHECK_FALSE(joins(settings));
  settings.cluster_join = {""};
  CHECK_FALSE(joins(settings));
  settings.cluster_join = {"", "a:1"};
  CHECK(joins(settings));
}

}  // namespace starling::server
