#include <doctest/doctest.h>

#include "server/commands/cluster/quorum_verdict.h"

namespace starling::server {
namespace {

using cluster::Consistency;
using cluster::Level;

constexpr ReplicaState kUp{0, true}, kDown{0, false};

using Replicas = std::vector<ReplicaState>;

std::string verdict(cluster::QuorumMode mode, const Consistency& level, const Replicas& replicas,
                    size_t stand_ins) {
  cluster::QuorumOptions options;
  options.read = Consistency{Level::kOne};
  options.write = level;
  options.mode = mode;
  const std::string text = quorum_verdict(options, {replicas, {replicas}, 0, stand_ins});
  return text.substr(text.find("write: "));
}

}  // namespace

TEST_CASE("quorum verdict: replicas that are up against what is needed") {
  const Replicas all = {kUp, kUp, kUp}, one = {kDown, kUp, kDown};
  constexpr auto kStrict = cluster::QuorumMode::kStrict;
  CHECK(verdict(kStrict, {}, all, 0) == "write: yes, 3 of 3 replicas are up and 2 are needed");
  CHECK(verdict(kStrict, {}, one, 5) == "write: no, 1 of 3 replicas are up and 2 are needed");
  CHECK(verdict(kStrict, Consistency{Level::kAll}, all, 0) ==
        "write: yes, 3 of 3 replicas are up and 3 are needed");
  CHECK(verdict(kStrict, Consistency{Level::kNumber, 7}, all, 0) ==
        "write: no, 3 of 3 replicas are up and 7 are needed");
}

TEST_CASE("quorum verdict: in sloppy mode other nodes stand in, as far as there are any") {
  const Replicas one = {kDown, kUp, kDown};
  constexpr auto kSloppy = cluster::QuorumMode::kSloppy;
  CHECK(verdict(kSloppy, {}, one, 0) == "write: no, 1 of 3 replicas are up and 2 are needed");
  CHECK(verdict(kSloppy, {}, one, 1) ==
        "write: yes, 1 of 3 replicas are up, other nodes stand in for 1 and 2 are needed");
  CHECK(verdict(kSloppy, Consistency{Level::kAll}, one, 1) ==
        "write: no, 1 of 3 replicas are up, other nodes stand in for 1 and 3 are needed");
}

TEST_CASE("quorum verdict: a level that counts the own data centre only") {
  const Replicas replicas = {{0, true}, {0, true}, {1, false}};
  cluster::QuorumOptions options;
  options.read.level = Level::kLocalQuorum;
  options.write.level = Level::kEachQuorum;
  options.mode = cluster::QuorumMode::kStrict;
  const std::string text = quorum_verdict(options, {replicas, {replicas}, 0, 0});
  CHECK(text.find("read: yes, ") == 0);
  CHECK(text.find("write: no, ") != std::string::npos);
}

TEST_CASE(
    "quorum verdict: while a partition moves a write needs its quorum among those it moves to as well") {
  cluster::QuorumOptions options;
  options.mode = cluster::QuorumMode::kStrict;
  const Replicas now = {kUp, kUp, kDown}, to_come = {kUp, kDown, kDown};
  CHECK(quorum_verdict(options, {now, {now, to_come}, 0, 0}) ==
        "read: yes, 2 of 3 replicas are up and 2 are needed; write: yes, 2 of 3 replicas are up and 2 are "
        "needed; and where it moves to: no, 1 of 3 replicas are up and 2 are needed");
}

}  // namespace starling::server
