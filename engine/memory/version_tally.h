// The sum of the versions of each partition's records (version_hash() in replication.h), kept true by every
// change: what the record was goes out, what it is comes in. Beside it what else comparing and settling want
// to know of a partition at a glance.
//
//   nothing known ── advance_tally(), stretch by stretch ──> known up to a position ──> all known
//        ^────────────── doubt(): flushed, swapped, settled ─────┴─────────────────────────┘
//
// A change of a key before the position adjusts the tally. One behind it is met by the scan when that gets
// there; if it happened in the very stretch being scanned, the stretch is scanned again. So a tally becomes
// known while its partition is written to, and stays known for good.
//
// Only in a cluster (Options::replicated). A partition's is guarded by its stripe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "engine/base/dot.h"
#include "engine/base/key.h"
#include "engine/memory/settled.h"

namespace starling::engine {

struct Keyspace;
struct Entry;

// What version_hash() is of a context, of the key at this position.
uint64_t hash_of_context(std::string_view context, uint64_t position);

// Keys that have 2, 3 to 4, 5 to 8, and more values at once.
using SiblingCounts = std::array<uint32_t, 4>;
void count_siblings(size_t siblings, SiblingCounts* counts, int by = 1);

// One record's part in its partition's tally.
struct VersionMark {
  uint64_t hash = 0;  // 0: no record, or one that means nothing any more by what is settled here.
  Stamp ripe = kNeverRipe;
  size_t siblings = 0;
  // It means nothing by what is settled, and waits for the next settling of its partition to go: a floor that
  // guards the key until then, or a tombstone whose removal was lost with the power.
  bool guard = false;
};

struct VersionTally {
  uint64_t sum = 0;
  // Of the marks in it the least. It stays when that mark goes: then it is not exact any more, but never too
  // late.
  Stamp ripe = kNeverRipe;
  bool ripe_exact = true;
  uint32_t guards = 0;
  SiblingCounts siblings{};

  bool operator==(const VersionTally&) const = default;
  void add(const VersionMark& mark);
  void remove(const VersionMark& mark);
};

// A partition's tally at one moment (tally_of(), replication.h).
struct TallyView {
  bool known = false;  // Otherwise the tally says nothing.
  uint32_t changes = 0;
  VersionTally tally;
};

class VersionTallies {
 public:
  // Nothing is kept before.
  void enable() { states_ = std::make_unique<State[]>(kPartitionCount); }
  bool enabled() const { return states_ != nullptr; }

  // --- The stripe is held.
  // All is to be scanned anew.
  void doubt(uint16_t partition);
  bool known(uint16_t partition) const { return states_[partition].until == kEnd; }
  const VersionTally& of(uint16_t partition) const { return states_[partition].tally; }
  // What is known without a scan.
  void set(uint16_t partition, const VersionTally& tally);
  // Around every change of a record: its entry as it was, and as it is. See RecordChange.
  void before(const Keyspace& keyspace, int database, const Key& key, const Entry& entry);
  void after(const Keyspace& keyspace, int database, const Key& key, const Entry& entry);

  // A scan: from `until` on, and valid while `disturbed` stays.
  struct Scan {
    uint64_t until;
    uint32_t disturbed;
  };
  Scan begin(uint16_t partition) const { return {states_[partition].until, states_[partition].disturbed}; }
  // What was found in the stretch up to `until`. False, and nothing changed: a key in it may have changed.
  bool extend(uint16_t partition, const Scan& scan, const VersionTally& found, uint64_t until);
  static constexpr uint64_t kEnd = ~uint64_t{0};  // kEndPosition in replication.h.

 private:
  // In one cache line, which a write has to wait for.
  struct alignas(64) State {
    VersionTally tally;
    uint64_t until = 0;      // Keys before this position are in the tally.
    uint32_t disturbed = 0;  // Changes that were not taken in.
  };
  bool takes_in(int database, const Key& key);

  std::unique_ptr<State[]> states_;
};

}  // namespace starling::engine
