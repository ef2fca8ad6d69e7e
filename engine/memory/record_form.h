// Between a record (record.h) and the entry that holds it in memory and the row that holds it in the store.
// Only for engines whose records are a cluster's (Options::replicated).
//
//   entry                                       record
//   string, no history                          context is its own dot; one sibling: a value or, as counter()
//                                               tells, a contribution (counter_form.h)
//   kNone, no history, stamp not 0              the same with a tombstone
//   kNone, stamp 0; no entry                    nothing was ever there
//   collection, no history                      context is the entry's dot; elements all by its actor
//   any, with a history (history.h)             the history's context; what the entry shows, and what is hidden
//
// An entry shows what Record::type() said when it was made: once its deadline has passed, whoever looks makes
// it anew from its record, which may then show something else or, nearly always, nothing. Values that have
// expired are tombstones of the same dot from then on. That is no event: where one copy still has the value,
// a merge takes it back, and all count it as a tombstone anyway.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/memory/history.h"
#include "engine/memory/keyspace.h"
#include "engine/memory/table.h"
#include "engine/record/record.h"
#include "engine/record/record_codec.h"

namespace starling::engine {

// Of the record in this entry; `entry` may be null. Empty: nothing was ever there.
VersionVector context_of(const ActorTable& actors, const Entry* entry);
Record record_of(const ActorTable& actors, const Entry* entry);
// What is inline in the header, and how many elements are stored apart: what the header's row says.
Header header_of(const ActorTable& actors, const Entry& entry);
// All siblings of an element of a collection: the shown one and those behind it.
Siblings siblings_of(const ActorTable& actors, const Collection& collection, const Entry& element);
// Of a collection; empty when it has no deadline.
Siblings deadline_siblings(const ActorTable& actors, const Entry& entry);

// What a record shows at a time.
struct Shown {
  Type type = Type::kNone;
  int64_t deadline_ms = 0;
};
Shown shown_of(const Record& record, int64_t now_ms);

// Puts tombstones in place of the values that have expired. They keep the deadlines, by which all nodes agree
// on when the tombstones may go.
Record without_expired(Record record, int64_t now_ms);

// Whether this release can hold the record: no deadlines of single fields.
bool supported(const Record& record);
bool supported(ElementKind kind, const Siblings& siblings);

// True: whoever is an actor in there has an index, as ActorTable::take() says. For what comes from elsewhere.
[[nodiscard]] bool take_actors(ActorTable& actors, const Siblings& siblings);
[[nodiscard]] bool take_actors(ActorTable& actors, const Record& record);

// Makes an entry from a record's parts.
class EntryAssembly {
 public:
  // Elements of a shown collection get the dirty tag and the flags.
  EntryAssembly(ActorTable& actors, Shown shown, VersionVector context, DirtyTag tag, uint8_t element_flags);
  ~EntryAssembly();
  // Each element once. Precondition: supported(), covered by the context.
  void add(ElementKind kind, std::string_view name, Siblings siblings);
  void add(const Record& record);
  // Once, at the end. Flags: Entry::kOnDisk, kPurge.
  Entry* make(std::string_view name, uint32_t access, uint8_t flags);

 private:
  bool simple_value() const;
  bool simple_collection() const;
  Entry* make_value(Entry::Parts parts);
  Entry* make_collection(Entry::Parts parts);
  Entry* make_hidden(Entry::Parts parts);

  ActorTable& actors_;
  const Shown shown_;
  const DirtyTag tag_;
  const uint8_t element_flags_;
  Siblings values_;  // Of a shown string.
  std::unique_ptr<Collection> collection_;
  std::unique_ptr<History> history_;
};

// --- Rows. A record's row is its header, behind a cover when it takes more than a look at the header to tell
// what the entry showed:
//
//   row    := simple string | simple counter | simple header | cover header
//   cover  := 0x1d  type u8  deadline varint       what the entry showed: kNone also when it had expired
//
// Without a cover it shows what the header says. The cover makes counts and deadlines those of memory,
// whenever the row is read.

// Of a string without a history: its row, and its whole record.
void append_simple_string(const ActorTable& actors, const Entry& entry, std::string* out);
// The row of an entry.
void append_row(const ActorTable& actors, const Entry& entry, std::string* out);
// Takes the cover off the front. False when there is none.
bool take_cover(std::string_view* row, Shown* shown);
// The whole record as peers get it, without what has expired by now: memory may have dropped it.
void append_state(const ActorTable& actors, const Entry& entry, int64_t now_ms, std::string* out);

}  // namespace starling::engine
