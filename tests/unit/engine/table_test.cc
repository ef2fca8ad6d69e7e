#include "engine/memory/table.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/seeded_random.h"

namespace starling::engine {
namespace {

Entry* make_entry(std::string_view name) {
  Entry::Parts parts;
  parts.key = name;
  parts.value = "v";
  parts.type = Type::kString;
  return Entry::create(parts);
}

void insert(Table& table, std::string_view name) {
  table.insert(hash_of(name), make_entry(name), 0);
}

void remove(Table& table, std::string_view name, Table::Slot* next = nullptr) {
  Entry::destroy(table.take(table.find(hash_of(name), name), next));
}

std::vector<std::string> numbers(int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back("name:" + std::to_string(i));
  return names;
}

std::vector<std::string> in_order_of_hash(std::vector<std::string> names) {
  std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
    return std::pair(hash_of(a), a) < std::pair(hash_of(b), b);
  });
  return names;
}

// Slots looked at and entries moved by filling a table with these names, for each of them.
double steps_to_fill(Table& table, const std::vector<std::string>& names) {
  uint64_t steps = 0;
  for (const std::string& name : names) {
    const size_t bytes = table.memory_bytes();
    const uint64_t hash = hash_of(name);
    const Table::Slot slot = table.insert(hash, make_entry(name), 0);
    const Table::Slot home = table.home_slot(hash);
    REQUIRE((slot >> 32) == (home >> 32));
    steps += slot - home + 1;
    // At most one segment, whose entries each went a way like this one's.
    if (table.memory_bytes() != bytes)
      steps += std::min(table.size(), TableSegment::kFullHomes) + slot - home;
  }
  return static_cast<double>(steps) / static_cast<double>(names.size());
}

// What the walk from `begin` to the end comes to, which must be in the order of homes.
std::vector<std::string> walk(const Table& table, Table::Slot begin) {
  std::vector<std::string> names;
  Table::Slot last = 0;
  for (Table::Slot i = begin; i != table.end(); i = table.next(i)) {
    REQUIRE(i >= last);
    last = i;
    const Entry* entry = table.entry(i);
    if (entry == nullptr) continue;
    names.emplace_back(entry->key());
    REQUIRE(table.home_slot(hash_of(entry->key())) <= i);
  }
  return names;
}

void check_against(const Table& table, const std::set<std::string>& model) {
  REQUIRE(table.size() == model.size());
  const std::vector<std::string> walked = walk(table, table.begin());
  REQUIRE(walked.size() == model.size());
  REQUIRE(std::set<std::string>(walked.begin(), walked.end()) == model);
  for (const std::string& name : model) {
    const Table::Slot slot = table.find(hash_of(name), name);
    REQUIRE(slot != Table::kNotFound);
    REQUIRE(table.entry(slot)->key() == name);
  }
}

}  // namespace

TEST_CASE("a table holds what was put and not taken, whatever its size") {
  SeededRandom random(1);
  Table table;
  std::set<std::string> model;
  // Up, down, and up again.
  for (const int goal : {5, 700, 20'000, 900, 3, 8'000, 0}) {
    while (static_cast<int>(model.size()) != goal) {
      const std::string name = "n" + std::to_string(random.below(60'000));
      const bool there = model.contains(name);
      REQUIRE((table.find(hash_of(name), name) != Table::kNotFound) == there);
      if (there == (static_cast<int>(model.size()) < goal)) continue;
      there ? remove(table, name) : insert(table, name);
      there ? static_cast<void>(model.erase(name)) : static_cast<void>(model.insert(name));
    }
    check_against(table, model);
    CHECK(table.memory_bytes() <= 64 + 40 * model.size());
    CHECK(table.segment_count() <= 1 + model.size() / 100);
    if (goal == 20'000) CHECK(table.segment_count() >= 20);
  }
  CHECK(table.memory_bytes() == 0);
}

TEST_CASE("filling a table in the order of another one takes few steps") {
  const std::vector<std::string> names = numbers(200'000);
  Table shuffled;
  const double usual = steps_to_fill(shuffled, names);
  CHECK(usual < 30);

  const std::vector<std::string> ascending = in_order_of_hash(names);
  Table copy;
  CHECK(steps_to_fill(copy, ascending) < 160);
  CHECK(copy.memory_bytes() < 2 * shuffled.memory_bytes());
  CHECK(walk(copy, copy.begin()).size() == names.size());

  const std::vector<std::string> descending(ascending.rbegin(), ascending.rend());
  Table reversed;
  CHECK(steps_to_fill(reversed, descending) < 160);
  CHECK(reversed.memory_bytes() < 2 * shuffled.memory_bytes());

  Table walked;
  CHECK(steps_to_fill(walked, walk(shuffled, shuffled.begin())) < 160);
}

TEST_CASE("a table that is being filled in order stays in proportion") {
  const std::vector<std::string> ascending = in_order_of_hash(numbers(200'000));
  Table table;
  for (const std::string& name : ascending) {
    insert(table, name);
    if (table.size() % 1000 == 0) REQUIRE(table.memory_bytes() < 4096 + 120 * size_t{table.size()});
  }
}

TEST_CASE("a table with room for its entries moves none of them, in whatever order they come") {
  for (const bool in_order : {false, true}) {
    for (const int count : {1, 8, 9, 600, 640, 641, 1'300, 20'000}) {
      const std::vector<std::string> names = in_order ? in_order_of_hash(numbers(count)) : numbers(count);
      Table table;
      table.reserve(names.size());
      const size_t bytes = table.memory_bytes();
      CHECK(bytes <= 300 + 16 * names.size());
      CHECK(table.find(hash_of("x"), "x") == Table::kNotFound);
      CHECK(table.begin() <= table.end());
      for (const std::string& name : names) insert(table, name);
      // Some segments get more than their share.
      CHECK(table.memory_bytes() <= bytes + bytes / 50);
      check_against(table, {names.begin(), names.end()});
      std::vector<std::string> visited;
      table.for_each([&](const Entry& entry) { visited.emplace_back(entry.key()); });
      CHECK(visited == walk(table, table.begin()));
    }
  }
}

TEST_CASE("a table gives back what it does not need") {
  for (const uint64_t reserved : {100u, 1'000u, 50'000u}) {
    for (const int count : {0, 1, 20, 2'000}) {
      Table table;
      table.reserve(reserved);
      const std::vector<std::string> names = numbers(count);
      for (const std::string& name : names) insert(table, name);
      if (count > 0) table.set_tag(table.find(hash_of(names[0]), names[0]), 2);
      table.fit();
      CHECK(table.memory_bytes() <= 100 + 40 * names.size());
      check_against(table, {names.begin(), names.end()});
      for (const std::string& name : names)
        CHECK(table.tag(table.find(hash_of(name), name)) == (name == names[0] ? 2 : 0));
      for (const std::string& name : names) remove(table, name);
      CHECK(table.memory_bytes() == 0);
    }
  }
}

TEST_CASE("names whose hashes begin alike do not make the directory endless") {
  std::vector<std::string> alike;
  for (int i = 0; alike.size() < 6000; ++i) {
    std::string name = "n" + std::to_string(i);
    if (hash_of(name) >> (kHashBits - 9) == 0x155) alike.push_back(std::move(name));
  }
  Table table;
  std::set<std::string> model;
  for (const std::string& name : alike) {
    insert(table, name);
    model.insert(name);
  }
  check_against(table, model);
  CHECK(table.memory_bytes() < 100 * alike.size());
  for (const std::string& name : alike) remove(table, name);
  CHECK(table.memory_bytes() == 0);
}

TEST_CASE("a walk that takes entries out comes to all of them") {
  for (const int count : {7, 300, 5000, 30'000}) {
    for (const int keep_each : {0, 3, 1000}) {
      Table table;
      const std::vector<std::string> names = numbers(count);
      for (const std::string& name : names) insert(table, name);
      std::set<std::string> kept, taken;
      for (Table::Slot i = table.begin(); i != table.end();) {
        Entry* entry = table.entry(i);
        const std::string name = entry == nullptr ? "" : std::string(entry->key());
        const bool keep =
            entry != nullptr && keep_each != 0 && hash_of(name) % static_cast<uint64_t>(keep_each) == 0;
        if (entry == nullptr || keep) {
          if (keep) kept.insert(name);
          i = table.next(i);
          continue;
        }
        taken.insert(name);
        Entry::destroy(table.take(i, &i));
      }
      CHECK(kept.size() + taken.size() == names.size());
      check_against(table, kept);
    }
  }
}

TEST_CASE("a scan by ranges of hashes comes to what stays, while the table grows and shrinks") {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    SeededRandom random(seed);
    Table table;
    const std::vector<std::string> staying = numbers(3000);
    for (const std::string& name : staying) insert(table, name);
    std::set<std::string> seen;
    int passing = 0;
    int most = 0;
    for (uint64_t from = 0; from >> kHashBits == 0;) {
      Table::Slot i = table.lower_slot(from);
      const uint64_t until = i == table.end() ? uint64_t{1} << kHashBits : table.hash_after(i);
      REQUIRE(until > from);
      for (; i != table.end(); i = table.next(i)) {
        const Entry* entry = table.entry(i);
        if (entry == nullptr && until >> kHashBits == 0 && table.home_slot(until) <= i) break;
        if (entry == nullptr) continue;
        const uint64_t hash = hash_of(entry->key());
        if (hash >= from && hash < until) seen.emplace(entry->key());
      }
      from = until;
      // Grows fivefold in the first half of the scan, and shrinks in the second.
      const bool grow = from < uint64_t{1} << (kHashBits - 1);
      for (int n = 0; n < 20; ++n) {
        if (grow && passing < 12'000) insert(table, "passing:" + std::to_string(passing++));
        if (!grow && passing > 0) remove(table, "passing:" + std::to_string(--passing));
      }
      most = std::max(most, passing);
    }
    CHECK(most > 10'000);
    for (const std::string& name : staying) REQUIRE(seen.contains(name));
  }
}

TEST_CASE("all entries are tagged at once") {
  for (const int count : {1, 700, 5000}) {
    Table table;
    for (const std::string& name : in_order_of_hash(numbers(count))) insert(table, name);
    for (const DirtyTag tag : {DirtyTag{1}, DirtyTag{2}, DirtyTag{0}}) {
      table.tag_all(tag);
      int tagged = 0;
      for (Table::Slot i = table.begin(); i != table.end(); i = table.next(i)) {
        if (table.entry(i) == nullptr) continue;
        REQUIRE(table.tag(i) == tag);
        REQUIRE(table.find(hash_of(table.entry(i)->key()), table.entry(i)->key()) == i);
        ++tagged;
      }
      CHECK(tagged == count);
    }
  }
}

TEST_CASE("the draws of a sample name each entry once") {
  for (const int count : {1, 8, 9, 700, 30'000}) {
    Table table;
    // In order of the hash, so that the directory has segments of many depths on the way.
    const std::vector<std::string> names = in_order_of_hash(numbers(count));
    for (size_t i = 0; i < names.size(); ++i) {
      insert(table, names[i]);
      if (i + 1 != names.size() && i + 1 != 5000) continue;
      std::set<const Entry*> seen;
      uint64_t found = 0;
      for (uint64_t draw = 0; draw < table.sample_size(); ++draw) {
        const Entry* entry = table.sample(draw);
        if (entry == nullptr) continue;
        ++found;
        seen.insert(entry);
        REQUIRE(table.entry(table.slot_near(draw)) == entry);
      }
      CHECK(found == table.size());
      CHECK(seen.size() == table.size());
    }
  }
}

}  // namespace starling::engine
