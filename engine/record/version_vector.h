// What somebody has seen: for each actor, all its events up to a stamp. A record's causal context, and what
// clients hand back to VCLOCK. See README.md, "Versions".
#pragma once

#include <cstddef>
#include <initializer_list>
#include <span>
#include <vector>

#include "engine/base/dot.h"

namespace starling::engine {

enum class Order { kEqual, kBefore, kAfter, kConcurrent };

class VersionVector {
 public:
  struct Entry {
    ActorId actor = 0;
    Stamp stamp = 0;

    bool operator==(const Entry&) const = default;
  };

  VersionVector() = default;
  VersionVector(std::initializer_list<Dot> dots);

  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  // Ascending by actor; no actor twice, no stamp 0. Actor 0, which is nobody, comes first if there: it is the
  // floor, and then no entry behind it has a stamp at or below its.
  std::span<const Entry> entries() const { return entries_; }

  // All events of all actors up to this stamp were seen, whoever they are; 0 if that cannot be said.
  Stamp floor() const {
    return !entries_.empty() && entries_.front().actor == 0 ? entries_.front().stamp : 0;
  }
  void raise_floor(Stamp stamp);
  // Of all entries, the floor included; 0 when there is none.
  Stamp greatest_stamp() const;

  // The last event of the actor that was seen, at least the floor; 0 if none.
  Stamp stamp_of(ActorId actor) const;
  bool covers(const Dot& dot) const { return stamp_of(dot.actor) >= dot.stamp; }
  bool covers(const VersionVector& other) const;
  // The same by somebody who has besides seen all events up to `settled`.
  bool covers(const VersionVector& other, Stamp settled) const;

  // *this relative to other: kBefore when other has seen all of this and more.
  Order compare(const VersionVector& other) const;
  bool operator==(const VersionVector&) const = default;

  // Adds all events of the actor up to this one. Precondition: neither actor nor stamp is 0.
  void add(const Dot& dot);
  // The least vector that covers both.
  void join(const VersionVector& other);

  // Drops the entries with the oldest stamps (of equal ones the smallest actor) until no more than `cap` are
  // left; those of the actors in `keep` stay in any case. Forgetting what was seen can make a superseded
  // sibling look concurrent again, never the other way round. Never on the repair path: there the peer would
  // give it back, endlessly.
  void prune(size_t cap, std::span<const ActorId> keep = {});

 private:
  std::vector<Entry> entries_;
};

}  // namespace starling::engine
