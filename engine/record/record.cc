#include "engine/record/record.h"

#include <algorithm>

#include "engine/base/assert.h"
#include "engine/record/counter.h"
#include "engine/record/double_sum.h"
#include "engine/record/join.h"
#include "engine/record/list_position.h"
#include "engine/record/score.h"
#include "engine/record/stream_part.h"

namespace starling::engine {
namespace {

const ElementOrder::View kString = {ElementKind::kValue, ""};
const ElementOrder::View kDeadline = {ElementKind::kDeadline, ""};

ElementOrder::View first_of(ElementKind kind) {
  return {kind, ""};
}

// The first element of the next kind.
Elements::const_iterator next_kind(const Elements& elements, Elements::const_iterator place) {
  return elements.lower_bound(
      first_of(static_cast<ElementKind>(static_cast<uint8_t>(place->first.kind) + 1)));
}

// Whether the element stands for its data type at all.
bool counts(const ElementId& id, const Siblings& siblings, int64_t now_ms) {
  if (id.kind == ElementKind::kDeadline) return false;
  return id.kind != ElementKind::kValue || siblings.back().live(now_ms);
}

}  // namespace

Siblings merge_siblings(const Siblings& mine, const VersionVector& my_context, const Siblings& theirs,
                        const VersionVector& their_context) {
  Siblings merged;
  auto a = mine.begin();
  auto b = theirs.begin();
  while (a != mine.end() || b != theirs.end()) {
    if (b == theirs.end() || (a != mine.end() && a->dot < b->dot)) {
      if (!their_context.covers(a->dot)) merged.push_back(*a);
      ++a;
    } else if (a == mine.end() || b->dot < a->dot) {
      if (!my_context.covers(b->dot)) merged.push_back(*b);
      ++b;
    } else {
      // One event has one outcome. Should a fault have made two, all nodes still choose the same.
      merged.push_back(std::max(*a, *b));
      ++a;
      ++b;
    }
  }
  return merged;
}

Type Record::type(int64_t now_ms) const {
  // Nearly always there is one candidate, found without a look at each element.
  Type type = Type::kNone;
  bool several = false;
  for (auto place = elements_.begin(); place != elements_.end(); place = next_kind(elements_, place)) {
    if (!counts(place->first, place->second, now_ms)) continue;
    several |= type != Type::kNone && type != type_of(place->first.kind);
    type = type_of(place->first.kind);
  }
  if (several) {
    Dot greatest;
    for (const auto& [id, siblings] : elements_) {
      if (!counts(id, siblings, now_ms) || siblings.back().dot < greatest) continue;
      greatest = siblings.back().dot;
      type = type_of(id.kind);
    }
  }
  if (type == Type::kNone || type == Type::kString) return type;
  const Sibling* deadline = winner(ElementKind::kDeadline, "");
  return deadline == nullptr || deadline->live(now_ms) ? type : Type::kNone;
}

const Sibling* Record::winner(ElementKind kind, std::string_view name) const {
  const auto place = elements_.find(ElementOrder::View{kind, name});
  return place == elements_.end() ? nullptr : &place->second.back();
}

std::optional<std::string> Record::string(int64_t now_ms) const {
  if (type(now_ms) != Type::kString) return std::nullopt;
  return shown_value(elements_.find(kString)->second);
}

int64_t Record::deadline_ms(int64_t now_ms) const {
  const Type shown = type(now_ms);
  if (shown == Type::kNone) return 0;
  const auto place = elements_.find(shown == Type::kString ? kString : kDeadline);
  return place == elements_.end() ? 0 : place->second.back().deadline_ms;
}

Siblings Record::live_values(int64_t now_ms) const {
  const auto place = elements_.find(kString);
  if (place == elements_.end()) return {};
  Siblings live = shown_siblings(place->second);
  std::erase_if(live, [now_ms](const Sibling& sibling) { return !sibling.live(now_ms); });
  return live;
}

bool Record::vacant() const {
  return std::all_of(elements_.begin(), elements_.end(), [](const auto& element) {
    if (element.first.kind == ElementKind::kDeadline) return true;
    return std::all_of(element.second.begin(), element.second.end(),
                       [](const auto& s) { return s.tombstone; });
  });
}

void Record::merge(const Record& other) {
  static const Siblings kNothing;
  const ElementOrder less;
  auto mine = elements_.begin();
  auto theirs = other.elements_.begin();
  while (mine != elements_.end() || theirs != other.elements_.end()) {
    if (theirs == other.elements_.end() || (mine != elements_.end() && less(mine->first, theirs->first))) {
      mine->second = merge_siblings(mine->second, context_, kNothing, other.context_);
      mine = mine->second.empty() ? elements_.erase(mine) : std::next(mine);
    } else if (mine == elements_.end() || less(theirs->first, mine->first)) {
      Siblings merged = merge_siblings(kNothing, context_, theirs->second, other.context_);
      if (!merged.empty()) elements_.emplace_hint(mine, theirs->first, std::move(merged));
      ++theirs;
    } else {
      mine->second = merge_siblings(mine->second, context_, theirs->second, other.context_);
      mine = mine->second.empty() ? elements_.erase(mine) : std::next(mine);
      ++theirs;
    }
  }
  context_.join(other.context_);
}

void Record::prune_context(size_t cap) {
  if (context_.size() <= cap) return;
  std::vector<ActorId> keep;
  for (const auto& [id, siblings] : elements_) {
    for (const Sibling& sibling : siblings) {
      if (std::find(keep.begin(), keep.end(), sibling.dot.actor) == keep.end())
        keep.push_back(sibling.dot.actor);
    }
  }
  context_.prune(cap, keep);
}

bool suits(ElementKind kind, std::string_view name) {
  if (kind == ElementKind::kListItem) return is_position(name);
  if (kind == ElementKind::kStreamPart) return is_stream_part(name);
  return is_stored_apart(kind) || name.empty();
}

bool suits(ElementKind kind, std::string_view name, std::string_view value) {
  if (!suits(kind, name)) return false;
  if (kind == ElementKind::kScoredMember) return is_score(value);
  if (kind == ElementKind::kStreamPart) return is_stream_part_value(name, value);
  return kind != ElementKind::kMember || value.empty();
}

bool well_formed(ElementKind kind, std::string_view name, const Siblings& siblings) {
  if (!suits(kind, name) || !well_formed(kind, siblings)) return false;
  return kind != ElementKind::kStreamPart ||
         std::all_of(siblings.begin(), siblings.end(),
                     [&](const Sibling& sibling) { return is_stream_part_value(name, sibling.value); });
}

namespace {

bool can_join(ElementKind kind, const Sibling& sibling) {
  if (sibling.join == Join::kSum) {
    Contribution contribution;
    return (kind == ElementKind::kValue || kind == ElementKind::kField) &&
           decode_contribution(sibling.value, &contribution);
  }
  DoubleContribution contribution;
  return kind == ElementKind::kScoredMember &&
         (sibling.join != Join::kDoubleSum || decode_double_contribution(sibling.value, &contribution));
}

}  // namespace

bool well_formed(ElementKind kind, const Siblings& siblings) {
  if (siblings.empty()) return false;
  const Sibling* previous = nullptr;
  for (const Sibling& sibling : siblings) {
    if (sibling.dot.actor == 0 || sibling.dot.stamp == 0 || sibling.deadline_ms < 0) return false;
    if (previous != nullptr && !(previous->dot < sibling.dot)) return false;
    if (sibling.tombstone) {
      if (kind != ElementKind::kValue || !sibling.value.empty()) return false;
    }
    if (sibling.join != Join::kLatest && (sibling.tombstone || !can_join(kind, sibling))) return false;
    if (kind == ElementKind::kDeadline && (sibling.deadline_ms == 0 || !sibling.value.empty())) return false;
    if (kind == ElementKind::kMember && !sibling.value.empty()) return false;
    if (kind == ElementKind::kScoredMember && sibling.join != Join::kDoubleSum && !is_score(sibling.value))
      return false;
    previous = &sibling;
  }
  return true;
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): it is moved into the map.
bool RecordAssembly::add(ElementKind kind, std::string_view name, Siblings siblings) {
  if (!well_formed(kind, name, siblings)) return false;
  for (const Sibling& sibling : siblings) {
    if (!record_.context_.covers(sibling.dot)) return false;
  }
  return record_.elements_.try_emplace(ElementId{kind, std::string(name)}, std::move(siblings)).second;
}

}  // namespace starling::engine
