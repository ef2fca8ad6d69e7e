#include "server/commands/sorted_sets/algebra.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <string>

#include "engine/base/seeded_random.h"
#include "tests/unit/engine/random_run.h"

namespace starling::server::sorted_sets {
namespace {

using engine::Collection;
using Scores = std::map<std::string, double>;

Scores of(const std::vector<engine::ScoredMember>& members) {
  Scores scores;
  for (const engine::ScoredMember& member : members) {
    CHECK(scores.emplace(std::string(member.member), member.score).second);
  }
  return scores;
}

std::unique_ptr<Collection> sorted_set(const Scores& scores) {
  engine::SortedSetMaker maker(scores.size());
  for (const auto& [member, score] : scores) maker.put(member, score);
  auto made = maker.take();
  made->put_in_order();
  return made;
}

std::unique_ptr<Collection> set(const Scores& scores) {
  auto made = std::make_unique<Collection>(engine::Type::kSet);
  for (const auto& [member, score] : scores) made->put(member, {});
  return made;
}

double aggregated(Aggregate aggregate, double a, double b) {
  return aggregate == Aggregate::kSum   ? a + b
         : aggregate == Aggregate::kMin ? std::min(a, b)
                                        : std::max(a, b);
}

TEST_CASE("random unions, intersections and differences are what a model says") {
  for (uint64_t seed = engine::first_seed(); seed < engine::first_seed() + engine::seed_count(200); ++seed) {
    CAPTURE(seed);
    engine::SeededRandom random(seed);
    std::vector<Scores> models;
    std::vector<std::unique_ptr<Collection>> made;
    std::vector<Source> sources;
    for (uint64_t i = 1 + random.below(4); i > 0; --i) {
      Scores scores;
      const bool plain = random.below(3) == 0;
      for (uint64_t n = random.below(random.below(5) == 0 ? 400 : 12); n > 0; --n) {
        scores["m" + std::to_string(random.below(n > 20 ? 500 : 14))] =
            plain ? 1 : static_cast<double>(random.below(20)) - 10;
      }
      // The same one may be there twice.
      const bool again = !made.empty() && random.below(6) == 0;
      if (!again) made.push_back(scores.empty() ? nullptr : plain ? set(scores) : sorted_set(scores));
      models.push_back(again ? models.back() : scores);
      sources.emplace_back(made.back().get());
      sources.back().weight = static_cast<double>(random.below(5)) - 2;
    }
    const auto aggregate = static_cast<Aggregate>(random.below(3));
    Scores united, intersected, left;
    for (size_t i = 0; i < models.size(); ++i) {
      for (const auto& [member, score] : models[i]) {
        const double weighted = score * sources[i].weight;
        const auto [at, is_new] = united.emplace(member, weighted);
        if (!is_new) at->second = aggregated(aggregate, at->second, weighted);
      }
    }
    for (const auto& [member, score] : united) {
      size_t having = 0;
      for (const Scores& scores : models) having += scores.count(member);
      if (having == models.size()) intersected[member] = score;
      if (having == 1 && models[0].contains(member)) left[member] = models[0][member];
    }
    CHECK(of(unite(sources, aggregate)) == united);
    CHECK(of(intersect(sources, aggregate)) == intersected);
    CHECK(of(subtract(sources)) == left);
    CHECK(count_intersection(sources, UINT64_MAX) == intersected.size());
    CHECK(count_intersection(sources, 3) == std::min<size_t>(3, intersected.size()));
  }
}

TEST_CASE("what is not a number counts as 0") {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto high = sorted_set({{"m", kInfinity}}), low = sorted_set({{"m", -kInfinity}});
  std::vector<Source> sources = {Source(high.get()), Source(low.get())};
  CHECK(of(unite(sources, Aggregate::kSum)) == Scores{{"m", 0}});
  CHECK(of(intersect(sources, Aggregate::kSum)) == Scores{{"m", 0}});
  sources[0].weight = 0;
  CHECK(of(unite(sources, Aggregate::kMax)) == Scores{{"m", 0}});
  CHECK(of(intersect(sources, Aggregate::kMin)) == Scores{{"m", -kInfinity}});
}

}  // namespace
}  // namespace starling::server::sorted_sets
