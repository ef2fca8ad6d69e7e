// One atomic operation on the keys of one node: what a command handler works with.
//
// The dispatcher makes an Operation, locks the keys' stripes, makes sure that each key is resident (in
// memory, or known to be absent), runs the handler and calls finish(). A handler therefore never waits and
// never sees a miss.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "engine/base/dot.h"
#include "engine/base/key.h"
#include "engine/base/types.h"
#include "engine/log/commit_log.h"
#include "engine/memory/collection.h"
#include "engine/memory/entry.h"

namespace starling::engine {

enum class ChangeKind : uint8_t;
class ChangeList;
class CollectionChange;
struct Delta;
struct Sibling;
using Siblings = std::vector<Sibling>;
class VersionVector;
class Database;
class Engine;
class History;
enum class HintOutcome : int;
enum class Join : uint8_t;
class Operation;
class Record;
class RecordChange;
class Replica;
struct DatabaseTables;
struct EngineCore;
struct Mutation;
struct Partition;
enum class Tell;

inline constexpr int64_t kNoDeadline = 0;
inline constexpr int64_t kKeepDeadline = -1;

enum class Touch { kYes, kNo };  // kNo: leave the access clock alone (OBJECT, TTL, CLIENT NO-TOUCH).

// What becomes of a record whose time is over, when it is come upon (expiry_hold.h).
enum class Late : uint8_t {
  kRemovedUnlessHeld,  // It is removed; while that is held it is left, and not seen.
  kRemoved,            // Held or not.
  kSeen,               // It is as any other, and a deadline that is past removes nothing.
};

// What find() saw. Views stay valid until the next change of the same key or the end of the operation.
class Found {
 public:
  Found() = default;
  explicit operator bool() const { return entry_ != nullptr; }

  Type type() const;
  std::string_view string() const;  // Precondition: type() == Type::kString.
  // For a big string value: keeps its bytes alive beyond the operation, so a reply need not copy. Null for
  // small ones.
  std::shared_ptr<const void> keep_alive() const;
  const Collection& collection() const;  // Precondition: of a collection's type.
  int64_t deadline_ms() const;           // kNoDeadline when it has none.
  uint64_t version() const;              // Changes with every change of the record.
  size_t memory_bytes() const;
  int64_t idle_seconds() const;
  int frequency() const;  // Redis's logarithmic LFU counter, 0-255; meaningful under an LFU policy.

 private:
  friend class Database;
  Found(const Entry* entry, const Operation* operation) : entry_(entry), operation_(operation) {}
  const Entry* entry_ = nullptr;
  const Operation* operation_ = nullptr;
};

// A collection opened for change. Valid until the key is changed in another way, or remove() empties it: the
// key is then gone and the handle must not be used any more.
class OpenCollection {
 public:
  const Collection& view() const { return *collection_; }
  // True when the element is new. `value` is empty for sets.
  bool put(std::string_view name, std::string_view value);
  // Adds to the integer `before` that a hash's field shows, 0 when it is not there; returns what it shows
  // now. In a cluster that counts what others add at the same time (counter.h). Precondition: before +
  // increment does not overflow.
  int64_t add(std::string_view name, int64_t before, int64_t increment);
  // The same with a sorted set's score. Precondition: before + increment is a number.
  double add_score(std::string_view name, double before, double increment);
  // Gives a sorted set's member a score that, in a cluster, the greatest (kLeast: the least) of all shows that are put
  // so at the same time. Precondition: it is greater (less) than what shows.
  void put_extreme(std::string_view name, double score, Join join);
  // True when it was there. Removing the last element removes the key. `name` may be a view of the element's
  // own name; views of other elements stay valid.
  bool remove(std::string_view name);

  // Which events are in it. Nothing on a node by itself, where nobody else makes any.
  std::optional<VersionVector> seen() const;
  // Which event made the element that shows.
  Dot dot_of(const Entry& element) const;
  // A new event of this node, as Operation::birth().
  Dot birth() const;
  // Who makes the events of this node.
  ActorId actor() const;

 private:
  friend class CollectionChange;
  friend class Database;
  friend class ChangeReplay;
  friend class Replica;
  OpenCollection(const Database& database, const Key& key, Entry* entry);
  bool put(std::string_view name, std::string_view value, uint64_t hash);
  void set_deadline(int64_t deadline_ms);
  void store_element(Table::Slot slot, uint64_t hash, Entry::Parts parts);
  // Of a cluster's records; merge_collection.cc.
  void put_joining(std::string_view name, Join join, std::string_view bytes);
  void store_siblings(Table::Slot slot, uint64_t hash, std::string_view name, Siblings siblings);
  Siblings siblings_in(Table::Slot slot) const;
  bool fits_entries(const Delta& delta) const;
  bool can_merge(const Delta& delta) const;
  void merge(const Delta& delta, const Mutation& mutation);
  void merge_element(CollectionChange& change, std::string_view name, const Siblings& theirs,
                     const VersionVector& my_context, const VersionVector& their_context);
  void merge_deadline(CollectionChange& change, const Siblings& theirs, const VersionVector& my_context,
                      const VersionVector& their_context);

  Operation* operation_;
  DatabaseTables* tables_;
  int index_;
  Key key_;
  Entry* entry_;
  Collection* collection_;
};

// One of the 16 databases, within an operation. Cheap to copy. Every key used must be locked and resident.
// Each change mints one dot, marks the record as changed, joins the operation's log frame, keeps DBSIZE, the
// expiry index and WATCH true.
class Database {
 public:
  int index() const { return index_; }
  Operation& operation() const { return *operation_; }

  // The live record, or an empty Found. An expired one is removed here (KeyObserver::expired tells).
  Found find(const Key& key, Touch touch = Touch::kYes);

  // Replaces whatever the key holds, of any type.
  void put_string(const Key& key, std::string_view value, int64_t deadline_ms);
  // The same, taking over the buffer: for values too big to copy.
  void put_string(const Key& key, std::unique_ptr<char[]> value, size_t size, int64_t deadline_ms);
  // Changes a string in place, or makes one from "" when the key is absent: resized to new_size (growth is
  // zeroed), then `edit` writes into it. Keeps the deadline. Precondition: absent or kString.
  void edit_string(const Key& key, size_t new_size, absl::FunctionRef<void(std::span<char>)> edit);

  // Adds to the integer `before` that the key shows, 0 when it is absent; returns what it shows now. Keeps
  // the deadline. In a cluster that counts what others add at the same time (counter.h). Preconditions:
  // absent or kString; before + increment does not overflow.
  int64_t add(const Key& key, int64_t before, int64_t increment);

  // Opens the key's collection, making an empty one of `type` when absent (it counts as existing from the
  // first put; the caller puts at least once). Precondition: absent, or of that type.
  OpenCollection open(const Key& key, Type type);

  // Replaces whatever the key holds, of any type. For many elements at once: cheaper than putting them one by one.
  // The collection is one that was made apart, and not empty. True when there was a live record.
  bool put_collection(const Key& key, std::unique_ptr<Collection> collection);

  // True when there was a live record.
  bool remove(const Key& key);
  // kNoDeadline removes the deadline. True when there was a live record. A deadline in the past removes the
  // record.
  bool set_deadline(const Key& key, int64_t deadline_ms);
  // Copies the live record of `from` (value, deadline) over `to` in `target`. Precondition: it exists.
  void copy(const Key& from, Database& target, const Key& to);
  // Moves the live record of `from` over `to` in `target`, whatever its size: its elements stay where they are, and
  // the log says no more than that. (In a cluster the elements are new events: there it is a copy and a removal.)
  // Counts as an access of now; the frequency stays. Precondition: it exists, and is not `to` in `target`.
  void move(const Key& from, Database& target, const Key& to);
  // A live record's change that no value shows (used by nothing but OBJECT FREQ tests): sets the LFU counter.
  void set_access(const Key& key, int64_t idle_seconds, int frequency);

  uint64_t size() const;  // Live records; expired ones count until they are found. O(1).
  uint64_t size_with_deadline() const;
  // Of records in memory with a deadline; an estimate. 0: there are none, or all are due.
  int64_t average_time_left_ms() const;

 private:
  friend class Operation;
  friend class OpenCollection;
  friend class RecordChange;
  friend class ChangeReplay;
  friend class Replica;
  Database(Operation& operation, int index);
  // The slot of the live record or of its tombstone; an expired record becomes one of the two. kNotFound:
  // neither.
  Table::Slot locate(Partition& partition, const Key& key);
  void put(const Key& key, std::string_view value, void* big_value, int64_t deadline_ms);
  void erase_slot(Partition& partition, Table::Slot slot, const Key& key);
  Entry* install_collection(Partition& partition, Table::Slot slot, const Key& key,
                            std::unique_ptr<Collection> collection, Tell tell);
  Stamp log_open(const RecordChange& change, const Key& key, Type type);
  Stamp log_elements(Collection& collection);
  void change_deadline(Partition& partition, Table::Slot slot, const Key& key, int64_t deadline_ms);
  void log_record(RecordChange& change);

  // Of a cluster's records (RecordRules); database_history.cc.
  void install(Partition& partition, Table::Slot slot, const Key& key, const Record& record, int64_t now_ms,
               Mutation* mutation, std::optional<ChangeKind> told = {});
  // `told`: how replicas are told of an event of this node; none: it is not one.
  void put_record(const Key& key, const Record& record, int64_t now_ms, std::optional<ChangeKind> told = {});
  // Completes the parts.
  void store_simple(RecordChange& change, Entry::Parts& parts, std::string_view record);
  bool add_simple(Partition& partition, Table::Slot slot, const Key& key, int64_t before, int64_t increment);
  bool add_to_record(const Key& key, const Entry* old, int64_t increment, int64_t* shown);
  void lapse(Partition& partition, Table::Slot slot, const Key& key, int64_t now_ms);
  void forget(Partition& partition, Table::Slot slot, const Key& key);
  void put_deadline(const Key& key, const Entry* old, int64_t deadline_ms);

  Operation* operation_;
  EngineCore* core_;
  DatabaseTables* tables_;  // Null when the operation had nothing locked.
  int index_;
};

struct KeyRef {
  int database;
  Key key;
};

// Of a key, what tells where its record lies in memory.
struct Lookup {
  Lookup(int database_number, const Key& key)
      : hash(key.hash), partition(key.partition), database(static_cast<uint8_t>(database_number)) {}
  uint64_t hash;
  uint16_t partition;
  uint8_t database;
};

struct KeyCounts {
  uint64_t live = 0;
  uint64_t with_deadline = 0;  // Of those.
};

class Operation {
 public:
  Operation(Engine& engine, int64_t now_ms);
  ~Operation();  // Precondition: finish()ed or never locked.
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  // Locks the stripes of all keys, in order. Once per operation.
  void lock(std::span<const KeyRef> keys);
  void lock(const KeyRef& key);
  void lock_partition(uint16_t partition);
  // Locks everything: for commands over the whole keyspace.
  void lock_all();
  // The same, while `give_up`, which is asked as long as somebody else has a stripe, says no. False: nothing is locked.
  [[nodiscard]] bool lock_unless(std::span<const KeyRef> keys, absl::FunctionRef<bool()> give_up);
  [[nodiscard]] bool lock_all_unless(absl::FunctionRef<bool()> give_up);
  // A key, also while others are locked: in whatever order, so it never waits. False: somebody else has it.
  [[nodiscard]] bool try_lock_more(const KeyRef& key);
  bool locked_partition(uint16_t partition) const;
  bool all_locked() const { return all_locked_; }

  // True when the key is in memory or known to be absent. Otherwise call finish(), Engine::fetch() and start
  // over.
  bool resident(const KeyRef& key);

  // Anything is locked. While nothing is, other threads may replace databases' tables.
  bool locked() const { return single_stripe_ >= 0 || all_locked_ || !stripes_.empty(); }
  // Made before anything is locked it knows its index() and nothing else.
  Database database(int index) { return Database(*this, index); }
  // Of a database that may never have been used, and stays so: database() would make its tables.
  KeyCounts counts(int index) const;
  int64_t now_ms() const { return now_ms_; }
  // A new event of this node, for names that are made of one (list_position.h). What is changed then has later dots.
  Dot birth() { return {next_stamp(), actor()}; }
  Engine& engine() { return engine_; }

  // The whole of a database vanishes, at once. lock_all() before.
  void flush_database(int index);
  void flush_all();
  void swap_databases(int first, int second);

  // From here on find() counts as a hit or a miss of the keyspace: for commands that read.
  void count_lookups(bool count = true) { counts_lookups_ = count; }
  // What becomes of records that are due, from here on.
  void treat_late(Late late) { late_ = late; }
  bool sees_late() const { return late_ == Late::kSeen; }
  // Recovery: changes carry this actor and stamp, are not logged again, and nothing expires.
  void begin_replay(uint16_t actor_index, uint64_t stamp);

  // From here on `changes` collects what this operation changes by events of this node (not what it merges),
  // for other replicas; complete when finish() returns. Clears the list, which must outlive the operation.
  // Only with Options::replicated. Flushing or swapping databases is not among it.
  void capture(ChangeList* changes);

  // --- Hints (hint_table.h), in this operation's frame. The key is locked; it need not be resident.
  HintOutcome keep_hint(const KeyRef& key, std::string_view target);
  // It was taken, and its record delivered. False: it waits on, as the key changed meanwhile, or is gone.
  bool hint_delivered(const KeyRef& key, std::string_view target);
  bool drop_hint(const KeyRef& key, std::string_view target);

  bool changed() const { return changed_; }
  // Appends what changed to the commit log as one frame and unlocks. Returns the log position that must be
  // written (or durable) before a reply may leave; 0 when nothing changed. Idempotent.
  LogPosition finish();

 private:
  friend class CollectionChange;
  friend class Database;
  friend class Found;
  friend class OpenCollection;
  friend class RecordChange;
  friend class ChangeReplay;
  friend class Replica;
  friend class Trial;

  bool lock_stripes_unless(absl::FunctionRef<bool()> give_up);
  uint64_t next_stamp();
  // Whose events the changes are: this incarnation's, or who act_as() named.
  uint16_t actor_index() const { return actor_index_; }
  ActorId actor() const;
  void act_as(ActorId actor);
  void follow_actor();
  // Whether the next event of this operation's actor says by its dot alone what of the record it has seen. Null: there
  // is none.
  bool only_actor_of(const Entry* entry) const;
  void log(const Mutation& mutation);
  void append(const Mutation& mutation);
  // Room in the frame for so many bytes more, if there is a frame.
  void reserve_frame(size_t bytes);
  void log_spaces();
  void log_hint_gone(const KeyRef& key, std::string_view target);
  void seal_captured();
  // What marks a change for the next checkpoint; 0 in memory mode.
  DirtyTag dirty_tag() const;
  void note_change() {
    changed_ = true;
    ++changes_;
  }

  EngineCore& core_;
  Engine& engine_;
  int64_t now_ms_;
  std::vector<uint16_t> stripes_;
  int32_t single_stripe_ = -1;
  bool all_locked_ = false;
  bool changed_ = false;
  uint32_t changes_ = 0;
  uint16_t actor_index_;
  bool replaying_ = false;
  bool counts_lookups_ = false;
  Late late_ = Late::kRemovedUnlessHeld;
  uint64_t replay_stamp_ = 0;
  ChangeList* captured_ = nullptr;
  // The frame under construction; one buffer for each thread, since a thread runs one operation at a time.
  std::string& frame_;
  // The collection that element mutations in the frame belong to.
  const void* open_tables_ = nullptr;
  std::string_view open_key_;
  LogPosition position_ = 0;
};

}  // namespace starling::engine
