// The sums of the versions held here (version_sums.h), from one clean stop to the start that follows it.
//
// The file is named `sums`:
//
//   sums  := "STARLING-SUMS-3\n" actor:u64 last stamp:u64 count:varint (partition:varint sum:u64){count}
//   check:u64 check := XXH3 of all that is before it
//
// Actor and stamp are the engine's when it was stopped. Any other actor (an unclean stop, a copied
// directory), any other stamp, and any damage mean that the sums are not known: they are computed anew, in
// the background.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/status.h"
#include "engine/replica/replication.h"

namespace starling::server {

using PartitionSum = std::pair<uint16_t, uint64_t>;

// Durable when it returns ok. Nothing may change any record from before the sums were read until the engine
// is closed.
engine::Status save_sums(const std::string& directory, const engine::Incarnation& incarnation,
                         const std::vector<PartitionSum>& sums);
// Takes the file away, durably, so that nobody reads it a second time. Empty: nothing is known.
std::vector<PartitionSum> take_sums(const std::string& directory, const engine::Incarnation& incarnation);

}  // namespace starling::server
