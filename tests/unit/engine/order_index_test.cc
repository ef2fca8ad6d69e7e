#include "engine/memory/order_index.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/seeded_random.h"
#include "engine/record/score.h"

namespace starling::engine {
namespace {

using By = OrderIndex::By;

Entry* make_entry(std::string_view name, double score) {
  const std::string value = encode_score(score);
  Entry::Parts parts;
  parts.key = name;
  parts.value = value;
  parts.type = Type::kSortedSet;
  return Entry::create(parts);
}

// An index beside the plain set that it must be like.
class Checked {
 public:
  explicit Checked(By by) : index_(by), model_(Order{by}) {}
  ~Checked() {
    for (Entry* entry : model_) Entry::destroy(entry);
  }

  bool add(std::string_view name, double score) {
    Entry* entry = make_entry(name, score);
    if (!model_.insert(entry).second) {
      Entry::destroy(entry);
      return false;
    }
    index_.insert(entry);
    return true;
  }

  void remove(uint64_t rank) {
    const auto at = std::next(model_.begin(), static_cast<ptrdiff_t>(rank));
    REQUIRE(index_.at(rank) == *at);
    index_.erase(*at);
    Entry::destroy(*at);
    model_.erase(at);
  }

  // As the packer does: when the index hears of it, the old place is gone already.
  void move(uint64_t rank) {
    const auto at = std::next(model_.begin(), static_cast<ptrdiff_t>(rank));
    Entry* old = *at;
    Entry* now = make_entry(old->key(), score_in(old->value()));
    model_.erase(at);
    model_.insert(now);
    Entry::destroy(old);
    index_.relocate(old, now);
  }

  void check() const {
    index_.check();
    REQUIRE(index_.size() == model_.size());
    uint64_t rank = 0;
    for (const Entry* entry : model_) {
      REQUIRE(index_.at(rank) == entry);
      REQUIRE(index_.rank_of(*entry) == rank);
      ++rank;
    }
  }

  uint64_t size() const { return model_.size(); }
  const OrderIndex& index() const { return index_; }

 private:
  struct Order {
    By by;
    bool operator()(const Entry* a, const Entry* b) const {
      const double mine = by == By::kScore ? score_in(a->value()) : 0;
      const double theirs = by == By::kScore ? score_in(b->value()) : 0;
      return std::pair(mine, a->key()) < std::pair(theirs, b->key());
    }
  };
  OrderIndex index_;
  std::set<Entry*, Order> model_;
};

TEST_CASE("an order index is a sorted set of entries, whatever comes and goes") {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    CAPTURE(seed);
    SeededRandom random(seed);
    Checked checked(seed % 2 == 0 ? By::kName : By::kScore);
    // Grows to thousands, shrinks to none, and so on: through all shapes of the tree.
    for (int phase = 0; phase < 6; ++phase) {
      const bool grows = phase % 2 == 0;
      for (int i = 0; i < 3000; ++i) {
        const uint64_t what = random.below(10);
        if (checked.size() == 0 || (what < (grows ? 8u : 1u))) {
          checked.add("name:" + std::to_string(random.below(100000)), static_cast<double>(random.below(50)));
        } else if (what == 9) {
          checked.move(random.below(checked.size()));
        } else {
          checked.remove(random.below(checked.size()));
        }
        if (i % 500 == 0) checked.check();
      }
      checked.check();
    }
  }
}

TEST_CASE("an order index is filled and emptied from either end") {
  for (const bool front_in : {false, true}) {
    for (const bool front_out : {false, true}) {
      Checked checked(By::kScore);
      for (int i = 0; i < 20000; ++i) REQUIRE(checked.add("m", front_in ? -i : i));
      checked.check();
      // Full leaves: eight bytes for each and a little.
      CHECK(checked.index().memory_bytes() < 20000 * 9);
      while (checked.size() > 5000) checked.remove(front_out ? 0 : checked.size() - 1);
      checked.check();
      CHECK(checked.index().memory_bytes() < 5000 * 10);
      while (checked.size() > 0) checked.remove(front_out ? 0 : checked.size() - 1);
      CHECK(checked.index().memory_bytes() == 0);
    }
  }
}

TEST_CASE(
    "few elements take little room in an order index, and those left of many no more than twice theirs") {
  Checked checked(By::kName);
  for (int i = 0; i < 4; ++i) checked.add(std::to_string(i), 0);
  CHECK(checked.index().memory_bytes() <= 64);
  SeededRandom random(1);
  for (int i = 0; i < 30000; ++i) checked.add(std::to_string(random.below(1u << 30)), 0);
  while (checked.size() > 3000) checked.remove(random.below(checked.size()));
  checked.check();
  CHECK(checked.index().memory_bytes() < 3000 * 40);
}

TEST_CASE("scores are ordered as numbers, zeros are equal, infinities are at the ends") {
  Checked checked(By::kScore);
  for (const double score : {1.5, -1.5, 0.0, HUGE_VAL, -HUGE_VAL, 1e300, -1e300, 5e-324})
    checked.add("a", score);
  CHECK_FALSE(checked.add("a", -0.0));
  CHECK(checked.add("b", -0.0));
  checked.check();
  const auto below = [&](double score) {
    return checked.index().count_while([&](const Entry& entry) { return score_in(entry.value()) < score; });
  };
  CHECK(below(-HUGE_VAL) == 0);
  CHECK(below(0) == 3);
  CHECK(below(HUGE_VAL) == 8);
}

TEST_CASE("a walk visits what is there from a rank on, either way, and ends when told") {
  Checked checked(By::kScore);
  for (int i = 0; i < 1000; ++i) checked.add("m", i);
  std::vector<double> seen;
  const auto note = [&](const Entry& entry) {
    seen.push_back(score_in(entry.value()));
    return seen.size() < 5;
  };
  checked.index().walk(62, 3, note);
  CHECK(seen == std::vector<double>{62, 63, 64});
  seen.clear();
  checked.index().walk_back(65, 3, note);
  CHECK(seen == std::vector<double>{65, 64, 63});
  seen.clear();
  checked.index().walk(0, 1000, note);
  CHECK(seen.size() == 5);
  seen.clear();
  checked.index().walk_back(0, 1, note);
  CHECK(seen == std::vector<double>{0});
}

}  // namespace
}  // namespace starling::engine
