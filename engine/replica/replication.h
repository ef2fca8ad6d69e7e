// One node's records as other nodes see them: merging what comes from them, and telling versions apart.
//
// Only for an engine that was opened with Options::replicated. All bytes are those of record_codec.h. What an
// operation itself changed is had with Operation::capture() (operation.h) and change_list.h.
//
//   coordinator    operation.capture(&changes); handler; finish(); commit(); ship changes, each by its kind
//   replica        lock, resident, Replica(operation, database).merge_state() or merge_delta(); finish();
//                  commit(); acknowledge. kGap: ask the sender for the state (append_state()) and merge it
//   reading        append_version() or compare() of each replica; append_state() of who has more,
//                  merge_state() at who has less
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/change_list.h"
#include "engine/base/status.h"
#include "engine/core/engine.h"
#include "engine/core/operation.h"
#include "engine/memory/version_tally.h"
#include "engine/record/record.h"
#include "engine/record/version_vector.h"

namespace starling::engine {

enum class MergeOutcome {
  kApplied,           // The record is now the merge of both.
  kUnchanged,         // All of it was known already.
  kGap,               // merge_delta() only; nothing changed: what the delta builds on is not all here.
  kCorrupt,           // Nothing changed: not an encoding, or one of a later release.
  kStampTooFarAhead,  // Nothing changed: its author's clock is far ahead of this node's (hybrid_clock.h).
  kTooManyActors,  // Nothing changed: records in memory have as many actors as there can be (actor_table.h).
};

enum class VclockOutcome {
  kApplied,
  kUnknownEvents,    // Nothing changed: the context claims events of this node that it never made.
  kTooManySiblings,  // Nothing changed: the write would leave more siblings than allowed.
};

// What VCLOCK GET and INSPECT show.
struct Versions {
  VersionVector context;  // Empty: the key was never there.
  Siblings siblings;  // Of the string: ascending by dot, tombstones and expired ones included. A counter is
                      // one (shown_siblings()).
  Type type = Type::kNone;
};

// The records of one database, within an operation. Cheap to make. Every key used must be locked and resident
// (Operation::lock(), resident()). Changes are logged, tell KeyObserver::modified and join the frame of the
// operation like any other; they are never captured by Operation::capture().
class Replica {
 public:
  Replica(Operation& operation, int database) : operation_(operation), database_(database) {}

  // `bytes` is a whole record. Commutative, associative, idempotent; makes no event. *overruled, where asked
  // for: the greatest stamp of a sibling that shows here in place of what the bytes' last event put, which
  // is here too; its author had not seen it. 0: none.
  MergeOutcome merge_state(const Key& key, std::string_view bytes, Stamp* overruled = nullptr);
  // `bytes` is a delta.
  MergeOutcome merge_delta(const Key& key, std::string_view bytes, Stamp* overruled = nullptr);
  // Of a delta that is merged here: the greatest stamp that hides what it put, as *overruled above.
  Stamp overruling(const Key& key, const Delta& delta) const;
  // What these bytes put, a change of this operation's node that was captured, is put once more, under a new
  // dot, and captured: for who was told of a greater stamp. False, and nothing changed: it is not here any
  // more, something superseded it.
  bool restamp(const Key& key, std::string_view bytes, ChangeKind kind);

  // Appends the record's causal context (record_codec.h, `context token`), and before it how far the
  // partition is settled, if at all. False, and nothing was appended, when there is neither. Two nodes with
  // equal contexts have equal records.
  bool append_version(const Key& key, std::string* out);
  // This node's record relative to an encoded context: kBefore when the context has seen more. `context` may
  // be empty (never there). An undecodable one is kCorrupt and leaves *order alone.
  Status compare(const Key& key, std::string_view context, Order* order);
  // Appends the whole record, and before it how far the partition is settled, if at all. False, and nothing
  // was appended, when there is neither. A value that
  // has expired by now is a tombstone in it: where all have the same events, all have the same bytes.
  bool append_state(const Key& key, std::string* out);

  Versions versions(const Key& key);
  // Writes and deletes of the whole key that supersede what `seen` covers, and nothing else. Captured like
  // any local change. After kApplied, versions() tells whether siblings were left: then the client's answer
  // must be a context that does not cover them (README.md, "Versions"). deadline_ms: kNoDeadline or later
  // than now.
  VclockOutcome set(const Key& key, const VersionVector& seen, std::string_view value, int64_t deadline_ms,
                    size_t max_siblings);
  VclockOutcome remove(const Key& key, const VersionVector& seen, size_t max_siblings);

  // The key's record goes without an event, a tombstone or a trace, as if it had never been here: for a node
  // that kept it for others, and has handed it over. `context` is that of what was handed over. False, and
  // nothing changed: the record has changed since; a hint of it waits; or it has events of this incarnation,
  // whose next one on this key would claim that they were seen here, and so remove what they did.
  bool forget(const Key& key, std::string_view context);
  // The same for whatever is here, unless a hint of it waits or it has events of this incarnation.
  bool forget(const Key& key);
  // Removes the record for good if it is ripe. False: it is not, or there is none.
  bool reap(const Key& key);

  // Gives what is stamped later than `latest` new stamps, in one event that supersedes it: everybody takes
  // the record again. False: nothing of it is. Precondition: the node's own stamps are not later.
  bool restamp(const Key& key, Stamp latest);

  // Logs, and says to the engine, how far a partition that is locked is settled; of kPartitionCount: what is
  // promised.
  void settle(uint32_t partition, Stamp stamp);
  // Logs, and says to the engine, that nothing is settled of a partition that is locked.
  void unsettle(uint16_t partition, bool lost);

  // For Recovery: a mutation that a merge, or a write with a history, has logged. False when it cannot be.
  bool replay(const Key& key, const Mutation& mutation);

 private:
  const Entry* entry_of(const Key& key) const;
  // Without what this node's settled stamp says all of: it counts in no sum, so it must not be told of
  // either, as if it were gone. Else one who has not settled yet would keep an equal record that its sums do
  // count.
  const Entry* told_entry(const Key& key) const;
  VclockOutcome write(const Key& key, const VersionVector& seen, const std::string_view* value,
                      int64_t deadline_ms, size_t max_siblings);
  friend class Trial;
  // --- For Trial (trial.cc): what the key holds, and that it holds it again; nothing: there is no record.
  std::optional<Record> held(const Key& key) const;
  void hold_again(const Key& key, const std::optional<Record>& record);
  // The frame of the operation, which is cut back.
  static size_t frame_bytes(const Operation& operation) { return operation.frame_.size(); }
  static void cut_frame(Operation* operation, size_t bytes);
  // --- For overruling.cc. Of an element of a collection, or of its deadline.
  Siblings siblings_at(const Entry& entry, const ElementId& id) const;
  bool restamp_elements(const Key& key, const Elements& put);

  Operation& operation_;
  int database_;
};

// The greatest stamp in `record` that hides what the last event of `state`, which is merged in it, put; 0: none.
Stamp overruling(const Record& record, const Record& state);

// Who makes events here, and the greatest stamp seen. After a clean stop both are at the next start what they
// were.
struct Incarnation {
  ActorId actor = 0;
  Stamp last_stamp = 0;
};
Incarnation incarnation(Engine& engine);

// What a Merkle tree adds up, XXH3 of the context seeded with the key's place (of a context of one dot: of
// actor and stamp): differs when the records do, is the same on all nodes that have the same
// record, whatever they know of time. `context` as append_version() gives it.
uint64_t version_hash(int database, std::string_view key, std::string_view context);

// The greatest stamp of a context as append_version() gives it; 0: there is none in it.
Stamp latest_stamp(std::string_view version);

// Differs from an earlier answer when a record of the partition may have another version than then. Any
// thread.
uint32_t change_count(Engine& engine, uint16_t partition);

// --- The sum of a partition's versions, as scan_versions() visits them (version_tally.h). Any thread,
// without an operation.
TallyView tally_of(Engine& engine, uint16_t partition);
// Brings a tally that is not known forward by about `limit` keys, fewer if they change meanwhile. *forward:
// whether it got anywhere; false too when it is known. Blocks on the disk: pool thread. One scan of a
// partition at a time gets anywhere.
Status advance_tally(Engine& engine, uint16_t partition, size_t limit, bool* forward);
// It must be scanned anew; it is known.
void doubt_tally(Engine& engine, uint16_t partition);
void set_tally(Engine& engine, uint16_t partition, const VersionTally& tally);

// --- Settled partitions (settled.h).

Stamp settled_up_to(Engine& engine, uint16_t partition);
// This node holds, or has superseded, every event up to `stamp` that was or will be made in the partition: so
// it was at the change count. False, and nothing changed, when the partition has changed since. Any thread,
// without an operation; a commit must follow.
[[nodiscard]] bool settle(Engine& engine, uint16_t partition, Stamp stamp, uint32_t changes, int64_t now_ms);
struct StampPromise {
  Stamp stamp;
  LogPosition position;  // When this is durable, the promise outlives the process.
};
// A stamp that is less than that of every event this node will make from now on, and no later than its wall
// clock. A commit must follow.
StampPromise promise_stamp(Engine& engine, int64_t now_ms);
// The greatest stamp this node has made or seen; and: its later ones are greater than `stamp`, unless that is
// too far ahead.
Stamp last_stamp(Engine& engine);
Status observe_stamp(Engine& engine, Stamp stamp, int64_t now_ms);
// Does restamp() to all records of a partition, about `limit` of them at a time; `cursor` as for
// scan_all_versions(). *restamped is added to. A commit must follow. Blocks on the disk: pool thread.
Status restamp(Engine& engine, uint16_t partition, uint64_t* cursor, size_t limit, Stamp latest,
               int64_t now_ms, uint64_t* restamped);
// As HybridClock::trust(): while it does not know what time it is.
void trust_stamps(Engine& engine, bool all);
// Removes what is nothing but a tombstone of settled events (ripe_stamp() in settled.h), about `limit` keys
// from the cursor on, like scan_versions(). *reaped is increased by the records that went. Blocks on the
// disk: pool thread. A commit must follow.
Status reap(Engine& engine, uint16_t partition, uint64_t* cursor, size_t limit, int64_t now_ms,
            uint64_t* reaped);

// --- Partitions that this node is no replica of any more.
// Of what was settled here nothing is any more: before the first record of it is forgotten. `lost`: its records may
// go, which the next start finds as well (is_lost()). A commit must follow.
void unsettle(Engine& engine, uint16_t partition, bool lost, int64_t now_ms);
bool is_lost(Engine& engine, uint16_t partition);
// Does Replica::forget() to all records of a partition for which `may_forget`, asked with the record's stripe held,
// is true; about `limit` keys from the cursor on, like scan_versions(). *forgotten is increased by those that went.
// Blocks on the disk: pool thread. A commit must follow.
Status forget_partition(Engine& engine, uint16_t partition, uint64_t* cursor, size_t limit, int64_t now_ms,
                        const std::function<bool()>& may_forget, uint64_t* forgotten);

// Where a key comes in a scan of its partition, on every node: database << 48 | hash. kEndPosition is behind
// all.
uint64_t version_position(int database, std::string_view key);
inline constexpr uint64_t kEndPosition = ~uint64_t{0};

// Visits the versions of one partition, in memory and in the store, tombstones included, but for what is ripe
// by what is settled here and so means nothing any more. A guard whose floor is above that does mean something:
// whoever still has what it superseded must hear of it. (Sums leave it out all the same: a node that has settled
// more has none.) Databases in ascending order, in each the keys in the order of their hash.
// Begins with cursor 0 and visits about `limit` keys; *cursor is then where to go on, 0 at the end. A cursor
// is a position: the keys visited are those from the one up to the other. A key that is there throughout is
// visited once. Blocks on the disk: pool thread, no operation of this thread under way. After an error the
// cursor is as it was.
struct VisitedVersion {
  int database = 0;
  std::string_view key;
  std::string_view context;  // Encoded.
  Stamp ripe = 0;            // What lets the record go (settled.h).
  size_t siblings = 0;       // Of a string: values that it has at once.
};
using VersionVisitor = std::function<void(const VisitedVersion& version)>;
Status scan_versions(Engine& engine, uint16_t partition, uint64_t* cursor, size_t limit,
                     const VersionVisitor& visit);
// The same as scan_versions(), with what is ripe; `ripe` is 0 of what is no record any more but guards the
// key.
Status scan_all_versions(Engine& engine, uint16_t partition, uint64_t* cursor, size_t limit,
                         const VersionVisitor& visit);
// Scans like that, and then has `change` done to each key that `wanted` picked, in an operation of its own that
// holds it in memory; *changed is increased by those of which it was true. A commit must follow.
Status change_versions(Engine& engine, uint16_t partition, uint64_t* cursor, size_t limit, int64_t now_ms,
                       const std::function<bool(const VisitedVersion&)>& wanted,
                       const std::function<bool(Replica&, const Key&)>& change, uint64_t* changed);

}  // namespace starling::engine
