// Collections with a history: what their changes do to it, and merging deltas element by element. See
// operation.h and history.h.
#include <algorithm>
#include <charconv>
#include <utility>

#include "engine/base/assert.h"
#include "engine/change/record_change.h"
#include "engine/core/core.h"
#include "engine/core/mutation.h"
#include "engine/core/operation.h"
#include "engine/memory/collection.h"
#include "engine/memory/counter_form.h"
#include "engine/memory/record_form.h"
#include "engine/record/double_sum.h"
#include "engine/record/join.h"
#include "engine/record/record_delta.h"
#include "engine/record/score.h"

namespace starling::engine {

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
           (siblings.empty() || siblings[0].join == Join::kLatest ||
            (siblings[0].counter() && counter_value(actors, contribution_of(siblings[0]))));
  });
}

// Precondition: can_merge(), and the record's context covers what the delta builds on.
void OpenCollection::merge(const Delta& delta, const Mutation& mutation) {
  const ActorTable& actors = operation_->core_.keyspace.actors;
  CollectionChange change(*this);
  const auto& after = delta.after.entries();
  const bool simple = collection_->history() == nullptr && after.size() == 1 &&
                      after[0].actor == actors.id_of(entry_->actor()) && fits_entries(delta);
  if (!simple) change.need_history();
  const VersionVector mine = context_of(actors, entry_);
  for (const auto& [id, siblings] : delta.touched) {
    if (id.kind == ElementKind::kDeadline) {
      merge_deadline(change, siblings, mine, delta.after);
    } else {
      merge_element(change, id.name, siblings, mine, delta.after);
    }
  }
  if (History* history = collection_->history()) history->context().join(delta.after);
  for (const auto& [actor, stamp] : after) entry_->set_stamp(std::max(entry_->stamp(), stamp));
  change.finish(mutation);
}

void OpenCollection::merge_element(CollectionChange& change, std::string_view name, const Siblings& theirs,
                                   const VersionVector& my_context, const VersionVector& their_context) {
  const uint64_t hash = hash_of(name);
  const Table::Slot slot = collection_->elements().find(hash, name);
  const Siblings mine = siblings_in(slot);
  Siblings merged = merge_siblings(mine, my_context, theirs, their_context);
  if (merged == mine) return;
  change.save(slot);
  if (!merged.empty()) return store_siblings(slot, hash, name, std::move(merged));
  Entry::destroy(
      collection_->take(slot, entry_->stamp(), operation_->actor_index(), operation_->dirty_tag()));
  if (History* history = collection_->history()) history->drop(element_kind_of(collection_->type()), name);
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
  if (core.rules.contributions) {
    const Siblings siblings = siblings_in(collection_->elements().find(hash_of(name), name));
    own = contribution(siblings, true, {0, operation_->actor()}, increment);
  }
  if (!own.has_value()) {
    put(name, std::to_string(before + increment));
    return before + increment;
  }
  put_joining(name, own->join, own->value);
  int64_t shown = 0;
  const std::string_view text = *collection_->find(name);
  std::from_chars(text.data(), text.data() + text.size(), shown);
  return shown;
}

double OpenCollection::add_score(std::string_view name, double before, double increment) {
  std::optional<Sibling> own;
  if (operation_->core_.rules.contributions) {
    const Siblings siblings = siblings_in(collection_->elements().find(hash_of(name), name));
    own = double_contribution(siblings, {0, operation_->actor()}, increment);
  }
  if (own.has_value()) {
    put_joining(name, own->join, own->value);
  } else {
    put(name, encode_score(before + increment));
  }
  return score_in(*collection_->find(name));
}

void OpenCollection::put_extreme(std::string_view name, double score, Join join) {
  if (!operation_->core_.rules.contributions) return (void)put(name, encode_score(score));
  put_joining(name, join, encode_score(score));
}

// A value that joins with others (join.h), put by this operation's actor, done or replayed.
void OpenCollection::put_joining(std::string_view name, Join join, std::string_view bytes) {
  const uint64_t hash = hash_of(name);
  const ElementKind kind = element_kind_of(collection_->type());
  CollectionChange change(*this);
  change.open();
  change.begin_event(kind, name);
  // Of what joins, entries by themselves hold one contribution of integers and nothing else.
  if (join != Join::kSum) change.need_history();
  const Table::Slot slot = collection_->elements().find(hash, name);
  change.save(slot);
  Siblings siblings = siblings_in(slot);
  const Dot dot{change.event(kind, name), operation_->actor()};
  const Sibling own{dot, std::string(bytes), 0, false, join};
  if (join == Join::kSum || join == Join::kDoubleSum) {
    place_contribution(own, &siblings);
  } else {
    siblings = {own};
  }
  store_siblings(slot, hash, name, std::move(siblings));
  Mutation mutation;
  mutation.kind = join == Join::kSum ? MutationKind::kPutContribution : MutationKind::kPutJoining;
  mutation.join = join;
  mutation.key = name;
  mutation.value = bytes;
  mutation.stamp = dot.stamp;
  change.finish(mutation);
}

void OpenCollection::merge_deadline(CollectionChange& change, const Siblings& theirs,
                                    const VersionVector& my_context, const VersionVector& their_context) {
  const Siblings mine = deadline_siblings(operation_->core_.keyspace.actors, *entry_);
  Siblings merged = merge_siblings(mine, my_context, theirs, their_context);
  if (merged == mine) return;
  entry_ = change.set_deadline(merged.empty() ? kNoDeadline : merged.back().deadline_ms);
  if (History* history = collection_->history()) {
    history->hide(ElementKind::kDeadline, "", std::move(merged));
  } else {
    STARLING_ASSERT(merged.size() <= 1);
    collection_->set_deadline_stamp(merged.empty() ? 0 : merged.front().dot.stamp);
  }
}

}  // namespace starling::engine
