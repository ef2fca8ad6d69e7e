// A record changes: all that goes with it, in one place and in one order. Whoever changes a record says what it
// becomes and what the log is told; the rest happens here.
//
//   constructor   1. a checkpoint under way that has yet to write the record gets it as it is. Before all else: it
//                    decides what the store may hold of the key, and so flags() and was()
//                 2. the partition counts a change, and its tally loses the version, while entry and history still say
//                    which that is
//   capture()     3. replicas are to be told, of a part upon the context that the change builds on
//   put(), ...    4. the entry is there. Its bytes count from here on; dirty ones too where the key has a tag
//   finish()      5. live keys, and those with a deadline; the key's tag, with all of its bytes if it had none
//                 6. the tally gains the version
//                 7. the deadline has its place in the index
//                 8. the log has it. After 4, for the value it is told is read where it is now
//                 9. watchers and the observer are told: what they look at is there
//                10. the old entry goes. Last, for names and values that the caller passed may lie in it
//
// RecordChange is for a record that becomes another one; CollectionChange for a collection that stays what it is while
// its elements or its deadline change. Of that 1 saves the header, and save() each element; 5 comes with 1, so that all
// of its bytes count as dirty from then on.
//
// On the stack, under the stripe of the key, one at a time for each key, and finished. Nothing here fails.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "engine/base/change_list.h"
#include "engine/base/element_kind.h"
#include "engine/core/core.h"
#include "engine/core/mutation.h"
#include "engine/core/operation.h"
#include "engine/memory/history.h"
#include "engine/memory/keyspace.h"

namespace starling::engine {

// Whether watchers and the observer hear of a change. Of a replay they never do.
enum class Tell : int { kYes, kNo };

class RecordChange {
 public:
  // Of the record, the tombstone, or nothing (Table::kNotFound) that is in the key's slot. If the operation has it open
  // as a collection, it has not any more.
  RecordChange(const Database& database, Partition& partition, Table::Slot slot, const Key& key);
  RecordChange(const RecordChange&) = delete;
  RecordChange& operator=(const RecordChange&) = delete;
  ~RecordChange();

  // What was here; null: nothing. To be read before put() or what stands for it.
  const Entry* old() const { return old_; }
  bool was_live() const { return was_live_; }
  int64_t old_deadline_ms() const { return old_deadline_ms_; }  // kNoDeadline where nothing was live.
  // What the next entry says of the store.
  uint8_t flags() const { return flags_; }
  // What the key was, as the log says it.
  uint8_t was() const { return was_; }
  // The access clock of a value that comes in place of another one: a frequency goes on, an idle time does not.
  uint32_t access() const {
    const bool lfu = core_.lfu.load(std::memory_order_relaxed);
    return lfu && was_live_ ? old_->access() : initial_access(lfu, operation_.now_ms());
  }
  // What an event of this operation's actor leaves as the record's history, its dot not yet in it, when it supersedes
  // all that is here. Null: nothing, its dot says it all.
  std::unique_ptr<History> history_after() const {
    return core_.rules.histories ? history_of_old() : nullptr;
  }

  // Replicas are to be told, if this operation captures changes: as a rule of the whole record.
  void capture(ChangeKind kind = ChangeKind::kState) {
    if (operation_.captured_ != nullptr) note(kind);
  }

  // --- What the record becomes: one of these, once.
  // The record of these parts, in the old entry where that has room. Completes key and flags.
  void put(Entry::Parts& parts) {
    parts.key = key_.name;
    parts.flags |= flags_;
    if (old_ != nullptr && old_->assign(parts)) {
      entry_ = old_;
    } else {
      replace(Entry::create(parts));
    }
  }
  // Takes the entry over.
  void replace(Entry* entry);
  // A deleted one: a tombstone of these parts, completed likewise, or nothing where none is needed.
  void bury(Entry::Parts& parts);
  // None, as if there had never been any.
  void forget();
  // The live one, with another deadline.
  void set_deadline(int64_t deadline_ms);
  // What the caller makes of the old entry, in place, from here to finish().
  Entry* keep();

  // What is here now; null: nothing.
  Entry* entry() const { return entry_; }

  // For the log, with space, key, stamp and what the key was. The caller adds what else it wants to say.
  Mutation mutation(MutationKind kind) const;
  // Once. Null: the log is told elsewhere, or nothing.
  void finish(const Mutation* mutation, Tell tell = Tell::kYes);

 private:
  std::unique_ptr<History> history_of_old() const;
  void note(ChangeKind kind);
  bool store_may_hold() const;
  void take_out();
  void count();

  Operation& operation_;
  EngineCore& core_;
  DatabaseTables& tables_;
  Partition& partition_;
  const Key& key_;
  Table::Slot slot_;
  Entry* const old_;
  Entry* entry_ = nullptr;
  int64_t old_deadline_ms_ = 0;
  int64_t kept_bytes_ = 0;
  const int index_;
  bool was_live_ = false;
  bool kept_ = false;
  bool finished_ = false;
  uint8_t flags_ = 0;
  uint8_t was_ = 0;
};

class CollectionChange {
 public:
  explicit CollectionChange(const OpenCollection& open);
  CollectionChange(const CollectionChange&) = delete;
  CollectionChange& operator=(const CollectionChange&) = delete;
  ~CollectionChange();

  // --- What comes before, in this order.
  // The log knows whose elements follow.
  void open();
  // Replicas are to be told that the element (kDeadline: the deadline) changes, by an event of this operation's actor.
  // In a cluster the record has the history then that such an event needs, and nothing in it of another type.
  void begin_event(ElementKind kind, std::string_view name) {
    if (core_.rules.histories) begin_event_of_cluster(kind, name);
  }
  // The record has a history: the change is more than one actor's dot says.
  void need_history();
  // A checkpoint under way that has yet to write the element in the slot gets it as it is. kNotFound: there is none.
  void save(Table::Slot slot) {
    if (core_.flushing_tag != 0 && slot != Table::kNotFound) save_element(slot);
  }

  // --- The change. Of elements it is the caller's, by what Collection has for it.
  // The stamp of the event that changes the element: the record's stamp from here on, and in its context. What was
  // hidden of the element is superseded.
  Stamp event(ElementKind kind, std::string_view name);
  // Returns the header, which may be another entry. Not an event by itself.
  Entry* set_deadline(int64_t deadline_ms);

  // Once.
  void finish(const Mutation& mutation);

 private:
  Partition& partition() const { return tables_.partition(key_); }
  Table::Slot slot() const;
  void tag_header();
  void save_element(Table::Slot slot);
  void begin_event_of_cluster(ElementKind kind, std::string_view name);
  void supersede_foreign(ElementKind kind);

  Operation& operation_;
  EngineCore& core_;
  DatabaseTables& tables_;
  const Key& key_;
  Entry* entry_;
  Collection& collection_;
  int64_t bytes_before_;
  const int index_;
  bool finished_ = false;
};

// Gives a collection a history that says what its entries say, if it has none. Not accounted for.
void give_history(const ActorTable& actors, Entry* entry);

}  // namespace starling::engine
