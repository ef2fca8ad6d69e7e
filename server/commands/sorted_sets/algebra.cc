#include "server/commands/sorted_sets/algebra.h"

#include <algorithm>
#include <cmath>

#include "absl/container/flat_hash_map.h"

namespace starling::server::sorted_sets {
namespace {

using engine::ScoredMember;

double or_zero(double score) {
  return std::isnan(score) ? 0 : score;
}

double weighted(const Source& source, double score) {
  return or_zero(source.weight * score);
}

double combined(Aggregate aggregate, double a, double b) {
  switch (aggregate) {
    case Aggregate::kMin:
      return std::min(a, b);
    case Aggregate::kMax:
      return std::max(a, b);
    case Aggregate::kSum:
      break;
  }
  return or_zero(a + b);
}

// The smallest first: what is not in there need not be looked for. Sums are taken in this order, as Redis does.
void order_by_size(std::vector<Source>* sources) {
  std::stable_sort(sources->begin(), sources->end(),
                   [](const Source& a, const Source& b) { return a.size() < b.size(); });
}

// Visits what all have, with its score, until the answer is false. Precondition: ordered by size.
void visit_intersection(const std::vector<Source>& sources, Aggregate aggregate,
                        absl::FunctionRef<bool(const ScoredMember&)> visit) {
  const Source& smallest = sources.front();
  smallest.walk([&](const ScoredMember& member) {
    double score = weighted(smallest, member.score);
    for (auto other = sources.begin() + 1; other != sources.end(); ++other) {
      const std::optional<double> theirs =
          other->same_as(smallest) ? member.score : other->score(member.member);
      if (!theirs.has_value()) return true;
      // A product that is not a number makes the sum 0, and is neither less nor more than any.
      score = combined(aggregate, score, other->weight * *theirs);
    }
    return visit({member.member, score});
  });
}

// Asks the others for each member of the first, the largest one first: it is likeliest to have it.
std::vector<ScoredMember> subtract_by_asking(const Source& first, std::vector<Source> others) {
  order_by_size(&others);
  std::vector<ScoredMember> left;
  first.walk([&](const ScoredMember& member) {
    const bool elsewhere = std::any_of(others.rbegin(), others.rend(), [&](const Source& other) {
      return other.score(member.member).has_value();
    });
    if (!elsewhere) left.push_back(member);
    return true;
  });
  return left;
}

// Takes the members of the others out of a copy of the first.
std::vector<ScoredMember> subtract_by_erasing(const Source& first, const std::vector<Source>& others) {
  absl::flat_hash_map<std::string_view, double> left;
  left.reserve(first.size());
  first.walk([&](const ScoredMember& member) {
    left.emplace(member.member, member.score);
    return true;
  });
  for (const Source& other : others) {
    other.walk([&](const ScoredMember& member) {
      left.erase(member.member);
      return !left.empty();
    });
  }
  std::vector<ScoredMember> members;
  members.reserve(left.size());
  for (const auto& [member, score] : left) members.push_back({member, score});
  return members;
}

}  // namespace

std::optional<double> Source::score(std::string_view member) const {
  if (members_ == nullptr) return std::nullopt;
  if (members_->type() == engine::Type::kSortedSet) return engine::SortedSetView(*members_).score(member);
  return members_->contains(member) ? std::optional<double>(1) : std::nullopt;
}

void Source::walk(absl::FunctionRef<bool(const ScoredMember&)> visit) const {
  constexpr uint64_t kScanStep = 256;
  if (size() == 0) return;
  if (members_->type() == engine::Type::kSortedSet) {
    return engine::SortedSetView(*members_).walk(0, size(), visit);
  }
  bool more = true;
  uint64_t cursor = 0;  // In steps, to stop when it is enough.
  do {
    cursor = members_->scan(cursor, kScanStep, [&](const engine::Collection::Element& element) {
      more = more && visit({element.name, 1});
    });
  } while (cursor != 0 && more);
}

std::vector<ScoredMember> unite(std::vector<Source> sources, Aggregate aggregate) {
  order_by_size(&sources);
  absl::flat_hash_map<std::string_view, double> scores;
  scores.reserve(sources.back().size());
  for (const Source& source : sources) {
    source.walk([&](const ScoredMember& member) {
      const double score = weighted(source, member.score);
      const auto [at, is_new] = scores.try_emplace(member.member, score);
      if (!is_new) at->second = combined(aggregate, at->second, score);
      return true;
    });
  }
  std::vector<ScoredMember> members;
  members.reserve(scores.size());
  for (const auto& [member, score] : scores) members.push_back({member, score});
  return members;
}

std::vector<ScoredMember> intersect(std::vector<Source> sources, Aggregate aggregate) {
  order_by_size(&sources);
  std::vector<ScoredMember> members;
  visit_intersection(sources, aggregate, [&](const ScoredMember& member) {
    members.push_back(member);
    return true;
  });
  return members;
}

std::vector<ScoredMember> subtract(const std::vector<Source>& sources) {
  const Source& first = sources.front();
  const std::vector<Source> others(sources.begin() + 1, sources.end());
  if (std::any_of(others.begin(), others.end(), [&](const Source& other) { return other.same_as(first); })) {
    return {};
  }
  // Asking costs at most a lookup for each member of the first and each source, and often stops early; erasing costs a
  // step for each member of all.
  uint64_t erasing = first.size();
  for (const Source& other : others) erasing += other.size();
  const uint64_t asking = first.size() * others.size();
  return asking / 2 <= erasing ? subtract_by_asking(first, others) : subtract_by_erasing(first, others);
}

uint64_t count_intersection(std::vector<Source> sources, uint64_t limit) {
  order_by_size(&sources);
  uint64_t count = 0;
  visit_intersection(sources, Aggregate::kSum, [&](const ScoredMember&) { return ++count < limit; });
  return count;
}

}  // namespace starling::server::sorted_sets
