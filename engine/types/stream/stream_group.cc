#include "engine/types/stream/stream_group.h"

#include <algorithm>
#include <utility>

#include "engine/base/assert.h"
#include "engine/memory/collection.h"
#include "engine/memory/order_index.h"

namespace starling::engine {
namespace {

// When a consumer was seen is written down once in this time.
constexpr int64_t kSeenEachMs = 1000;

template <typename T>
T decoded(const Entry& part) {
  T value;
  const bool good = decode(part.value(), &value);
  STARLING_ASSERT(good);
  return value;
}

// The entries that were removed are not among those behind the id, as far as it is known.
bool has_gaps_behind(const StreamTotals& totals, uint64_t size, StreamId id) {
  return size != 0 && totals.max_deleted != StreamId{} && id <= totals.max_deleted;
}

}  // namespace

StreamId GroupState::last() const {
  StreamId last = group.first;
  for (const StreamReach& reach : reaches) last = std::max(last, reach.id);
  return last;
}

bool GroupState::given(StreamId id, const Dot& dot) const {
  if (id <= group.first) return true;
  return std::any_of(reaches.begin(), reaches.end(), [&](const StreamReach& reach) {
    return id <= reach.id && (!reach.seen.has_value() || reach.seen->covers(dot));
  });
}

std::optional<GroupState> StreamGroupView::state() const {
  const Entry* part = parts_.entry_of(group_part_name(StreamPart::kGroup, name_));
  if (part == nullptr) return std::nullopt;
  GroupState state;
  state.group = decoded<StreamGroup>(*part);
  state.entries_read = state.group.entries_read;
  StreamId greatest;
  walk(StreamPart::kCursor, {}, [&](const Entry& entry) {
    StreamCursor cursor = decoded<StreamCursor>(entry);
    if (cursor.epoch != state.group.epoch) return true;
    for (StreamReach& reach : cursor.reaches) {
      if (reach.id >= greatest) {
        greatest = reach.id;
        state.entries_read = cursor.entries_read;
      }
      state.reaches.push_back(std::move(reach));
    }
    return true;
  });
  return state;
}

std::optional<StreamConsumer> StreamGroupView::consumer(std::string_view name) const {
  const Entry* part = parts_.entry_of(group_part_name(StreamPart::kConsumer, name_, name));
  if (part == nullptr) return std::nullopt;
  return decoded<StreamConsumer>(*part);
}

std::optional<PendingEntry> StreamGroupView::pending(StreamId id) const {
  const Entry* part = parts_.entry_of(group_part_name(StreamPart::kPending, name_, id_bytes(id)));
  if (part == nullptr) return std::nullopt;
  return decoded<PendingEntry>(*part);
}

uint64_t StreamGroupView::count(StreamPart part) const {
  const std::string prefix = group_part_name(part, name_);
  const OrderIndex& order = parts_.order();
  const uint64_t before = order.count_while([&](const Entry& entry) { return entry.key() < prefix; });
  const uint64_t upto = order.count_while(
      [&](const Entry& entry) { return entry.key() < prefix || entry.key().starts_with(prefix); });
  return upto - before;
}

void StreamGroupView::walk(StreamPart part, std::string_view from,
                           absl::FunctionRef<bool(const Entry&)> visit) const {
  const std::string prefix = group_part_name(part, name_);
  const std::string first = prefix + std::string(from);
  const OrderIndex& order = parts_.order();
  const uint64_t before = order.count_while([&](const Entry& entry) { return entry.key() < first; });
  if (before == order.size()) return;
  order.walk(before, order.size() - before,
             [&](const Entry& entry) { return entry.key().starts_with(prefix) && visit(entry); });
}

void StreamGroupView::walk_consumers(
    absl::FunctionRef<bool(std::string_view, const StreamConsumer&)> visit) const {
  walk(StreamPart::kConsumer, {},
       [&](const Entry& entry) { return visit(behind_group(entry.key()), decoded<StreamConsumer>(entry)); });
}

void StreamGroupView::walk_pending(StreamId from,
                                   absl::FunctionRef<bool(StreamId, const PendingEntry&)> visit) const {
  walk(StreamPart::kPending, id_bytes(from),
       [&](const Entry& entry) { return visit(id_in(entry.key()), decoded<PendingEntry>(entry)); });
}

void walk_groups(const StreamView& stream, absl::FunctionRef<bool(std::string_view)> visit) {
  const OrderIndex& order = stream.parts().order();
  const uint64_t before =
      order.count_while([](const Entry& entry) { return part_of(entry.key()) < StreamPart::kGroup; });
  std::vector<std::string_view> names;
  if (before != order.size()) {
    order.walk(before, order.size() - before, [&](const Entry& entry) {
      if (part_of(entry.key()) != StreamPart::kGroup) return false;
      names.push_back(group_in(entry.key()));
      return true;
    });
  }
  // Their elements stand in the order of their lengths first.
  std::sort(names.begin(), names.end());
  for (const std::string_view name : names) {
    if (!visit(name)) return;
  }
}

uint64_t count_groups(const StreamView& stream) {
  const auto up_to = [&](StreamPart last) {
    return stream.parts().order().count_while(
        [last](const Entry& entry) { return part_of(entry.key()) <= last; });
  };
  return up_to(StreamPart::kGroup) - up_to(StreamPart::kTotals);
}

int64_t count_up_to(const StreamView& stream, StreamId id) {
  const StreamTotals totals = stream.totals();
  const uint64_t size = stream.size();
  const int64_t added = totals.added(size);
  if (added == 0) return 0;
  if (size == 0 && id <= totals.last) return added;
  if (id == totals.last) return added;
  if (id > totals.last || size == 0) return kUnknownCount;
  const StreamId first = stream.first().id;
  const bool whole = totals.max_deleted == StreamId{} || totals.max_deleted < first;
  if (!whole || id > first) return kUnknownCount;
  return totals.added(id == first ? 1 : 0);
}

std::optional<int64_t> group_lag(const StreamView& stream, const GroupState& state) {
  const StreamTotals totals = stream.totals();
  const uint64_t size = stream.size();
  const int64_t added = totals.added(size);
  if (added == 0) return 0;
  int64_t read = state.entries_read;
  if (read == kUnknownCount || has_gaps_behind(totals, size, state.last()))
    read = count_up_to(stream, state.last());
  if (read == kUnknownCount) return std::nullopt;
  return counted_on(added, -static_cast<uint64_t>(read));
}

void StreamGroupChange::begin(std::optional<StreamId> first, int64_t entries_read) {
  OpenCollection& parts = stream_.parts();
  // Cursors of before, and what a group of this name has left that another node destroyed.
  const bool was_there = view().state().has_value();
  if (!was_there) destroy();
  std::vector<std::string> cursors;
  view().walk(StreamPart::kCursor, {}, [&](const Entry& entry) {
    cursors.emplace_back(entry.key());
    return true;
  });
  for (const std::string& cursor : cursors) parts.remove(cursor);
  GroupState state;
  state.group.epoch = parts.birth();
  state.group.entries_read = state.entries_read = entries_read;
  const StreamId last = stream_.view().last_id();
  std::optional<VersionVector> seen = parts.seen();
  // Where others add entries too, those below the last that come later are new all the same.
  const bool by_context = !first.has_value() && seen.has_value();
  if (!by_context) state.group.first = first.value_or(last);
  parts.put(group_part_name(StreamPart::kGroup, name_), encode(state.group));
  if (!by_context) return;
  state.reaches.push_back({last, std::move(seen)});
  put_cursor(state);
}

void StreamGroupChange::destroy() {
  // Of a stream that another node deleted the group's remains may be all that there is, and the key must not go with
  // them.
  const OrderIndex& order = stream_.parts().view().order();
  if (order.size() != 0 && part_of(order.at(0)->key()) > StreamPart::kTotals) stream_.set_totals({});
  std::vector<std::string> names;
  for (const StreamPart part :
       {StreamPart::kGroup, StreamPart::kCursor, StreamPart::kConsumer, StreamPart::kPending}) {
    view().walk(part, {}, [&](const Entry& entry) {
      names.emplace_back(entry.key());
      return true;
    });
  }
  for (const std::string& name : names) stream_.parts().remove(name);
}

bool StreamGroupChange::see_consumer(std::string_view consumer, int64_t now_ms, bool active) {
  std::optional<StreamConsumer> there = view().consumer(consumer);
  const bool created = !there.has_value();
  const auto just_before = [now_ms](int64_t at_ms) {
    return now_ms >= at_ms && now_ms - at_ms < kSeenEachMs;
  };
  if (!created && just_before(there->seen_ms) && (!active || just_before(there->active_ms))) return false;
  StreamConsumer seen = there.value_or(StreamConsumer{});
  seen.seen_ms = now_ms;
  if (active) seen.active_ms = now_ms;
  stream_.parts().put(group_part_name(StreamPart::kConsumer, name_, consumer), encode(seen));
  return created;
}

uint64_t StreamGroupChange::remove_consumer(std::string_view consumer) {
  std::vector<StreamId> pending;
  view().walk_pending({}, [&](StreamId id, const PendingEntry& entry) {
    if (entry.consumer == consumer) pending.push_back(id);
    return true;
  });
  for (const StreamId id : pending) acknowledge(id);
  stream_.parts().remove(group_part_name(StreamPart::kConsumer, name_, consumer));
  return pending.size();
}

// Entries of other nodes may have come since it was last looked for them; this node's own ids rise. Where another
// node looked, this is always so: its cursor is an event of its own.
bool StreamGroupChange::may_have_late(const GroupState& state) const {
  if (state.reaches.empty()) return false;
  if (state.reaches.size() > 1) return true;
  const StreamReach& reach = state.reaches.front();
  const std::optional<VersionVector> seen = stream_.parts().seen();
  if (!reach.seen.has_value() || !seen.has_value()) return false;
  const ActorId own = stream_.parts().actor();
  const std::span<const VersionVector::Entry> entries = seen->entries();
  return std::any_of(entries.begin(), entries.end(), [&](const VersionVector::Entry& entry) {
    return entry.actor != own && entry.stamp > reach.seen->stamp_of(entry.actor);
  });
}

std::vector<StreamId> StreamGroupChange::find_new(const GroupState& state, uint64_t most,
                                                  bool* looked_at_all) const {
  const StreamView stream = stream_.view();
  *looked_at_all = may_have_late(state);
  const std::optional<StreamId> from = next_of(*looked_at_all ? state.group.first : state.last());
  std::vector<StreamId> found;
  if (!from.has_value()) return found;
  const uint64_t before = stream.count_below(*from);
  const uint64_t left = stream.size() - before;
  if (left == 0) return found;
  const OrderIndex& order = stream.parts().order();
  order.walk(before, left, [&](const Entry& entry) {
    const StreamId id = id_in(entry.key());
    if (!*looked_at_all || !state.given(id, stream_.parts().dot_of(entry))) found.push_back(id);
    return found.size() < most;
  });
  return found;
}

// As Redis counts: on from what was known, unless something between was removed.
void StreamGroupChange::count_given(StreamId id, GroupState* state) const {
  const StreamView stream = stream_.view();
  if (state->entries_read != kUnknownCount && !has_gaps_behind(stream.totals(), stream.size(), id)) {
    state->entries_read = counted_on(state->entries_read, 1);
  } else {
    state->entries_read = count_up_to(stream, id);
  }
}

std::vector<StreamId> StreamGroupChange::give(uint64_t most) {
  std::optional<GroupState> state = view().state();
  bool looked_at_all = false;
  std::vector<StreamId> found = find_new(*state, most, &looked_at_all);
  // No event for nothing: it would have another node look again, and that one this.
  if (found.empty() && (!looked_at_all || state->reaches.size() == 1)) return found;
  const StreamId last = state->last();
  for (const StreamId id : found) {
    if (id > last) count_given(id, &*state);
  }
  // Short of the most all were looked at, and the others' reaches are no news any more.
  StreamId reached = found.empty() ? last : found.back();
  if (found.size() < most) reached = std::max(reached, last);
  std::erase_if(state->reaches, [&](const StreamReach& reach) { return reach.id <= reached; });
  state->reaches.push_back({reached, stream_.parts().seen()});
  put_cursor(*state);
  return found;
}

void StreamGroupChange::advance(StreamId id) {
  std::optional<GroupState> state = view().state();
  if (id <= state->last()) return;
  state->reaches = {{id, stream_.parts().seen()}};
  put_cursor(*state);
}

// This node's says all that there is to say, so the others' can go.
void StreamGroupChange::put_cursor(const GroupState& state) {
  OpenCollection& parts = stream_.parts();
  const std::string name = group_part_name(StreamPart::kCursor, name_, actor_bytes(parts.actor()));
  parts.put(name, encode(StreamCursor{state.group.epoch, state.entries_read, state.reaches}));
  std::vector<std::string> others;
  view().walk(StreamPart::kCursor, {}, [&](const Entry& entry) {
    if (entry.key() != name) others.emplace_back(entry.key());
    return true;
  });
  for (const std::string& other : others) parts.remove(other);
}

void StreamGroupChange::put_pending(StreamId id, const PendingEntry& pending) {
  stream_.parts().put(group_part_name(StreamPart::kPending, name_, id_bytes(id)), encode(pending));
}

bool StreamGroupChange::acknowledge(StreamId id) {
  return stream_.parts().remove(group_part_name(StreamPart::kPending, name_, id_bytes(id)));
}

StreamId StreamGroupChange::given_up_to() const {
  const std::optional<GroupState> state = view().state();
  const StreamId last = state->last();
  if (!may_have_late(*state)) return last;
  bool looked_at_all = false;
  const std::vector<StreamId> found = find_new(*state, 1, &looked_at_all);
  return !found.empty() && found.front() <= last ? *previous_of(found.front()) : last;
}

void StreamGroupChange::go_on_from(StreamId id) {
  GroupState state = *view().state();
  state.reaches = {{id, std::nullopt}};
  put_cursor(state);
}

std::vector<GroupPlace> group_places(Stream& stream) {
  std::vector<GroupPlace> places;
  if (!stream.parts().seen().has_value()) return places;
  walk_groups(stream.view(), [&](std::string_view name) {
    places.push_back({std::string(name), {}});
    return true;
  });
  for (GroupPlace& place : places) place.given_up_to = StreamGroupChange(stream, place.name).given_up_to();
  return places;
}

void set_group_places(Stream& copy, std::span<const GroupPlace> places) {
  for (const auto& [name, given_up_to] : places) StreamGroupChange(copy, name).go_on_from(given_up_to);
}

}  // namespace starling::engine
