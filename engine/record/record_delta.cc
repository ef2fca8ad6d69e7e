#include "engine/record/record_delta.h"

#include <algorithm>
#include <utility>

#include "engine/base/assert.h"
#include "engine/record/counter.h"
#include "engine/record/double_sum.h"
#include "engine/record/join.h"
#include "engine/record/score.h"

namespace starling::engine {
namespace {

void drop_covered(const VersionVector& seen, Elements* elements) {
  for (auto place = elements->begin(); place != elements->end();) {
    std::erase_if(place->second, [&](const Sibling& sibling) { return seen.covers(sibling.dot); });
    place = place->second.empty() ? elements->erase(place) : std::next(place);
  }
}

}  // namespace

Change::Change(Record* record, const Dot& dot, int64_t now_ms) : record_(record), dot_(dot), now_ms_(now_ms) {
  STARLING_ASSERT(!record->context_.covers(dot));
  delta_.base = record->context_;
}

void Change::put_string(const VersionVector& seen, std::string_view value, int64_t deadline_ms) {
  replace_all(seen, {dot_, std::string(value), deadline_ms, false});
}

void Change::erase(const VersionVector& seen) {
  replace_all(seen, {dot_, "", 0, true});
}

void Change::replace_all(const VersionVector& seen, Sibling sibling) {
  STARLING_ASSERT(!seen.covers(dot_));
  drop_covered(seen, &record_->elements_);
  // A copy, as `seen` may be the record's own context.
  delta_.supersedes = seen;
  record_->context_.join(delta_.supersedes);
  // Siblings that stay come before the new one only if older, whatever their authors' clocks said.
  Siblings& siblings = record_->elements_[{ElementKind::kValue, ""}];
  siblings.insert(std::upper_bound(siblings.begin(), siblings.end(), sibling), std::move(sibling));
  delta_.touched[{ElementKind::kValue, ""}] = siblings;
}

void Change::put_element(ElementKind kind, std::string_view name, std::string_view value) {
  STARLING_ASSERT(kind != ElementKind::kValue && kind != ElementKind::kDeadline);
  put_away_hidden(type_of(kind));
  put(kind, name, {{dot_, std::string(value), 0, false}});
}

bool Change::add_to_string(int64_t increment) {
  return add(ElementKind::kValue, "", increment);
}

bool Change::add_to_field(std::string_view name, int64_t increment) {
  return add(ElementKind::kField, name, increment);
}

bool Change::add_to_member(std::string_view name, double increment) {
  Siblings siblings = seen_of(ElementKind::kScoredMember, name);
  std::optional<Sibling> own = double_contribution(siblings, dot_, increment);
  if (!own.has_value()) return false;
  put_away_hidden(Type::kSortedSet);
  place_contribution(*std::move(own), &siblings);
  put(ElementKind::kScoredMember, name, std::move(siblings));
  return true;
}

void Change::put_extreme(std::string_view name, double score, Join join) {
  put_away_hidden(Type::kSortedSet);
  put(ElementKind::kScoredMember, name, {{dot_, encode_score(score), 0, false, join}});
}

// A string's tombstone counts, as what a sum is added to; the elements of an absent collection do not.
Siblings Change::seen_of(ElementKind kind, std::string_view name) const {
  if (kind != ElementKind::kValue && record_->type(now_ms_) == Type::kNone) return {};
  const auto place = record_->elements_.find(ElementOrder::View{kind, name});
  return place == record_->elements_.end() ? Siblings() : place->second;
}

bool Change::add(ElementKind kind, std::string_view name, int64_t increment) {
  const bool absent = record_->type(now_ms_) == Type::kNone;
  Siblings siblings = seen_of(kind, name);
  std::optional<Sibling> own = contribution(siblings, !absent, dot_, increment);
  if (!own.has_value()) return false;
  put_away_hidden(type_of(kind));
  if (absent) siblings.clear();
  place_contribution(*std::move(own), &siblings);
  put(kind, name, std::move(siblings));
  return true;
}

void Change::remove_element(ElementKind kind, std::string_view name) {
  STARLING_ASSERT(kind != ElementKind::kValue && kind != ElementKind::kDeadline);
  put_away_hidden(type_of(kind));
  const auto place = record_->elements_.find(ElementOrder::View{kind, name});
  if (place != record_->elements_.end()) remove(place);
}

void Change::set_deadline(int64_t deadline_ms) {
  const Type type = record_->type(now_ms_);
  STARLING_ASSERT(type != Type::kNone);
  if (type == Type::kString) {
    const Siblings& seen = record_->elements_.find(ElementOrder::View{ElementKind::kValue, ""})->second;
    const bool own_counter = seen.size() == 1 && seen[0].counter() && seen[0].dot.actor == dot_.actor;
    Sibling sibling{dot_, own_counter ? seen[0].value : *record_->string(now_ms_), deadline_ms, false,
                    own_counter ? Join::kSum : Join::kLatest};
    put(ElementKind::kValue, "", {std::move(sibling)});
  } else if (deadline_ms != 0) {
    put(ElementKind::kDeadline, "", {{dot_, "", deadline_ms, false}});
  } else if (const auto place = record_->elements_.find(ElementOrder::View{ElementKind::kDeadline, ""});
             place != record_->elements_.end()) {
    remove(place);
  }
}

void Change::put_away_hidden(Type type) {
  const bool absent = record_->type(now_ms_) == Type::kNone;
  if (absent) delta_.supersedes = delta_.base;
  for (auto place = record_->elements_.begin(); place != record_->elements_.end();) {
    const ElementKind kind = place->first.kind;
    const bool of_type = kind == ElementKind::kDeadline ? type != Type::kString : type_of(kind) == type;
    const auto next = std::next(place);
    if (absent || !of_type) remove(place);
    place = next;
  }
}

void Change::put(ElementKind kind, std::string_view name, Siblings siblings) {
  ElementId id{kind, std::string(name)};
  delta_.touched[id] = siblings;
  record_->elements_[std::move(id)] = std::move(siblings);
}

void Change::remove(Elements::iterator place) {
  delta_.touched[place->first] = {};
  record_->elements_.erase(place);
}

Delta Change::finish() {
  record_->context_.add(dot_);
  delta_.after = record_->context_;
  return std::move(delta_);
}

DeltaOutcome apply_delta(const Delta& delta, Record* record) {
  static const Siblings kNothing;
  // An author who superseded all it knew has nothing left but what it touched: then there is nothing to miss.
  const bool stands_alone = delta.supersedes.covers(delta.base);
  if (!stands_alone && !record->context_.covers(delta.base)) return DeltaOutcome::kGap;
  drop_covered(delta.supersedes, &record->elements_);
  for (const auto& [id, siblings] : delta.touched) {
    const auto place = record->elements_.find(id);
    const Siblings& mine = place == record->elements_.end() ? kNothing : place->second;
    Siblings merged = merge_siblings(mine, record->context_, siblings, delta.after);
    if (!merged.empty()) {
      record->elements_[id] = std::move(merged);
    } else if (place != record->elements_.end()) {
      record->elements_.erase(place);
    }
  }
  record->context_.join(delta.after);
  return DeltaOutcome::kApplied;
}

}  // namespace starling::engine
