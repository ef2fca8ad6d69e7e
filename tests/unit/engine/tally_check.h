// Whether the tallies that a node keeps are what a scan of everything finds.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "engine/replica/replication.h"
#include "tests/unit/engine/node_fixture.h"

namespace starling::engine {

inline std::set<uint16_t> partitions_of(const std::vector<std::string>& names) {
  std::set<uint16_t> partitions;
  for (const std::string& name : names) partitions.insert(partition_of(name));
  return partitions;
}

inline VersionTally scanned_tally(TestNode& node, uint16_t partition) {
  VersionTally found;
  const Stamp settled = settled_up_to(node.engine(), partition);
  uint64_t cursor = 0;
  do {
    REQUIRE(scan_all_versions(node.engine(), partition, &cursor, 3, [&](const VisitedVersion& version) {
              found.guards += version.ripe <= settled;
              if (version.ripe <= settled) return;
              found.sum += version_hash(version.database, version.key, version.context);
              found.ripe = std::min(found.ripe, version.ripe);
              count_siblings(version.siblings, &found.siblings);
            }).ok());
  } while (cursor != 0);
  return found;
}

inline void learn_tally(TestNode& node, uint16_t partition, size_t limit = 2) {
  for (bool forward = true; forward;) REQUIRE(advance_tally(node.engine(), partition, limit, &forward).ok());
  REQUIRE(tally_of(node.engine(), partition).known);
}

// True: it is known here.
inline bool check_tally(TestNode& node, uint16_t partition) {
  const TallyView view = tally_of(node.engine(), partition);
  if (!view.known) return false;
  const VersionTally found = scanned_tally(node, partition);
  CHECK(view.tally.sum == found.sum);
  CHECK(view.tally.guards == found.guards);
  CHECK(view.tally.siblings == found.siblings);
  CHECK(view.tally.ripe <= found.ripe);
  if (view.tally.ripe_exact) CHECK(view.tally.ripe == found.ripe);
  return true;
}

}  // namespace starling::engine
