// Unions, intersections and differences of sorted sets. Sets may be among them: their members have score 1.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "engine/memory/collection.h"
#include "engine/types/sorted_set/sorted_set.h"

namespace starling::server::sorted_sets {

class Source {
 public:
  // Null stands for an absent key: nothing is in it. Else a set or a sorted set, which outlives this one.
  explicit Source(const engine::Collection* members) : members_(members) {}

  uint64_t size() const { return members_ == nullptr ? 0 : members_->size(); }
  bool same_as(const Source& other) const { return members_ != nullptr && members_ == other.members_; }
  // As the sorted set has it, without the weight.
  std::optional<double> score(std::string_view member) const;
  // Visits each member once, without the weight, until the answer is false.
  void walk(absl::FunctionRef<bool(const engine::ScoredMember&)> visit) const;

  double weight = 1;

 private:
  const engine::Collection* members_;
};

enum class Aggregate : uint8_t { kSum, kMin, kMax };

// What comes out, in no order. The names are the sources' own. A sum that is not a number is 0, and so is a product
// that comes first.
// Preconditions: there is at least one source.
std::vector<engine::ScoredMember> unite(std::vector<Source> sources, Aggregate aggregate);
std::vector<engine::ScoredMember> intersect(std::vector<Source> sources, Aggregate aggregate);
// What the first one has and none of the others.
std::vector<engine::ScoredMember> subtract(const std::vector<Source>& sources);
// How many intersect() would give, counted up to `limit`.
uint64_t count_intersection(std::vector<Source> sources, uint64_t limit);

}  // namespace starling::server::sorted_sets
