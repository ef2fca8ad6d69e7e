// Streams against a map, by random verbs, and merged; what their groups are given.
#include "engine/types/stream/stream.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/memory/collection.h"
#include "engine/memory/order_index.h"
#include "engine/replica/replication.h"
#include "engine/types/stream/stream_group.h"
#include "tests/unit/engine/disturbed_run.h"
#include "tests/unit/engine/node_fixture.h"

namespace starling::engine {
namespace {

using Entries = std::map<StreamId, std::string>;

std::string entry_of(const std::string& text, IdGivenBy given_by = IdGivenBy::kNode) {
  std::string value = begin_entry(given_by);
  append_string("field", &value);
  append_string(text, &value);
  return value;
}

std::string text_of(const StreamEntry& entry) {
  StreamFields fields = entry.fields();
  REQUIRE(fields.count() == 2);
  REQUIRE(fields.next() == "field");
  return std::string(fields.next());
}

struct Model {
  Entries entries;
  StreamId last;
  StreamId max_deleted;
  int64_t added = 0;
};

Entries entries_of(TestNode& node, const std::string& name) {
  Entries entries;
  node.with(name, [&](Database& database, const Key& key) {
    const Found found = database.find(key);
    if (!found) return;
    REQUIRE(found.type() == Type::kStream);
    found.collection().order().check();
    const StreamView stream(found.collection());
    StreamId before;
    stream.walk(0, stream.size(), [&](const StreamEntry& entry) {
      REQUIRE(before < entry.id);
      before = entry.id;
      entries[entry.id] = text_of(entry);
      return true;
    });
    REQUIRE(entries.size() == stream.size());
  });
  return entries;
}

void check_same(TestNode& node, const std::string& name, const Model& model) {
  REQUIRE(entries_of(node, name) == model.entries);
  node.with(name, [&](Database& database, const Key& key) {
    const Found found = database.find(key);
    REQUIRE(static_cast<bool>(found) == (model.added != 0));
    if (!found) return;
    const StreamView stream(found.collection());
    REQUIRE(stream.last_id() == model.last);
    REQUIRE(stream.totals().max_deleted == model.max_deleted);
    REQUIRE(stream.entries_added() == model.added);
    for (const auto& [id, text] : model.entries) {
      REQUIRE(stream.count_below(id) ==
              static_cast<uint64_t>(std::distance(model.entries.begin(), model.entries.find(id))));
    }
  });
}

class StreamRun {
 public:
  StreamRun(uint64_t seed, bool replicated) : node_(seed * 1000, true, replicated), random_(seed) {}

  void step() {
    const std::string name = "stream" + std::to_string(below(3));
    Model& model = models_[name];
    node_.with(name, [&](Database& database, const Key& key) { change(database, key, model); });
  }
  void check() {
    for (const auto& [name, model] : models_) check_same(node_, name, model);
  }
  TestNode& node() { return node_; }

 private:
  uint64_t below(uint64_t bound) { return random_.below(bound); }
  void change(Database& database, const Key& key, Model& model) {
    const uint64_t choice = below(model.added == 0 ? 1 : 10);
    if (choice < 6) {
      const StreamIdGiver giver{.now_ms = node_.clock.now_ms};
      const StreamId id = *giver.next(model.last);
      const std::string text = below(40) == 0 ? std::string(5000, 'b') : "text" + std::to_string(below(50));
      Stream(database, key).add(id, entry_of(text));
      model.entries[id] = text;
      model.last = id;
      ++model.added;
    } else if (choice < 8) {
      std::vector<StreamId> ids{{1, 1}};
      for (const auto& [id, text] : model.entries) {
        if (below(8) == 0) ids.insert(ids.end(), 2, id);
      }
      uint64_t removed = 0;
      for (const StreamId id : ids) {
        if (model.entries.erase(id) == 0) continue;
        ++removed;
        model.max_deleted = std::max(model.max_deleted, id);
      }
      REQUIRE(Stream(database, key).remove(ids) == removed);
    } else if (choice == 8) {
      const uint64_t count = below(std::min<uint64_t>(model.entries.size(), 5) + 1);
      Stream(database, key).trim(count);
      for (uint64_t i = 0; i < count; ++i) model.entries.erase(model.entries.begin());
    } else {
      model.last = *next_of(model.last);
      model.added = static_cast<int64_t>(model.entries.size() + below(5)) + 1;
      Stream stream(database, key);
      stream.set_totals(
          {model.last, model.max_deleted, model.added - static_cast<int64_t>(model.entries.size())});
    }
  }

  TestNode node_;
  SeededRandom random_;
  std::map<std::string, Model> models_;
};

TEST_CASE("random verbs on streams agree with a map, over checkpoints, eviction and crashes") {
  run_disturbed<StreamRun>(300);
}

TEST_CASE("ids of different nodes are never the same, and rise") {
  const StreamIdGiver first{.alone = false, .block = 0, .now_ms = 100},
      other{.alone = false, .block = 7, .now_ms = 100};
  CHECK(first.next({}) == StreamId{100, 0});
  CHECK(first.next({100, 0}) == StreamId{100, 1});
  CHECK(other.next({100, 1}) == StreamId{100, uint64_t{7} << 32});
  CHECK(other.next({100, uint64_t{7} << 32}) == StreamId{100, (uint64_t{7} << 32) + 1});
  // What another node's numbers went past goes on in the next millisecond.
  CHECK(first.next({100, uint64_t{7} << 32}) == StreamId{101, 0});
  CHECK(other.next({100, uint64_t{8} << 32}) == StreamId{101, uint64_t{7} << 32});
  CHECK(first.next({200, 5}) == StreamId{200, 6});
  CHECK(first.next_in(100, {100, 3}) == StreamId{100, 4});
  CHECK(first.next_in(99, {100, 3}) == std::nullopt);
  // By itself a node goes on from whatever a client gave.
  const StreamIdGiver alone{.now_ms = 100};
  CHECK(alone.next({200, uint64_t{7} << 40}) == StreamId{200, (uint64_t{7} << 40) + 1});
  CHECK(alone.next(kGreatestStreamId) == std::nullopt);
}

// --- Merged

constexpr const char* kName = "{s}";
Key key_beside(const Key&) {
  return Key("{s}2");
}

void bring(TestNode& from, TestNode& to) {
  std::string state;
  from.with_operation(kName, 0, [&](Operation& operation, const Key& key) {
    Replica(operation, 0).append_state(key, &state);
  });
  to.with_operation(
      kName, 0, [&](Operation& operation, const Key& key) { Replica(operation, 0).merge_state(key, state); });
}

StreamId add(TestNode& node, uint32_t block, const std::string& text) {
  StreamId id;
  node.with(kName, [&](Database& database, const Key& key) {
    Stream stream(database, key);
    const StreamIdGiver giver{.alone = false, .block = block, .now_ms = node.clock.now_ms};
    (void)stream.part_twins(giver);
    id = *giver.next(stream.view().last_id());
    stream.add(id, entry_of(text));
  });
  return id;
}

std::vector<StreamId> give(TestNode& node, uint64_t most, std::string_view consumer) {
  std::vector<StreamId> ids;
  node.with(kName, [&](Database& database, const Key& key) {
    Stream stream(database, key);
    StreamGroupChange group(stream, "g");
    group.see_consumer(consumer, node.clock.now_ms, true);
    ids = group.give(most);
    for (const StreamId id : ids) group.put_pending(id, {node.clock.now_ms, 1, consumer});
  });
  return ids;
}

bool acknowledge(TestNode& node, StreamId id) {
  bool was_pending = false;
  node.with(kName, [&](Database& database, const Key& key) {
    Stream stream(database, key);
    was_pending = StreamGroupChange(stream, "g").acknowledge(id);
  });
  return was_pending;
}

void begin_group(TestNode& node, std::optional<StreamId> first) {
  node.with(kName, [&](Database& database, const Key& key) {
    Stream stream(database, key);
    if (stream.view().parts().size() == 0) stream.set_totals({});
    StreamGroupChange(stream, "g").begin(first, kUnknownCount);
  });
}

std::set<StreamId> pending_of(TestNode& node) {
  std::set<StreamId> ids;
  node.with(kName, [&](Database& database, const Key& key) {
    const StreamView stream(database.find(key).collection());
    StreamGroupView(stream, "g").walk_pending({}, [&](StreamId id, const PendingEntry&) {
      ids.insert(id);
      return true;
    });
  });
  return ids;
}

TEST_CASE("what was added on both sides is there afterwards, what was removed is gone") {
  TestNode ann(1000, true, true), bob(2000, true, true);
  const StreamId one = add(ann, 0, "1");
  add(ann, 0, "2");
  bring(ann, bob);
  add(ann, 0, "a");
  add(bob, 1, "b");
  ann.with(kName, [&](Database& database, const Key& key) {
    const StreamId ids[] = {one};
    CHECK(Stream(database, key).remove(ids) == 1);
  });
  bring(ann, bob);
  bring(bob, ann);
  const Entries merged = entries_of(ann, kName);
  std::set<std::string> texts;
  for (const auto& [id, text] : merged) texts.insert(text);
  CHECK(texts == std::set<std::string>{"2", "a", "b"});
  CHECK(entries_of(bob, kName) == merged);
  CHECK(add(ann, 0, "later") > merged.rbegin()->first);
}

TEST_CASE("two entries that were given one id apart are both there after the next event") {
  TestNode ann(1000, true, true), bob(2000, true, true);
  const StreamId id = add(ann, 0, "a");
  bob.clock.now_ms = ann.clock.now_ms.load();
  REQUIRE(add(bob, 0, "b") == id);
  bring(ann, bob);
  add(bob, 0, "c");
  std::set<std::string> texts;
  for (const auto& [each, text] : entries_of(bob, kName)) texts.insert(text);
  CHECK(texts == std::set<std::string>{"a", "b", "c"});
  // The same entry, that a client gave one id on both sides, is one.
  bring(bob, ann);
  CHECK(entries_of(ann, kName) == entries_of(bob, kName));
}

TEST_CASE("a group is given what came late from another node") {
  TestNode ann(1000, true, true), bob(2000, true, true);
  begin_group(ann, StreamId{});
  bring(ann, bob);
  const StreamId late = add(bob, 1, "late");
  ann.clock.now_ms += 10;
  const StreamId early = add(ann, 0, "early");
  REQUIRE(late < early);
  CHECK(give(ann, 10, "c") == std::vector{early});
  CHECK(give(ann, 10, "c").empty());
  bring(bob, ann);
  CHECK(give(ann, 10, "c") == std::vector{late});
  CHECK(give(ann, 10, "c").empty());
  const StreamId next = add(ann, 0, "next");
  CHECK(give(ann, 10, "c") == std::vector{next});
  CHECK(pending_of(ann) == std::set{late, early, next});
}

TEST_CASE("a group that is given nothing writes nothing, whoever looked last") {
  TestNode ann(1000, true, true), bob(2000, true, true);
  begin_group(ann, StreamId{});
  add(ann, 0, "one");
  CHECK(give(ann, 10, "c").size() == 1);
  bring(ann, bob);
  const auto give_once = [&] {
    std::optional<VersionVector> before, after;
    bob.with(kName, [&](Database& database, const Key& key) {
      Stream stream(database, key);
      before = stream.parts().seen();
      CHECK(StreamGroupChange(stream, "g").give(10).empty());
      after = stream.parts().seen();
    });
    return before == after;
  };
  CHECK(give_once());
  CHECK(give_once());
}

TEST_CASE("a consumer that came for nothing a moment ago is active once it is given something") {
  TestNode ann(1000, true, true);
  begin_group(ann, StreamId{});
  add(ann, 0, "one");
  const auto see = [&](bool active) {
    std::optional<StreamConsumer> seen;
    ann.with(kName, [&](Database& database, const Key& key) {
      Stream stream(database, key);
      StreamGroupChange group(stream, "g");
      group.see_consumer("c", ann.clock.now_ms, active);
      seen = group.view().consumer("c");
    });
    return *seen;
  };
  CHECK(see(false).active_ms == kNeverActive);
  ann.clock.now_ms += 10;
  const int64_t active_ms = ann.clock.now_ms;
  CHECK(see(true).active_ms == active_ms);
  ann.clock.now_ms += 10;
  CHECK_MESSAGE(see(true).active_ms == active_ms, "no event for each reading");
}

TEST_CASE("a group is made in what is left of a deleted stream whose group was read meanwhile") {
  TestNode ann(1000, true, true), bob(2000, true, true);
  begin_group(ann, StreamId{});
  add(ann, 0, "one");
  bring(ann, bob);
  CHECK(give(bob, 10, "c").size() == 1);
  ann.with(kName, [&](Database& database, const Key& key) { CHECK(database.remove(key)); });
  bring(bob, ann);
  REQUIRE(pending_of(ann).size() == 1);
  begin_group(ann, StreamId{});
  CHECK(pending_of(ann).empty());
  const StreamId next = add(ann, 0, "next");
  CHECK(give(ann, 10, "c") == std::vector{next});
}

TEST_CASE("a group that begins at the end is given what others had added and it did not see") {
  TestNode ann(1000, true, true), bob(2000, true, true);
  add(ann, 0, "old");
  bring(ann, bob);
  const StreamId unseen = add(bob, 1, "unseen");
  ann.clock.now_ms += 10;
  add(ann, 0, "old too");
  begin_group(ann, std::nullopt);
  CHECK(give(ann, 10, "c").empty());
  bring(bob, ann);
  CHECK(give(ann, 10, "c") == std::vector{unseen});
}

TEST_CASE(
    "what is given and acknowledged apart: each entry at least once, none pending that was acknowledged") {
  for (uint64_t seed = first_seed(); seed < first_seed() + seed_count(40); ++seed) {
    CAPTURE(seed);
    SeededRandom random(seed);
    TestNode nodes[] = {TestNode(seed * 1000, true, true), TestNode(seed * 1000 + 500, true, true)};
    begin_group(nodes[0], StreamId{});
    bring(nodes[0], nodes[1]);
    std::set<StreamId> added, given, acknowledged;
    for (int step = 0; step < 120; ++step) {
      const auto who = static_cast<uint32_t>(random.below(2));
      TestNode& node = nodes[who];
      node.clock.now_ms += static_cast<int64_t>(random.below(3));
      switch (random.below(6)) {
        case 0:
        case 1:
          REQUIRE(added.insert(add(node, who, "x")).second);
          break;
        case 2:
        case 3:
          for (const StreamId id : give(node, 1 + random.below(4), who == 0 ? "a" : "b")) given.insert(id);
          break;
        case 4: {
          const std::set<StreamId> pending = pending_of(node);
          if (pending.empty()) break;
          const auto one =
              std::next(pending.begin(), static_cast<std::ptrdiff_t>(random.below(pending.size())));
          if (acknowledge(node, *one)) acknowledged.insert(*one);
          break;
        }
        default:
          bring(node, nodes[1 - who]);
          break;
      }
    }
    for (int round = 0; round < 2; ++round) {
      bring(nodes[0], nodes[1]);
      bring(nodes[1], nodes[0]);
    }
    for (const StreamId id : give(nodes[0], UINT64_MAX, "a")) given.insert(id);
    CHECK(given == added);
    const std::set<StreamId> pending = pending_of(nodes[0]);
    for (const StreamId id : added) CHECK((pending.contains(id) || acknowledged.contains(id)));
    CHECK(give(nodes[0], UINT64_MAX, "a").empty());
  }
}

TEST_CASE("a group that was destroyed and made anew has nothing of before") {
  TestNode ann(1000, true, true);
  const StreamId id = add(ann, 0, "1");
  begin_group(ann, StreamId{});
  REQUIRE(give(ann, 10, "c") == std::vector{id});
  ann.with(kName, [](Database& database, const Key& key) {
    Stream stream(database, key);
    StreamGroupChange(stream, "g").destroy();
    CHECK(count_groups(stream.view()) == 0);
  });
  begin_group(ann, StreamId{});
  CHECK(pending_of(ann).empty());
  CHECK(give(ann, 10, "c") == std::vector{id});
}

TEST_CASE("a copy's groups go on where they were") {
  TestNode ann(1000, true, true), bob(2000, true, true);
  begin_group(ann, StreamId{});
  bring(ann, bob);
  const StreamId late = add(bob, 1, "late");
  ann.clock.now_ms += 10;
  const StreamId early = add(ann, 0, "early");
  REQUIRE(give(ann, 10, "c") == std::vector{early});
  bring(bob, ann);
  ann.with(kName, [&](Database& database, const Key& key) {
    Stream stream(database, key);
    const std::vector<GroupPlace> places = group_places(stream);
    database.move(key, database, key_beside(key));
    Stream copy(database, key_beside(key));
    set_group_places(copy, places);
    StreamGroupChange group(copy, "g");
    // What came late was not given yet: it, and what is behind it, counts as new.
    CHECK(group.give(10) == std::vector{late, early});
    CHECK(group.give(10).empty());
  });
}

}  // namespace
}  // namespace starling::engine
