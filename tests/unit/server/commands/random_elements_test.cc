#include "server/commands/random_elements.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "engine/base/key.h"
#include "engine/base/seeded_random.h"
#include "engine/memory/entry.h"

namespace starling::server {
namespace {

void add_member(engine::Collection* set, std::string_view name) {
  engine::Entry::Parts parts;
  parts.key = name;
  parts.type = engine::Type::kSet;
  parts.flags = engine::Entry::kOnDisk;
  set->store(engine::Table::kNotFound, engine::hash_of(name), parts, 0);
}

// What a removed element leaves behind until the next checkpoint.
void add_tombstone(engine::Collection* set, std::string_view name) {
  add_member(set, name);
  engine::Entry::destroy(set->take(set->elements().find(engine::hash_of(name), name), 1, 0, 1));
}

void add_numbers(engine::Collection* set, int count) {
  for (int i = 0; i < count; ++i) add_member(set, std::to_string(i));
}

std::multiset<std::string> sample(const engine::Collection& set, uint64_t count, engine::Random& random) {
  std::multiset<std::string> names;
  sample_elements(set, count, random,
                  [&](const engine::Collection::Element& element) { names.emplace(element.name); });
  return names;
}

TEST_CASE("random elements: as many different ones as asked for, or all") {
  engine::SeededRandom random(1);
  for (const int size : {1, 2, 8, 9, 100}) {
    engine::Collection set(engine::Type::kSet);
    add_numbers(&set, size);
    for (uint64_t count = 0; count <= static_cast<uint64_t>(size) + 2; ++count) {
      const std::multiset<std::string> names = sample(set, count, random);
      CHECK(names.size() == std::min(count, static_cast<uint64_t>(size)));
      CHECK(std::set<std::string>(names.begin(), names.end()).size() == names.size());
    }
  }
}

// The chi-squared sum of how often each was seen.
double deviation(const std::map<std::string, int>& counts, double expected) {
  double sum = 0;
  for (const auto& [what, count] : counts) sum += (count - expected) * (count - expected) / expected;
  return sum;
}

TEST_CASE("random elements: all are as likely among many removed ones") {
  engine::SeededRandom random(3);
  for (const int live : {1, 5, 60}) {
    engine::Collection set(engine::Type::kSet);
    add_numbers(&set, live);
    for (int i = 0; i < 3000; ++i) add_tombstone(&set, "removed" + std::to_string(i));
    std::map<std::string, int> chosen;
    for (int i = 0; i < live * 200; ++i) ++chosen[std::string(set.random(random).name)];
    REQUIRE(chosen.size() == static_cast<size_t>(live));
    // Of 59 degrees of freedom; the probability of passing it is below 1e-6 and the seed is fixed.
    CHECK(deviation(chosen, 200) < 130);
  }
}

// A chi-squared sum over the pairs that can be chosen from five, or over the elements chosen from thirty.
TEST_CASE("random elements: every subset is as likely as any other") {
  engine::SeededRandom random(2);
  engine::Collection five(engine::Type::kSet), thirty(engine::Type::kSet);
  add_numbers(&five, 5);
  add_numbers(&thirty, 30);

  constexpr int kRounds = 30'000;
  std::map<std::string, int> pairs;
  std::map<std::string, int> chosen;
  for (int i = 0; i < kRounds; ++i) {
    const std::multiset<std::string> pair = sample(five, 2, random);
    ++pairs[*pair.begin() + *pair.rbegin()];
    for (const std::string& name : sample(thirty, 4, random)) ++chosen[name];
  }
  // The limits are passed with a probability below 1e-6; the seed is fixed.
  REQUIRE(pairs.size() == 10);
  CHECK(deviation(pairs, kRounds / 10.0) < 45);
  REQUIRE(chosen.size() == 30);
  CHECK(deviation(chosen, kRounds * 4 / 30.0) < 85);
}

}  // namespace
}  // namespace starling::server
