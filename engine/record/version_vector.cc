#include "engine/record/version_vector.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/base/assert.h"

namespace starling::engine {
namespace {

bool by_actor(const VersionVector::Entry& entry, ActorId actor) {
  return entry.actor < actor;
}

}  // namespace

VersionVector::VersionVector(std::initializer_list<Dot> dots) {
  for (const Dot& dot : dots) add(dot);
}

Stamp VersionVector::stamp_of(ActorId actor) const {
  const auto place = std::lower_bound(entries_.begin(), entries_.end(), actor, by_actor);
  return place != entries_.end() && place->actor == actor ? place->stamp : floor();
}

bool VersionVector::covers(const VersionVector& other) const {
  return covers(other, 0);
}

bool VersionVector::covers(const VersionVector& other, Stamp settled) const {
  const Stamp least = std::max(settled, floor());
  auto mine = entries_.begin();
  for (const Entry& theirs : other.entries_) {
    if (theirs.stamp <= least) continue;
    while (mine != entries_.end() && mine->actor < theirs.actor) ++mine;
    if (mine == entries_.end() || mine->actor != theirs.actor || mine->stamp < theirs.stamp) return false;
  }
  return true;
}

void VersionVector::raise_floor(Stamp stamp) {
  if (stamp <= floor()) return;
  std::erase_if(entries_, [stamp](const Entry& entry) { return entry.stamp <= stamp; });
  entries_.insert(entries_.begin(), {0, stamp});
}

Stamp VersionVector::greatest_stamp() const {
  Stamp greatest = 0;
  for (const Entry& entry : entries_) greatest = std::max(greatest, entry.stamp);
  return greatest;
}

Order VersionVector::compare(const VersionVector& other) const {
  const bool covers_other = covers(other);
  const bool covered = other.covers(*this);
  if (covers_other && covered) return Order::kEqual;
  if (covered) return Order::kBefore;
  return covers_other ? Order::kAfter : Order::kConcurrent;
}

void VersionVector::add(const Dot& dot) {
  STARLING_ASSERT(dot.actor != 0 && dot.stamp != 0);
  if (dot.stamp <= floor()) return;
  const auto place = std::lower_bound(entries_.begin(), entries_.end(), dot.actor, by_actor);
  if (place != entries_.end() && place->actor == dot.actor) {
    place->stamp = std::max(place->stamp, dot.stamp);
  } else {
    entries_.insert(place, {dot.actor, dot.stamp});
  }
}

void VersionVector::join(const VersionVector& other) {
  if (covers(other)) return;
  decltype(entries_) joined;
  joined.reserve(entries_.size() + other.entries_.size());
  auto mine = entries_.begin();
  auto theirs = other.entries_.begin();
  while (mine != entries_.end() && theirs != other.entries_.end()) {
    if (mine->actor == theirs->actor) {
      joined.push_back({mine->actor, std::max(mine->stamp, theirs->stamp)});
      ++mine;
      ++theirs;
    } else {
      joined.push_back(mine->actor < theirs->actor ? *mine++ : *theirs++);
    }
  }
  joined.insert(joined.end(), mine, entries_.end());
  joined.insert(joined.end(), theirs, other.entries_.end());
  entries_ = std::move(joined);
  const Stamp least = floor();
  if (least == 0) return;
  std::erase_if(entries_, [least](const Entry& e) { return e.actor != 0 && e.stamp <= least; });
}

void VersionVector::prune(size_t cap, std::span<const ActorId> keep) {
  if (entries_.size() <= cap) return;
  std::vector<Dot> candidates;
  for (const Entry& entry : entries_) {
    if (entry.actor != 0 && std::find(keep.begin(), keep.end(), entry.actor) == keep.end()) {
      candidates.push_back({entry.stamp, entry.actor});
    }
  }
  std::sort(candidates.begin(), candidates.end());
  candidates.resize(std::min(candidates.size(), entries_.size() - cap));
  const auto dropped = [&](const Entry& entry) {
    return std::binary_search(candidates.begin(), candidates.end(), Dot{entry.stamp, entry.actor});
  };
  entries_.erase(std::remove_if(entries_.begin(), entries_.end(), dropped), entries_.end());
}

}  // namespace starling::engine
