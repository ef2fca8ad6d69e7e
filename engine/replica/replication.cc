#include "engine/replica/replication.h"

#include <algorithm>
#include <cstring>

#include "engine/change/record_change.h"
#include "engine/core/core.h"
#include "engine/core/entry_change.h"
#include "engine/core/mutation.h"
#include "engine/memory/counter_form.h"
#include "engine/memory/record_form.h"
#include "engine/memory/settled.h"
#include "engine/record/join.h"
#include "engine/record/record_delta.h"
#include "engine/replica/record_difference.h"

namespace starling::engine {

namespace {

// Of what is there, not of what was superseded; and the floor, which later events must be above.
Stamp greatest_live_stamp(const Record& record) {
  Stamp greatest = record.context().floor();
  for (const auto& [id, siblings] : record.elements())
    greatest = std::max(greatest, siblings.back().dot.stamp);
  return greatest;
}

// The same of what the delta adds to its base. A difference (record_difference.h) has none, so that its context
// tells of all that was ever superseded.
Stamp greatest_live_stamp(const Delta& delta) {
  Stamp greatest = delta.after.floor() > delta.base.floor() ? delta.after.floor() : 0;
  for (const auto& [id, siblings] : delta.touched) {
    for (const Sibling& sibling : siblings) {
      if (!delta.base.covers(sibling.dot)) greatest = std::max(greatest, sibling.dot.stamp);
    }
  }
  return greatest;
}

// A state that its own dot says all of: a string, a counter of one contribution, or a tombstone.
struct SimpleState {
  ActorId actor;
  Stamp stamp;
  int64_t deadline_ms = 0;
  std::string_view value;
  bool tombstone = false;
  bool counter = false;
  std::string counter_value;  // What `value` is then.
};

// What encode_header() makes of a tombstone without a history.
bool decode_simple_tombstone(std::string_view bytes, SimpleState* state) {
  constexpr size_t kBytes = 1 + 1 + 16 + 1 + 1 + 16 + 3;
  if (bytes.size() != kBytes || !has_form(bytes, Form::kHeader)) return false;
  const char* const p = bytes.data();
  const bool good = p[1] == 1 && p[18] == 1 && p[19] == 1 && p[36] == 0 && p[37] == 0 && p[38] == 0 &&
                    std::memcmp(p + 2, p + 20, 16) == 0;
  state->tombstone = true;
  return good && load_dot(p + 1, &state->actor, &state->stamp);
}

// One that an entry cannot hold without a history is not simple.
bool decode_counter_state(std::string_view bytes, ActorTable& actors, SimpleState* state) {
  Contribution contribution;
  std::string_view payload;
  if (!decode_simple_counter(bytes, &state->actor, &state->stamp, &state->deadline_ms, &payload) ||
      !decode_contribution(payload, &contribution)) {
    return false;
  }
  if (contribution.base.actor != 0 && !actors.take(contribution.base.actor)) return false;
  std::optional<std::string> value = counter_value(actors, contribution);
  if (!value.has_value()) return false;
  state->counter = true;
  state->counter_value = *std::move(value);
  state->value = state->counter_value;
  return true;
}

bool decode_simple_state(std::string_view bytes, ActorTable& actors, SimpleState* state) {
  return decode_simple_string(bytes, &state->actor, &state->stamp, &state->deadline_ms, &state->value) ||
         decode_simple_tombstone(bytes, state) || decode_counter_state(bytes, actors, state);
}

bool simple(const Entry* entry) {
  return entry == nullptr || !entry->has(Entry::kComplex);
}

bool hides_any(const Entry* entry) {
  return !simple(entry) && !entry->history()->hidden().empty();
}

// Whether what the actor does next to the record would claim to have seen something that is its own and still
// there. What a floor covers is not told from others' by the context.
bool has_events_of(ActorId actor, const VersionVector& context, const ActorTable& actors,
                   const Entry& entry) {
  for (const VersionVector::Entry& seen : context.entries()) {
    if (seen.actor == actor) return true;
  }
  if (context.floor() == 0) return false;
  const Record record = record_of(actors, &entry);
  for (const auto& [id, siblings] : record.elements()) {
    for (const Sibling& sibling : siblings) {
      if (sibling.dot.actor == actor) return true;
    }
  }
  return false;
}

}  // namespace

MergeOutcome Replica::merge_state(const Key& key, std::string_view bytes, Stamp* overruled) {
  if (overruled != nullptr) *overruled = 0;
  EngineCore& core = operation_.core_;
  Database database(operation_, database_);
  const int64_t now_ms = operation_.now_ms();
  Partition& partition = database.tables_->partition(key);
  const Stamp settled = core.keyspace.settled.of(key.partition);
  const Stamp their_settled = take_settled(&bytes);
  SimpleState state;
  if (decode_simple_state(bytes, core.keyspace.actors, &state)) {
    if (!core.hybrid_clock.try_observe(state.stamp, now_ms)) return MergeOutcome::kStampTooFarAhead;
    const Table::Slot slot = database.locate(partition, key);
    const Entry* old = slot == Table::kNotFound ? nullptr : partition.table.entry(slot);
    const bool never = old == nullptr || (old->stamp() == 0 && simple(old));
    // What was settled and is not here was superseded.
    if (never && state.stamp <= settled) return MergeOutcome::kUnchanged;
    // Of the same actor's the later one stands, unless it comes so late that it was settled without it.
    const bool in_time = never || state.stamp <= old->stamp() || state.stamp > settled;
    if (never || (in_time && simple(old) && core.keyspace.actors.id_of(old->actor()) == state.actor)) {
      if (!never && old->stamp() >= state.stamp) return MergeOutcome::kUnchanged;
      if (!core.keyspace.actors.take(state.actor)) return MergeOutcome::kTooManyActors;
      Entry::Parts parts;
      parts.value = state.value;
      parts.counter = state.counter;
      parts.type = state.tombstone ? Type::kNone : Type::kString;
      parts.stamp = state.stamp;
      parts.actor = core.keyspace.actors.index_of(state.actor);
      parts.deadline_ms = state.deadline_ms;
      RecordChange change(database, partition, slot, key);
      database.store_simple(change, parts, bytes);
      return MergeOutcome::kApplied;
    }
  }
  Record theirs;
  const bool absent = bytes.empty() && their_settled != 0;
  if (!absent && (!decode_record(bytes, &theirs).ok() || !supported(theirs))) return MergeOutcome::kCorrupt;
  // What was stamped too far ahead once, and superseded since, does no more harm.
  if (!core.hybrid_clock.try_observe(greatest_live_stamp(theirs), now_ms)) {
    return MergeOutcome::kStampTooFarAhead;
  }
  core.hybrid_clock.witness(theirs.context().greatest_stamp(), now_ms);
  const Table::Slot slot = database.locate(partition, key);
  const Entry* old = slot == Table::kNotFound ? nullptr : partition.table.entry(slot);
  const VersionVector mine = context_of(core.keyspace.actors, old);
  const Order order = compare_known({mine, settled}, {theirs.context(), their_settled});
  if (order == Order::kEqual || order == Order::kAfter) {
    // It may have come by another way before, and be hidden.
    if (overruled != nullptr && hides_any(old))
      *overruled = engine::overruling(record_of(core.keyspace.actors, old), theirs);
    return MergeOutcome::kUnchanged;
  }
  Record record = merge_known(record_of(core.keyspace.actors, old), settled, theirs, their_settled);
  if (overruled != nullptr) *overruled = engine::overruling(record, theirs);
  if (record.context() == mine) return MergeOutcome::kUnchanged;
  if (!take_actors(core.keyspace.actors, record)) return MergeOutcome::kTooManyActors;
  database.put_record(key, without_expired(std::move(record), now_ms), now_ms);
  return MergeOutcome::kApplied;
}

namespace {

// Whether a delta's elements are all such as this copy may take: none that was superseded here without a
// trace.
bool acceptable(const Delta& delta, const VersionVector& mine, Stamp settled) {
  for (const auto& [id, siblings] : delta.touched) {
    for (const Sibling& sibling : siblings) {
      if (sibling.dot.stamp <= settled && !mine.covers(sibling.dot)) return false;
    }
  }
  return true;
}

bool take_actors_of(ActorTable& actors, const Delta& delta) {
  return std::all_of(delta.touched.begin(), delta.touched.end(),
                     [&](const auto& touched) { return take_actors(actors, touched.second); });
}

}  // namespace

MergeOutcome Replica::merge_delta(const Key& key, std::string_view bytes, Stamp* overruled) {
  if (overruled != nullptr) *overruled = 0;
  EngineCore& core = operation_.core_;
  const int64_t now_ms = operation_.now_ms();
  const Stamp settled = core.keyspace.settled.of(key.partition);
  const Stamp their_settled = take_settled(&bytes);
  Delta delta;
  if (!decode_delta(bytes, &delta).ok()) return MergeOutcome::kCorrupt;
  for (const auto& [id, siblings] : delta.touched) {
    if (!supported(id.kind, siblings)) return MergeOutcome::kCorrupt;
  }
  if (!operation_.replaying_) {
    if (!core.hybrid_clock.try_observe(greatest_live_stamp(delta), now_ms))
      return MergeOutcome::kStampTooFarAhead;
    core.hybrid_clock.witness(delta.after.greatest_stamp(), now_ms);
  }
  Database database(operation_, database_);
  Partition& partition = database.tables_->partition(key);
  const Table::Slot slot = database.locate(partition, key);
  Entry* entry = slot == Table::kNotFound ? nullptr : partition.table.entry(slot);
  const VersionVector mine = context_of(core.keyspace.actors, entry);
  if (mine.covers(delta.after, settled)) {
    if (overruled != nullptr) *overruled = overruling(key, delta);
    return MergeOutcome::kUnchanged;
  }
  const bool stands_alone = delta.supersedes.covers(delta.base);
  if (!stands_alone && !mine.covers(delta.base, settled)) return MergeOutcome::kGap;
  // The author has settled more than this node: that may have taken what is here, of which the delta says
  // nothing.
  if (their_settled > settled && !delta.base.covers(mine)) return MergeOutcome::kGap;
  if (settled != 0 && !acceptable(delta, mine, settled)) return MergeOutcome::kGap;
  if (!take_actors_of(core.keyspace.actors, delta)) return MergeOutcome::kTooManyActors;
  if (entry != nullptr && is_collection(*entry)) {
    OpenCollection collection(database, key, entry);
    if (collection.can_merge(delta)) {
      Mutation mutation;
      mutation.kind = MutationKind::kMergeDelta;
      mutation.space = database.tables_->space;
      mutation.key = key.name;
      mutation.value = bytes;
      mutation.stamp = delta.after.greatest_stamp();
      mutation.now_ms = now_ms;
      collection.merge(delta, mutation);
      if (overruled != nullptr) *overruled = overruling(key, delta);
      return MergeOutcome::kApplied;
    }
  }
  Record record = record_of(core.keyspace.actors, entry);
  // What of it is not in the context was settled.
  if (!stands_alone) record.join_context(delta.base);
  if (apply_delta(delta, &record) != DeltaOutcome::kApplied) return MergeOutcome::kGap;
  if (!take_actors(core.keyspace.actors, record)) return MergeOutcome::kTooManyActors;
  database.put_record(key, without_expired(std::move(record), now_ms), now_ms);
  if (overruled != nullptr) *overruled = overruling(key, delta);
  return MergeOutcome::kApplied;
}

const Entry* Replica::entry_of(const Key& key) const {
  Database database(operation_, database_);
  const Table& table = database.tables_->partition(key).table;
  const Table::Slot slot = table.find(key.hash, key.name);
  const Entry* entry = slot == Table::kNotFound ? nullptr : table.entry(slot);
  return entry == nullptr || (entry->stamp() == 0 && simple(entry)) ? nullptr : entry;
}

const Entry* Replica::told_entry(const Key& key) const {
  const Entry* entry = entry_of(key);
  const EngineCore& core = operation_.core_;
  const Stamp settled = core.keyspace.settled.of(key.partition);
  if (entry == nullptr || ripe_stamp(core.keyspace.actors, *entry) > settled) return entry;
  const bool stamp_says_all = VersionVector().covers(context_of(core.keyspace.actors, entry), settled);
  return stamp_says_all ? nullptr : entry;
}

bool Replica::append_version(const Key& key, std::string* out) {
  const Entry* entry = told_entry(key);
  const Stamp settled = operation_.core_.keyspace.settled.of(key.partition);
  append_settled(settled, out);
  if (entry == nullptr) return settled != 0;
  encode_context(context_of(operation_.core_.keyspace.actors, entry), out);
  return true;
}

Stamp latest_stamp(std::string_view version) {
  VersionVector context;
  (void)take_settled(&version);
  if (version.empty() || !decode_context(version, kMaxContextEntries, &context).ok()) return 0;
  return context.greatest_stamp();
}

Status Replica::compare(const Key& key, std::string_view context, Order* order) {
  const Entry* entry = told_entry(key);
  const Stamp their_settled = take_settled(&context);
  VersionVector theirs;
  if (!context.empty()) {
    if (Status status = decode_context(context, kMaxContextEntries, &theirs); !status.ok()) return status;
  }
  const VersionVector mine = context_of(operation_.core_.keyspace.actors, entry);
  *order =
      compare_known({mine, operation_.core_.keyspace.settled.of(key.partition)}, {theirs, their_settled});
  return {};
}

bool Replica::append_state(const Key& key, std::string* out) {
  const Entry* entry = told_entry(key);
  const Stamp settled = operation_.core_.keyspace.settled.of(key.partition);
  append_settled(settled, out);
  if (entry == nullptr) return settled != 0;
  engine::append_state(operation_.core_.keyspace.actors, *entry, operation_.now_ms(), out);
  return true;
}

bool Replica::forget(const Key& key, std::string_view context) {
  const EngineCore& core = operation_.core_;
  const Entry* entry = entry_of(key);
  if (entry == nullptr) return true;
  const VersionVector mine = context_of(core.keyspace.actors, entry);
  std::string encoded;
  encode_context(mine, &encoded);
  (void)take_settled(&context);
  return encoded == context && forget(key);
}

bool Replica::forget(const Key& key) {
  EngineCore& core = operation_.core_;
  Database database(operation_, database_);
  Partition& partition = database.tables_->partition(key);
  const Entry* entry = entry_of(key);
  if (entry == nullptr) return false;
  if (core.hints.any(database.tables_->space, key)) return false;
  const VersionVector mine = context_of(core.keyspace.actors, entry);
  if (has_events_of(core.actor, mine, core.keyspace.actors, *entry)) return false;
  database.forget(partition, partition.table.find(key.hash, key.name), key);
  return true;
}

Versions Replica::versions(const Key& key) {
  Database database(operation_, database_);
  (void)database.find(key, Touch::kNo);
  Versions versions;
  const Entry* entry = entry_of(key);
  if (entry == nullptr) return versions;
  const Header header = header_of(operation_.core_.keyspace.actors, *entry);
  versions.context = header.record.context();
  versions.type = entry->type();
  const auto place = header.record.elements().find(ElementOrder::View{ElementKind::kValue, ""});
  if (place != header.record.elements().end()) versions.siblings = shown_siblings(place->second);
  return versions;
}

VclockOutcome Replica::set(const Key& key, const VersionVector& seen, std::string_view value,
                           int64_t deadline_ms, size_t max_siblings) {
  return write(key, seen, &value, deadline_ms, max_siblings);
}

VclockOutcome Replica::remove(const Key& key, const VersionVector& seen, size_t max_siblings) {
  return write(key, seen, nullptr, kNoDeadline, max_siblings);
}

VclockOutcome Replica::write(const Key& key, const VersionVector& seen, const std::string_view* value,
                             int64_t deadline_ms, size_t max_siblings) {
  EngineCore& core = operation_.core_;
  Database database(operation_, database_);
  const int64_t now_ms = operation_.now_ms();
  if (seen.stamp_of(core.actor) > core.hybrid_clock.last()) return VclockOutcome::kUnknownEvents;
  core.hybrid_clock.witness(seen.greatest_stamp(), now_ms);
  (void)database.find(key, Touch::kNo);  // What has expired goes first.
  Record record = record_of(core.keyspace.actors, entry_of(key));
  Change change(&record, {operation_.next_stamp(), core.actor}, now_ms);
  if (value != nullptr) {
    change.put_string(seen, *value, deadline_ms);
  } else {
    change.erase(seen);
  }
  (void)change.finish();
  const auto& elements = record.elements();
  const auto values = elements.find(ElementOrder::View{ElementKind::kValue, ""});
  if (shown_siblings(values->second).size() > max_siblings) {
    return VclockOutcome::kTooManySiblings;
  }
  database.put_record(key, without_expired(std::move(record), now_ms), now_ms, ChangeKind::kTold);
  return VclockOutcome::kApplied;
}

bool Replica::replay(const Key& key, const Mutation& mutation) {
  Database database(operation_, database_);
  Partition& partition = database.tables_->partition(key);
  const Table::Slot slot = partition.table.find(key.hash, key.name);
  if (mutation.kind == MutationKind::kMergeDelta) {
    const MergeOutcome outcome = merge_delta(key, mutation.value);
    return outcome == MergeOutcome::kApplied || outcome == MergeOutcome::kUnchanged;
  }
  if (mutation.kind == MutationKind::kLapse) {
    if (slot == Table::kNotFound || partition.table.entry(slot)->tombstone()) return true;
    database.lapse(partition, slot, key, mutation.now_ms);
    return true;
  }
  if (mutation.kind == MutationKind::kForget) {
    if (slot != Table::kNotFound) database.forget(partition, slot, key);
    return true;
  }
  Record record;
  if (!decode_record(mutation.value, &record).ok() || !supported(record)) return false;
  database.install(partition, slot, key, record, mutation.now_ms, nullptr);
  return true;
}

Incarnation incarnation(Engine& engine) {
  return {engine.core().actor, engine.core().hybrid_clock.last()};
}

uint32_t change_count(Engine& engine, uint16_t partition) {
  return engine.core().keyspace.changes.of(partition);
}

uint64_t version_position(int database, std::string_view key) {
  return static_cast<uint64_t>(database) << kHashBits | hash_of(key);
}

}  // namespace starling::engine
