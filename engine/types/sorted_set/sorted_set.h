// Sorted sets: members with scores, in the order of (score, member).
//
// A sorted set is a collection whose elements are the members, with their scores as values (score.h), and in that
// order (order_index.h). Members merge as a set's do; of scores that were set apart the later one shows, what was added
// apart is all in the sum, and ZADD with GT or LT keeps the highest or lowest (join.h). -0 is put as 0, which it is
// ordered like.
//
// Within an operation whose keys are locked, as Database is.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "engine/core/operation.h"

namespace starling::engine {

struct ScoredMember {
  std::string_view member;
  double score = 0;
};

// Looks at a sorted set. Valid until it changes. Ranks are from 0, by ascending score.
class SortedSetView {
 public:
  using Visit = absl::FunctionRef<bool(const ScoredMember&)>;  // False: enough.

  // Precondition: a collection of type kSortedSet.
  explicit SortedSetView(const Collection& members) : members_(members) {}

  uint64_t size() const { return members_.size(); }
  std::optional<double> score(std::string_view member) const;
  // Nothing when it is not there.
  std::optional<uint64_t> rank(std::string_view member) const;
  // Precondition: rank < size().
  ScoredMember at(uint64_t rank) const;
  // `count` members from rank `first` on, ascending. Precondition: there are so many.
  void walk(uint64_t first, uint64_t count, Visit visit) const;
  // The same, descending.
  void walk_back(uint64_t first, uint64_t count, Visit visit) const;

  // How many have scores below it; with `or_equal`, also those that have this score.
  uint64_t count_below(double score, bool or_equal) const;
  // The same of members by their bytes: means something where all have the same score.
  uint64_t count_before(std::string_view member, bool or_equal) const;

 private:
  const Collection& members_;
};

// A sorted set opened for change. Valid as OpenCollection is: not any more once the last member has gone.
class SortedSet {
 public:
  // Precondition: absent, which makes it (then something is put), or a sorted set.
  SortedSet(Database& database, const Key& key) : members_(database.open(key, Type::kSortedSet)) {}

  SortedSetView view() const { return SortedSetView(members_.view()); }
  std::optional<double> score(std::string_view member) const { return view().score(member); }
  // True when the member is new. Nothing happens where it has the score already. Precondition: not NaN.
  bool put(std::string_view member, double score);
  // Adds to the member's score, to 0 where there is none; returns the new one. What others add at the same time counts
  // too (double_sum.h). Precondition: the new score is a number.
  double add(std::string_view member, double increment);
  // As put(), with a score above (below) the one there is: the highest (lowest) of all that are put so at the same
  // time shows.
  bool put_above(std::string_view member, double score);
  bool put_below(std::string_view member, double score);
  // True when it was there. `member` may be a view of the element's own name.
  bool remove(std::string_view member) { return members_.remove(member); }
  // Removes `count` members from rank `first` on. Precondition: there are so many.
  void remove_range(uint64_t first, uint64_t count);

 private:
  OpenCollection members_;
};

// One that is made apart, for Database::put_collection().
class SortedSetMaker {
 public:
  explicit SortedSetMaker(uint64_t expected_members);
  // True when the member is new; otherwise it has this score now. Precondition: not NaN.
  bool put(std::string_view member, double score);
  uint64_t size() const { return members_->size(); }
  std::optional<double> score(std::string_view member) const {
    return SortedSetView(*members_).score(member);
  }
  std::unique_ptr<Collection> take() { return std::move(members_); }

 private:
  std::unique_ptr<Collection> members_;
};

}  // namespace starling::engine
