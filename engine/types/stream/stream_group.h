// Groups of a stream's consumers: what each was given, and has not acknowledged yet.
//
// All of it lies beside the entries and merges as they do (stream_part.h), so a group outlives any node. What was given
// is known by cursors, one for each node that gives: "all entries up to this id, of those that I had seen". So an entry
// that comes late, from the other side of a cut, is given too, though its id is below others that were; and what two
// nodes gave apart is in the end known to be given. Each entry is given at least once, and again where the group was
// read on both sides of a cut. An entry that one side acknowledges and the other one claims stays pending.
//
// Within an operation whose keys are locked, as Database is.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "engine/record/stream_part.h"
#include "engine/types/stream/stream.h"

namespace starling::engine {

// What is known of a group.
struct GroupState {
  StreamGroup group;
  std::vector<StreamReach> reaches;
  int64_t entries_read = kUnknownCount;

  // The greatest id that was given.
  StreamId last() const;
  bool given(StreamId id, const Dot& dot) const;
};

// Looks at one group of a stream. Valid until the stream changes.
class StreamGroupView {
 public:
  StreamGroupView(const StreamView& stream, std::string_view name) : parts_(stream.parts()), name_(name) {}

  // Nothing: there is no such group.
  std::optional<GroupState> state() const;
  std::optional<StreamConsumer> consumer(std::string_view name) const;
  std::optional<PendingEntry> pending(StreamId id) const;
  uint64_t consumers() const { return count(StreamPart::kConsumer); }
  uint64_t all_pending() const { return count(StreamPart::kPending); }

  // Ascending by name, and by id from `from` on. False: enough.
  void walk_consumers(absl::FunctionRef<bool(std::string_view name, const StreamConsumer&)> visit) const;
  void walk_pending(StreamId from, absl::FunctionRef<bool(StreamId id, const PendingEntry&)> visit) const;

 private:
  friend class StreamGroupChange;
  uint64_t count(StreamPart part) const;
  // The names of all parts of that kind.
  void walk(StreamPart part, std::string_view from, absl::FunctionRef<bool(const Entry&)> visit) const;

  const Collection& parts_;
  std::string_view name_;
};

// Ascending by name. False: enough.
void walk_groups(const StreamView& stream, absl::FunctionRef<bool(std::string_view name)> visit);
uint64_t count_groups(const StreamView& stream);

// How many of all entries that ever were come up to this id, as far as it can be told: else kUnknownCount.
int64_t count_up_to(const StreamView& stream, StreamId id);
// How many of all entries the group was not given yet; nothing where it cannot be told.
std::optional<int64_t> group_lag(const StreamView& stream, const GroupState& state);

// A group opened for change.
class StreamGroupChange {
 public:
  StreamGroupChange(Stream& stream, std::string_view name) : stream_(stream), name_(name) {}

  StreamGroupView view() const { return {stream_.view(), name_}; }
  // Makes it, or has it begin anew behind `first`; nothing: behind all that there is.
  void begin(std::optional<StreamId> first, int64_t entries_read);
  // Precondition: it is there; the stream keeps something else (totals).
  void destroy();
  // True when it is new.
  bool see_consumer(std::string_view consumer, int64_t now_ms, bool active);
  // How many entries were pending for it.
  uint64_t remove_consumer(std::string_view consumer);

  // The next entries that it was not given yet, at most so many; they are taken for given from now on.
  std::vector<StreamId> give(uint64_t most);
  // Takes all up to this id for given.
  void advance(StreamId id);

  void put_pending(StreamId id, const PendingEntry& pending);
  // True when it was pending.
  bool acknowledge(StreamId id);
  // Up to where it was given all that there is, when nobody adds to it any more.
  StreamId given_up_to() const;
  // Takes what is up to there for given, whoever added it, and nothing else.
  void go_on_from(StreamId id);

 private:
  std::vector<StreamId> find_new(const GroupState& state, uint64_t most, bool* looked_at_all) const;
  bool may_have_late(const GroupState& state) const;
  void put_cursor(const GroupState& state);
  void count_given(StreamId id, GroupState* state) const;

  Stream& stream_;
  std::string_view name_;
};

// Where a stream's groups are, for its copy: that is made of events of another node, which their cursors do not know.
// What came late and was not given yet counts as new there, with what comes behind it. Empty on a node by itself.
struct GroupPlace {
  std::string name;
  StreamId given_up_to;
};
std::vector<GroupPlace> group_places(Stream& stream);
void set_group_places(Stream& copy, std::span<const GroupPlace> places);

}  // namespace starling::engine
