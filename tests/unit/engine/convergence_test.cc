// Three nodes that exchange what they capture, over a network that loses, repeats and reorders it, while
// nodes crash: in the end all have the same records, and nothing that was written and not removed is missing.
// Whenever all are equal the partitions may be settled, on some of them, and tombstones go; what is still
// under way then comes late.
#include <deque>

#include "engine/memory/settled.h"
#include "engine/record/record_codec.h"
#include "tests/unit/engine/replicated_run.h"
#include "tests/unit/engine/tally_check.h"

namespace starling::engine {

namespace {

class Cluster {
 public:
  // lossy: a crash loses what was not committed, though messages about it may be under way.
  Cluster(uint64_t seed, bool lossy) : random_(seed), lossy_(lossy) {
    for (uint64_t i = 0; i < 3; ++i) {
      nodes_.push_back(std::make_unique<TestNode>(seed * 100'000 + i * 1000, true, true));
      nodes_.back()->clock.now_ms += static_cast<int64_t>(below(200));
    }
    for (int i = 0; i < 6; ++i) names_.push_back("set:" + std::to_string(i));
    for (int i = 0; i < 6; ++i) names_.push_back("any:" + std::to_string(i));
  }

  void step() {
    const uint64_t choice = below(100);
    if (choice < 45) change();
    if (choice >= 45 && choice < 85) deliver();
    if (choice < 10) REQUIRE(some_node().engine().commit().ok());
    if (choice >= 85 && choice < 88) REQUIRE(some_node().engine().checkpoint().ok());
    if (choice >= 88 && choice < 91) some_node().evict_everything();
    if (choice >= 91 && choice < 94) crash(some_node());
    if (choice >= 60 && choice < 85) {
      const uint16_t partition = Key(names_[below(names_.size())]).partition;
      bool forward;
      REQUIRE(advance_tally(some_node().engine(), partition, 1, &forward).ok());
    }
    if (choice >= 94) {
      for (auto& node : nodes_) node->clock.now_ms += static_cast<int64_t>(below(300));
    }
  }

  void settle() {
    int64_t now_ms = 0;
    for (auto& node : nodes_) now_ms = std::max<int64_t>(now_ms, node->clock.now_ms);
    for (auto& node : nodes_) node->clock.now_ms = now_ms;
    for (int round = 0; round < 2; ++round) {
      for (size_t from = 0; from < 3; ++from) {
        for (size_t to = 0; to < 3; ++to) {
          for (const std::string& name : names_) send_state(from, to, name);
        }
      }
    }
  }

  void check() {
    for (const std::string& name : names_) {
      CAPTURE(name);
      const std::string state = shown_state(*nodes_[0], name);
      REQUIRE(shown_state(*nodes_[1], name) == state);
      REQUIRE(shown_state(*nodes_[2], name) == state);
      if (name[0] == 's' && !lossy_) check_members(name);
    }
    for (auto& node : nodes_) {
      CHECK(node->scan() == nodes_[0]->scan());
      check_accounting(*node);
      check_versions(*node);
    }
  }

  // As if the proof had been given, which holds when all have exchanged everything: whatever is on its way
  // still is known by all. Not every node hears of it, and not all that do remove tombstones at once.
  void collect() {
    for (auto& node : nodes_) REQUIRE(node->engine().commit().ok());
    Stamp stamp = kNeverRipe;
    for (auto& node : nodes_)
      stamp = std::min(stamp, promise_stamp(node->engine(), node->clock.now_ms).stamp);
    for (auto& node : nodes_) {
      if (below(4) == 0) continue;
      const bool reaps = below(3) != 0;
      for (const std::string& name : names_) {
        const uint16_t partition = Key(name).partition;
        CHECK(engine::settle(node->engine(), partition, stamp, change_count(node->engine(), partition),
                             node->clock.now_ms));
        uint64_t cursor = 0;
        do {
          if (!reaps) break;
          REQUIRE(engine::reap(node->engine(), partition, &cursor, 1 + below(3), node->clock.now_ms, &reaped_)
                      .ok());
        } while (cursor != 0);
      }
    }
  }

  uint64_t reaped() const { return reaped_; }
  uint64_t late() const { return late_; }

  uint64_t below(uint64_t bound) { return random_.below(bound); }
  uint64_t gaps() const { return gaps_; }
  uint64_t followed() const { return followed_; }

 private:
  struct Message {
    size_t from, to;
    ChangeKind kind;
    std::string key, bytes;
  };

  TestNode& some_node() { return *nodes_[below(3)]; }

  void crash(TestNode& node) {
    if (!lossy_) REQUIRE(node.engine().commit().ok());
    node.crash();
  }

  void change() {
    const size_t from = below(3);
    TestNode& node = *nodes_[from];
    const std::string& name = names_[below(names_.size())];
    ChangeList changes;
    node.with_operation(name, 0, [&](Operation& operation, const Key& key) {
      operation.capture(&changes);
      Database database = operation.database(0);
      if (name[0] == 's') {
        change_members(database, key);
      } else {
        change_any(database, key);
      }
    });
    for (size_t i = 0; i < changes.size(); ++i) {
      for (size_t to = 0; to < 3; ++to) {
        if (to == from) continue;
        for (uint64_t copies = below(5) == 0 ? below(3) : 1; copies > 0; --copies) {
          network_.push_back({from, to, changes[i].kind, name, std::string(changes[i].bytes)});
        }
      }
    }
  }

  // Each member is added once, so that it is known who must be there in the end: whoever was added and not
  // removed by somebody who saw it.
  void change_members(Database& database, const Key& key) {
    std::set<std::string>& added = added_[std::string(key.name)];
    std::set<std::string>& removed = removed_[std::string(key.name)];
    const Found found = database.find(key);
    std::vector<std::string> here;
    if (found) found.collection().for_each([&](const auto& e) { here.emplace_back(e.name); });
    const uint64_t choice = below(10);
    if (choice == 0 && found) {
      removed.insert(here.begin(), here.end());
      database.remove(key);
    } else if (choice < 4 && found) {
      const std::string member = here[below(here.size())];
      removed.insert(member);
      database.open(key, Type::kSet).remove(member);
    } else {
      OpenCollection set = database.open(key, Type::kSet);
      for (uint64_t i = 1 + below(3); i > 0; --i) {
        const std::string member = "m" + std::to_string(members_++);
        set.put(member, "");
        added.insert(member);
      }
    }
  }

  void change_any(Database& database, const Key& key) {
    const int64_t now_ms = nodes_[0]->clock.now_ms;
    const int64_t deadline_ms =
        below(3) == 0 ? now_ms + 500 + static_cast<int64_t>(below(3000)) : kNoDeadline;
    const Type type = [&] {
      const Found found = database.find(key);
      return found ? found.type() : Type::kNone;
    }();
    switch (below(6)) {
      case 0:
        database.remove(key);
        break;
      case 1:
        database.set_deadline(key, deadline_ms);
        break;
      case 2:
        database.put_string(key, "v" + std::to_string(members_++), deadline_ms);
        break;
      default:
        if (type == Type::kString) return database.put_string(key, "again", kKeepDeadline);
        OpenCollection hash = database.open(key, type == Type::kSet ? Type::kSet : Type::kHash);
        const std::string value = hash.view().type() == Type::kHash ? std::to_string(members_++) : "";
        hash.put("f" + std::to_string(below(5)), value);
        if (below(3) == 0) hash.put("f" + std::to_string(below(5)), value);
        if (below(3) == 0) hash.remove("f" + std::to_string(below(5)));
    }
  }

  void deliver() {
    if (network_.empty()) return;
    const size_t which = below(std::min<size_t>(network_.size(), 6));
    const Message message = network_[which];
    network_.erase(network_.begin() + static_cast<ptrdiff_t>(which));
    if (below(8) == 0) return;
    TestNode& node = *nodes_[message.to];
    MergeOutcome outcome{};
    node.with_operation(message.key, 0, [&](Operation& operation, const Key& key) {
      Replica replica(operation, 0);
      outcome = message.kind == ChangeKind::kDelta ? replica.merge_delta(key, message.bytes)
                                                   : replica.merge_state(key, message.bytes);
    });
    REQUIRE(outcome != MergeOutcome::kCorrupt);
    REQUIRE(outcome != MergeOutcome::kStampTooFarAhead);
    late_ += outcome == MergeOutcome::kUnchanged && state_of(node, message.key).size() == 1 + sizeof(Stamp);
    if (outcome != MergeOutcome::kGap) return;
    ++gaps_;
    if (below(2) == 0) send_state(message.from, message.to, message.key);
  }

  void send_state(size_t from, size_t to, const std::string& name) {
    const std::string state = state_of(*nodes_[from], name);
    const std::string version = version_of(*nodes_[from], name);
    if (from == to || state.empty()) return;
    nodes_[to]->with_operation(name, 0, [&](Operation& operation, const Key& key) {
      const MergeOutcome outcome = Replica(operation, 0).merge_state(key, state);
      REQUIRE((outcome == MergeOutcome::kApplied || outcome == MergeOutcome::kUnchanged));
      // Who reads there may go on: there is nothing more to be had.
      Order order{};
      REQUIRE(Replica(operation, 0).compare(key, version, &order).ok());
      REQUIRE((order == Order::kEqual || order == Order::kAfter));
    });
  }

  void check_members(const std::string& name) {
    std::set<std::string> expected;
    for (const std::string& member : added_[name]) {
      if (removed_[name].count(member) == 0) expected.insert(member);
    }
    std::set<std::string> members;
    nodes_[0]->with(name, [&](Database& database, const Key& key) {
      const Found found = database.find(key);
      if (found) found.collection().for_each([&](const auto& e) { members.emplace(e.name); });
    });
    REQUIRE(members == expected);
  }

  // Of what the node has: nothing of what may go.
  std::string shown_state(TestNode& node, const std::string& name) {
    Stamp greatest = 0;
    for (auto& other : nodes_)
      greatest = std::max(greatest, settled_up_to(other->engine(), Key(name).partition));
    const std::string state = state_of(node, name);
    std::string_view bytes = state;
    (void)take_settled(&bytes);
    return bytes.empty() || ripe_of(bytes) <= greatest ? "" : std::string(bytes);
  }

  static Stamp ripe_of(std::string_view state) {
    Record record;
    REQUIRE(decode_record(state, &record).ok());
    return ripe_stamp(Header{record, {}});
  }

  void check_versions(TestNode& node) {
    std::map<std::string, std::string> versions, expected;
    for (const std::string& name : names_) {
      const std::string state = state_of(node, name), version = version_of(node, name);
      std::string_view state_bytes = state, version_bytes = version;
      const Stamp settled = take_settled(&state_bytes);
      CHECK(take_settled(&version_bytes) == settled);
      if (state_bytes.empty()) continue;
      expected[name] = version_bytes;
    }
    std::set<uint16_t> partitions;
    for (const std::string& name : names_) partitions.insert(Key(name).partition);
    for (const uint16_t partition : partitions) {
      uint64_t cursor = 0;
      do {
        REQUIRE(scan_versions(node.engine(), partition, &cursor, 2, [&](const VisitedVersion& version) {
                  CHECK(version.database == 0);
                  CHECK(versions.emplace(std::string(version.key), std::string(version.context)).second);
                }).ok());
      } while (cursor != 0);
    }
    CHECK(versions == expected);
    for (const uint16_t partition : partitions) {
      followed_ += check_tally(node, partition);
      learn_tally(node, partition);
    }
  }

  SeededRandom random_;
  std::vector<std::unique_ptr<TestNode>> nodes_;
  std::vector<std::string> names_;
  std::deque<Message> network_;
  std::map<std::string, std::set<std::string>> added_, removed_;
  uint64_t members_ = 0;
  uint64_t gaps_ = 0;
  uint64_t reaped_ = 0, late_ = 0;
  uint64_t followed_ = 0;  // Tallies that were known when they were looked at.
  const bool lossy_;
};

}  // namespace

TEST_CASE("replication: three nodes converge over losses, repetitions, crashes, checkpoints and evictions") {
  uint64_t gaps = 0;
  for (uint64_t seed = first_seed(); seed < first_seed() + seed_count(20); ++seed) {
    CAPTURE(seed);
    Cluster cluster(seed, seed % 4 == 0);
    for (int round = 0; round < 3; ++round) {
      for (int step = 0; step < 300; ++step) cluster.step();
      cluster.settle();
      cluster.check();
    }
    gaps += cluster.gaps();
  }
  CHECK(gaps > 0);
}

TEST_CASE(
    "replication: tombstones that are collected once all are equal do not come back, and nothing else goes") {
  uint64_t reaped = 0, late = 0, followed = 0;
  for (uint64_t seed = first_seed(); seed < first_seed() + seed_count(30); ++seed) {
    CAPTURE(seed);
    Cluster cluster(seed, seed % 4 == 0);
    for (int round = 0; round < 6; ++round) {
      for (uint64_t step = 50 + cluster.below(300); step > 0; --step) cluster.step();
      cluster.settle();
      cluster.check();
      cluster.collect();
      cluster.check();
    }
    reaped += cluster.reaped();
    followed += cluster.followed();
    late += cluster.late();
  }
  CHECK(reaped > 0);
  CHECK(followed > 1000);
  CHECK(late > 0);
}

}  // namespace starling::engine
