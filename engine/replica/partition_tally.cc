// The sums of a partition's versions, as replication.h gives them.
#include <algorithm>

#include "engine/core/core.h"
#include "engine/memory/version_tally.h"
#include "engine/replica/replication.h"

namespace starling::engine {
namespace {

// Halvings of a stretch whose keys change while it is scanned.
constexpr int kAttempts = 8;

class StripeHold {
 public:
  StripeHold(EngineCore& core, uint16_t partition)
      : stripes_(core.keyspace.stripes), stripe_(stripe_of(partition)) {
    stripes_.lock(stripe_);
  }
  ~StripeHold() { stripes_.unlock(stripe_); }
  StripeHold(const StripeHold&) = delete;
  StripeHold& operator=(const StripeHold&) = delete;

 private:
  Stripes& stripes_;
  const uint16_t stripe_;
};

}  // namespace

// Names of equal position have versions of their own: no two keys share an event.
uint64_t version_hash(int database, std::string_view key, std::string_view context) {
  return hash_of_context(context, version_position(database, key));
}

TallyView tally_of(Engine& engine, uint16_t partition) {
  EngineCore& core = engine.core();
  const VersionTallies& tallies = core.keyspace.tallies;
  const StripeHold hold(core, partition);
  return {tallies.known(partition), core.keyspace.changes.of(partition), tallies.of(partition)};
}

void doubt_tally(Engine& engine, uint16_t partition) {
  const StripeHold hold(engine.core(), partition);
  engine.core().keyspace.tallies.doubt(partition);
}

void set_tally(Engine& engine, uint16_t partition, const VersionTally& tally) {
  const StripeHold hold(engine.core(), partition);
  engine.core().keyspace.tallies.set(partition, tally);
}

Status advance_tally(Engine& engine, uint16_t partition, size_t limit, bool* forward) {
  EngineCore& core = engine.core();
  VersionTallies& tallies = core.keyspace.tallies;
  *forward = false;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    VersionTallies::Scan scan;
    Stamp settled;
    {
      const StripeHold hold(core, partition);
      if (tallies.known(partition)) return {};
      scan = tallies.begin(partition);
      settled = core.keyspace.settled.of(partition);
    }
    VersionTally found;
    uint64_t cursor = scan.until;
    Status status = scan_all_versions(engine, partition, &cursor, std::max<size_t>(limit >> attempt, 1),
                                      [&](const VisitedVersion& version) {
                                        VersionMark mark;
                                        mark.guard = version.ripe <= settled;
                                        if (!mark.guard) {
                                          mark.hash =
                                              version_hash(version.database, version.key, version.context);
                                          mark.ripe = version.ripe;
                                          mark.siblings = version.siblings;
                                        }
                                        found.add(mark);
                                      });
    if (!status.ok()) return status;
    const StripeHold hold(core, partition);
    *forward = tallies.extend(partition, scan, found, cursor == 0 ? VersionTallies::kEnd : cursor);
    if (*forward) return {};
  }
  return {};
}

}  // namespace starling::engine
