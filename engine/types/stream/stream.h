// Streams: entries in the order of their ids, and groups of consumers (stream_group.h) that are given them.
//
// A stream is a collection whose elements are its parts (stream_part.h). Entries merge as a set's members do: whatever
// was added anywhere is there, whatever somebody has seen and removed is gone. The last id is the greatest that any
// node has given; so ids rise on every node, and above all that it has merged. Counts (how many entries were ever
// added) are the sum of what each node has removed and of what is there: an entry that is removed on both sides of a
// cut counts twice.
//
// Within an operation whose keys are locked, as Database is.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "engine/core/operation.h"
#include "engine/record/stream_part.h"

namespace starling::engine {

struct StreamEntry {
  StreamId id;
  std::string_view value;

  StreamFields fields() const { return StreamFields(value); }
};

// Looks at a stream. Valid until it changes.
class StreamView {
 public:
  using Visit = absl::FunctionRef<bool(const StreamEntry&)>;  // False: enough.

  // Precondition: a collection of type kStream.
  explicit StreamView(const Collection& parts) : parts_(parts) {}

  // Of entries.
  uint64_t size() const;
  // Precondition: size() != 0.
  StreamEntry first() const;
  StreamEntry last() const;
  bool contains(StreamId id) const { return parts_.contains(entry_name(id)); }
  std::optional<StreamEntry> find(StreamId id) const;
  // The greatest that was ever given.
  StreamId last_id() const { return totals().last; }
  // Of what any node has done.
  StreamTotals totals() const;
  // How many entries there ever were.
  int64_t entries_added() const { return totals().added(size()); }

  // How many entries have ids below this one.
  uint64_t count_below(StreamId id) const;
  // `count` entries from the `first` lowest on, ascending. Precondition: there are so many.
  void walk(uint64_t first, uint64_t count, Visit visit) const;
  // The same, descending.
  void walk_back(uint64_t first, uint64_t count, Visit visit) const;

  const Collection& parts() const { return parts_; }

 private:
  const Collection& parts_;
};

// The ids that a node gives. Whoever is first in a partition's preference list gives those that Redis would, with
// sequence numbers from 0; any other node numbers from a place of its own, `block` << 32, so that two nodes that do not
// hear of each other give different ones. Block 0 is the first's. A node by itself goes on from any number.
struct StreamIdGiver {
  bool alone = true;
  uint32_t block = 0;
  int64_t now_ms = 0;

  // Nothing: there is none left.
  std::optional<StreamId> next(StreamId last) const;
  // The same of this millisecond only: it must be above `last`, too.
  std::optional<StreamId> next_in(uint64_t ms, StreamId last) const;
};

// A stream opened for change; stays there when its last entry goes.
class Stream {
 public:
  // Precondition: absent, which makes it (then something is put), or a stream.
  Stream(Database& database, const Key& key) : parts_(database.open(key, Type::kStream)) {}

  StreamView view() const { return StreamView(parts_.view()); }
  // For groups.
  OpenCollection& parts() { return parts_; }
  const OpenCollection& parts() const { return parts_; }

  // `value`: begin_entry() and the fields. Precondition: above last_id().
  void add(StreamId id, std::string_view value) { parts_.put(entry_name(id), value); }
  // How many of them were there.
  uint64_t remove(std::span<const StreamId> ids);
  // The `count` first ones. Precondition: there are so many.
  void trim(uint64_t count);
  // From now on what totals() says, unless other nodes say more at the same time. Makes a stream without entries.
  void set_totals(const StreamTotals& totals);
  // Where two entries have come to have the same id, which nodes that did not hear of each other had given, the later
  // one gets a new one. False: there was no such thing.
  bool part_twins(const StreamIdGiver& giver);

 private:
  void count_removed(uint64_t count, StreamId max_deleted);

  OpenCollection parts_;
};

// One that is made apart, for Database::put_collection().
class StreamMaker {
 public:
  StreamMaker() : parts_(std::make_unique<Collection>(Type::kStream)) {}
  // False: it is there already.
  bool put(std::string_view name, std::string_view value) { return parts_->put(name, value); }
  std::unique_ptr<Collection> take() { return std::move(parts_); }

 private:
  std::unique_ptr<Collection> parts_;
};

}  // namespace starling::engine
