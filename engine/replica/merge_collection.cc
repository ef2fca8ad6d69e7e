// Collections with a history: what their changes do to it, and merging deltas element by element. See
// operation.h and history.h.
#include <algorithm>
#include <charconv>
#include <utility>

#include "engine/base/assert.h"
#include "engine/core/change_capture.h"
#include "engine/core/core.h"
#include "engine/core/mutation.h"
#include "engine/core/operation.h"
#include "engine/core/rows.h"
#include "engine/memory/collection.h"
#include "engine/memory/counter_form.h"
#include "engine/memory/record_form.h"
#include "engine/record/record_delta.h"

namespace starling::engine {

// Before an element changes by an event of this operation's actor.
void OpenCollection::begin_replicated_change(std::string_view name) {
  if (operation_->captured_ != nullptr) {
    ChangeCapture capture(*operation_->captured_);
    const uint32_t change = capture.part(index_, key_, *entry_, operation_->core_.keyspace.actors);
    capture.element(change, element_kind_of(collection_->type()), name);
  }
  if (collection_->history() != nullptr) return put_away_hidden();
  if (entry_->actor() == operation_->actor_index()) return;
  Partition& partition = tables_->partition(key_);
  Database(*operation_, index_).make_history(partition, partition.table.find(key_.hash, key_.name), key_);
}

// A change of an element supersedes whatever of other types the key does not show.
void OpenCollection::put_away_hidden() {
  History& history = *collection_->history();
  const ElementKind kind = element_kind_of(collection_->type());
  if (!history.has_foreign(kind)) return;
  EngineCore& core = operation_->core_;
  if (operation_->captured_ != nullptr) ChangeCapture(*operation_->captured_).whole(index_, key_);
  Partition& partition = tables_->partition(key_);
  const Table::Slot slot = partition.table.find(key_.hash, key_.name);
  const auto before = static_cast<int64_t>(history.memory_bytes());
  save_before_removal(core, *tables_, partition, slot, key_);
  if (history.drop_foreign(kind) && core.durable()) {
    // Their rows go with all rows of elements; the ones that stay are written once more.
    entry_->set_flag(Entry::kPurge);
    collection_->set_purged_in(0);
    collection_->mark_all(core.current_tag);
  }
  account(static_cast<int64_t>(history.memory_bytes()) - before);
}

// The event that changed the element joins the record's context; entry_ still has the dot before it.
void OpenCollection::join_event(Stamp stamp, std::string_view name) {
  History* history = collection_->history();
  if (history == nullptr) return;  // One actor's: the entry's dot will be all of the context.
  history->context().add({stamp, operation_->actor()});
  history->drop(element_kind_of(collection_->type()), name);
}

// Whether merge() can do it: the collection stays what it is, and shows.
bool OpenCollection::can_merge(const Delta& delta) const {
  const ElementKind kind = element_kind_of(collection_->type());
  if (!delta.supersedes.empty() || delta.touched.size() >= collection_->size()) return false;
  const History* history = collection_->history();
  if (history != nullptr && history->has_foreign(kind)) return false;
  return std::all_of(delta.touched.begin(), delta.touched.end(), [&](const auto& touched) {
    return touched.first.kind == kind || touched.first.kind == ElementKind::kDeadline;
  });
}

// Whether entries without a history can hold what the delta of their only actor puts.
bool OpenCollection::fits_entries(const Delta& delta) const {
  ActorTable& actors = operation_->core_.keyspace.actors;
  return std::all_of(delta.touched.begin(), delta.touched.end(), [&](const auto& touched) {
    const Siblings& siblings = touched.second;
    return siblings.size() <= 1 &&
           (siblings.empty() || !siblings[0].counter || counter_value(actors, contribution_of(siblings[0])));
  });
}

// Precondition: can_merge(), and the record's context covers what the delta builds on.
void OpenCollection::merge(const Delta& delta) {
  const ActorTable& actors = operation_->core_.keyspace.actors;
  prepare_header();
  const auto& after = delta.after.entries();
  const bool simple = collection_->history() == nullptr && after.size() == 1 &&
                      after[0].actor == actors.id_of(entry_->actor()) && fits_entries(delta);
  if (!simple) {
    Partition& partition = tables_->partition(key_);
    Database(*operation_, index_).make_history(partition, partition.table.find(key_.hash, key_.name), key_);
  }
  const VersionVector mine = context_of(actors, entry_);
  for (const auto& [id, siblings] : delta.touched) {
    if (id.kind == ElementKind::kDeadline) {
      merge_deadline(siblings, mine, delta.after);
    } else {
      merge_element(id.name, siblings, mine, delta.after);
    }
  }
  if (simple) {
    entry_->set_stamp(std::max(entry_->stamp(), after[0].stamp));
    return tally_after(operation_->core_, index_, key_, *entry_);
  }
  History& history = *collection_->history();
  const auto before = static_cast<int64_t>(history.memory_bytes());
  history.context().join(delta.after);
  account(static_cast<int64_t>(history.memory_bytes()) - before);
  for (const auto& [actor, stamp] : after) entry_->set_stamp(std::max(entry_->stamp(), stamp));
  tally_after(operation_->core_, index_, key_, *entry_);
}

void OpenCollection::merge_element(std::string_view name, const Siblings& theirs,
                                   const VersionVector& my_context, const VersionVector& their_context) {
  EngineCore& core = operation_->core_;
  const uint64_t hash = hash_of(name);
  const Table::Slot slot = collection_->elements().find(hash, name);
  const Siblings mine = siblings_in(slot);
  Siblings merged = merge_siblings(mine, my_context, theirs, their_context);
  if (merged == mine) return;
  if (slot != Table::kNotFound) {
    save_element_before_change(core, *tables_, tables_->partition(key_), *collection_, slot, key_);
  }
  const auto before = static_cast<int64_t>(collection_->memory_bytes());
  if (!merged.empty()) {
    store_siblings(slot, hash, name, std::move(merged));
  } else {
    Entry::destroy(
        collection_->take(slot, entry_->stamp(), operation_->actor_index(), operation_->dirty_tag()));
    if (History* history = collection_->history()) history->drop(element_kind_of(collection_->type()), name);
  }
  account(static_cast<int64_t>(collection_->memory_bytes()) - before);
}

// What the element is from now on; its siblings that the entry does not say go to the history.
void OpenCollection::store_siblings(Table::Slot slot, uint64_t hash, std::string_view name,
                                    Siblings siblings) {
  ActorTable& actors = operation_->core_.keyspace.actors;
  ElementForm form = form_of(actors, std::move(siblings), true);
  Entry::Parts parts;
  parts.key = name;
  parts.value = form.value;
  parts.counter = form.counter;
  parts.type = collection_->type();
  parts.stamp = form.dot.stamp;
  parts.actor = actors.index_of(form.dot.actor);
  store_element(slot, hash, parts);
  if (History* history = collection_->history()) {
    history->hide(element_kind_of(collection_->type()), name, std::move(form.hidden));
  } else {
    STARLING_ASSERT(form.hidden.empty());
  }
}

// The element's siblings; none when it is not there.
Siblings OpenCollection::siblings_in(Table::Slot slot) const {
  const Table& elements = collection_->elements();
  if (slot == Table::kNotFound || elements.entry(slot)->tombstone()) return {};
  return siblings_of(operation_->core_.keyspace.actors, *collection_, *elements.entry(slot));
}

int64_t OpenCollection::add(std::string_view name, int64_t before, int64_t increment) {
  EngineCore& core = operation_->core_;
  std::optional<Sibling> own;
  if (core.options.replicated) {
    const Siblings siblings = siblings_in(collection_->elements().find(hash_of(name), name));
    own = contribution(siblings, true, {0, operation_->actor()}, increment);
  }
  if (!own.has_value()) {
    put(name, std::to_string(before + increment));
    return before + increment;
  }
  put_contribution(name, own->value);
  int64_t shown = 0;
  const std::string_view text = *collection_->find(name);
  std::from_chars(text.data(), text.data() + text.size(), shown);
  return shown;
}

// An increment of this operation's actor, done or replayed.
void OpenCollection::put_contribution(std::string_view name, std::string_view bytes) {
  EngineCore& core = operation_->core_;
  const uint64_t hash = hash_of(name);
  const Table& elements = collection_->elements();
  begin_change();
  begin_replicated_change(name);
  const Table::Slot slot = elements.find(hash, name);
  if (slot != Table::kNotFound) {
    save_element_before_change(core, *tables_, tables_->partition(key_), *collection_, slot, key_);
  }
  const auto memory_before = static_cast<int64_t>(collection_->memory_bytes());
  Siblings siblings = siblings_in(slot);
  const ActorIndex actor = operation_->actor_index();
  const Dot dot{operation_->next_stamp(), operation_->actor()};
  place_contribution({dot, std::string(bytes), 0, false, true}, &siblings);
  join_event(dot.stamp, name);
  store_siblings(slot, hash, name, std::move(siblings));
  entry_->set_stamp(dot.stamp);
  entry_->set_actor(actor);
  tally_after(core, index_, key_, *entry_);
  account(static_cast<int64_t>(collection_->memory_bytes()) - memory_before);
  Mutation mutation;
  mutation.kind = MutationKind::kPutContribution;
  mutation.key = name;
  mutation.value = bytes;
  mutation.stamp = dot.stamp;
  operation_->log(mutation);
  if (!operation_->replaying_) core.observer.modified(index_, key_.name);
}

void OpenCollection::merge_deadline(const Siblings& theirs, const VersionVector& my_context,
                                    const VersionVector& their_context) {
  const ActorTable& actors = operation_->core_.keyspace.actors;
  const Siblings mine = deadline_siblings(actors, *entry_);
  Siblings merged = merge_siblings(mine, my_context, theirs, their_context);
  if (merged == mine) return;
  Partition& partition = tables_->partition(key_);
  const Table::Slot slot = partition.table.find(key_.hash, key_.name);
  const int64_t deadline_ms = merged.empty() ? 0 : merged.back().deadline_ms;
  entry_ = Database(*operation_, index_).place_deadline(partition, slot, key_, deadline_ms);
  if (History* history = collection_->history()) {
    const auto before = static_cast<int64_t>(history->memory_bytes());
    history->hide(ElementKind::kDeadline, "", std::move(merged));
    account(static_cast<int64_t>(history->memory_bytes()) - before);
  } else {
    STARLING_ASSERT(merged.size() <= 1);
    collection_->set_deadline_stamp(merged.empty() ? 0 : merged.front().dot.stamp);
  }
}

}  // namespace starling::engine
