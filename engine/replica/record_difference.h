// Bringing a copy of a big collection up to date without sending what it has already.
//
//   copy      (a delta does not fit)   append_version()  ─────────────> what it has seen
//   sender    append_difference()      <───────────── every element with an event that the copy has not seen,
//                                                     and for the elements that both should have a sum for
//                                                     each bucket of them
//   copy      merge_difference()       sums agree: merged. Else kGap, and the numbers of the buckets that
//                                      differ: something was removed there. The sender says again what it
//                                      has, and of those buckets all
//
// Nothing is remembered in between, and either side may change meanwhile: sums are compared when the difference
// is merged, of what the copy holds then. A merge by difference leaves the very record that a merge of the whole
// would have left, but for the chance that sums of 64 bits agree. Where it could not, because a settled stamp alone
// decides (settled.h) or the copy shows no collection, the whole is asked for.
//
//   difference := 0x1f  (bits u8  listed string  sums string | 0xff) delta    behind `settled`, if there is any
//                 0xff: nothing but a question, of what the sender has seen; who lacks any of it has a gap
//   listed     := varint*      the buckets that are complete, ascending
//   sums       := u64{2^bits}  of each bucket; nothing is said by those of listed ones
//   delta      := as in record_codec.h, with an empty base: its context after is the sender's, and its elements
//                 are those above
//
// For engines of a cluster. Keys are locked and resident; an entry that is no collection has no difference.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "engine/core/operation.h"
#include "engine/replica/replication.h"

namespace starling::engine {

// Of a version that a replica tells. Far more than actors ever write one record; what bounds it is the size of a
// message.
inline constexpr size_t kMaxContextEntries = size_t{1} << 20;

// Whether the record is a collection of so many elements that a copy is rather brought up to date by difference.
inline constexpr uint64_t kDifferenceElements = 256;
bool worth_a_difference(Operation& operation, int database, const Key& key,
                        uint64_t least_elements = kDifferenceElements);

// Appends what a copy lacks that has seen `seen` (append_version() of it; not empty), with all that there is of
// the buckets in `listed`. False, and nothing was appended: the whole record (append_state()) is to be sent,
// because it is small or no collection, or `seen` or `listed` is not what it should be.
bool append_difference(Operation& operation, int database, const Key& key, std::string_view seen,
                       std::string_view listed, std::string* out,
                       uint64_t least_elements = kDifferenceElements);

// Appends a difference that says what was seen here and nothing else: a copy that lacks any of it has a gap.
void append_probe(Operation& operation, int database, const Key& key, std::string* out);

// Like Replica::merge_delta(). After kGap *listed is what append_difference() takes; *whole: the record is needed
// as a whole.
MergeOutcome merge_difference(Operation& operation, int database, const Key& key, std::string_view bytes,
                              std::string* listed, bool* whole, Stamp* overruled = nullptr);

}  // namespace starling::engine
