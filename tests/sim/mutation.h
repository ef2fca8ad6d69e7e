// Promises that the simulator can break on purpose, to show that its checkers notice. Nothing of this is in
// the production code: a mutation changes what SimNode and SimEngine do around it.
#pragma once

#include <cstdint>
#include <string_view>

namespace starling::sim {

enum class Mutation : uint8_t {
  kNone,
  kAckBeforeApply,       // A replica acknowledges at once and stores later.
  kAckBeforeDurable,     // appendfsync always: acknowledged before the log is synced.
  kHintCountsInStrict,   // A hint at a stand-in counts as a replica's acknowledgement.
  kReadsAskNobody,       // A read with R > 1 looks at the local record only.
  kActorReused,          // A node goes on as the same actor after it lost events.
  kPruneInRepair,        // Repairs and hints carry a pruned causal context.
  kDeltaOverGap,         // A delta is applied though what it builds on is not there.
  kTombstoneDropped,     // Deletes leave nothing behind.
  kBlindWriteSeesAll,    // A write without a context replaces what nobody showed its client.
  kHintsLost,            // A crash takes the hints of the node.
  kCounterShipsValue,    // An increment writes its result.
  kReapWithoutProof,     // Tombstones go as soon as a node has them.
  kSettledForgotten,     // Once they are gone, what comes late is taken for new.
  kForwardRunsAgain,     // A forwarded write that is asked for again runs again.
  kFormerLifeForgotten,  // So does one that the node may have run before it was restarted.
  kOneReadsNothing,      // One command that looks at its key (APPEND) looks at the local record only.
  kSyncNotAsked,         // A reply waits for the log to be durable, and for somebody else to ask for it.
  kOverrulingIgnored,    // Acknowledged, though a replica told of a greater stamp that hides the write.
  kConditionIgnored,     // A replica takes an attempt though it has what that does not build on.
  kClockBelieved,        // A node goes by its own wall clock.
  kClockNotAwaited,      // It begins before it has heard the others' clocks.
  kLateForwardRuns,      // A forwarded write runs however long it was under way.
  kLateLinkStays,  // What waits on a link for a peer that cannot be reached arrives when it can, failed or not.
  kOrderDropped,       // Each loop ships its own changes of collections, in no order with the others'.
  kGapNotMended,       // A replica that a delta does not fit at gets nothing in its place.
  kDifferenceForgets,  // A difference brings what is new, and says nothing of what was removed.
  kFlipBeforeEqual,    // A node says at once that it was brought all that it will hold.
  kReadEarly,          // The next ring is read while it is brought what the present one has.
  kOldEpochAccepted,   // A replica takes what is written under an earlier topology.
  kMovedHintDropped,   // What was kept for a node that is no replica any more is thrown away.
  kOneSet,             // While the ring changes a write needs the quorum of one ring only.
  kFinishedEarly,      // The ring is finished before everybody serves by the switched one.
  kActorNotRenewed,    // Records are forgotten, and the same actor goes on.
  kCount,
};

// Of changes of the ring: those runs have some.
inline bool of_ring(Mutation mutation) {
  return mutation >= Mutation::kFlipBeforeEqual && mutation < Mutation::kCount;
}

inline constexpr std::string_view kMutationNames[] = {
    "none",
    "ack-before-apply",
    "ack-before-durable",
    "hint-counts-in-strict",
    "reads-ask-nobody",
    "actor-reused",
    "prune-in-repair",
    "delta-over-gap",
    "tombstone-dropped",
    "blind-write-sees-all",
    "hints-lost",
    "counter-ships-value",
    "reap-without-proof",
    "settled-forgotten",
    "forward-runs-again",
    "former-life-forgotten",
    "one-reads-nothing",
    "sync-not-asked",
    "overruling-ignored",
    "condition-ignored",
    "clock-believed",
    "clock-not-awaited",
    "late-forward-runs",
    "late-link-stays",
    "order-dropped",
    "gap-not-mended",
    "difference-forgets",
    "flip-before-equal",
    "read-early",
    "old-epoch-accepted",
    "moved-hint-dropped",
    "one-set",
    "finished-early",
    "actor-not-renewed",
};

}  // namespace starling::sim
