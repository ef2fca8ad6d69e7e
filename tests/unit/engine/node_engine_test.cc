// The whole engine against a model: random changes, checkpoints, evictions, crashes and restarts.
#include "engine/node_engine.h"

#include <cstdlib>
#include <thread>

#include "engine/collection.h"
#include "tests/unit/engine/node_fixture.h"

namespace starling::engine {

namespace {

uint64_t first_seed() {
  const char* given = std::getenv("STARLING_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : 1;
}

uint64_t seed_count() {
  return std::getenv("STARLING_SEED") != nullptr ? 1 : 30;
}

bool live(const ModelValue& value, int64_t now_ms) {
  return value.deadline_ms == 0 || value.deadline_ms > now_ms;
}

void check_record(TestNode& node, const std::string& name, const ModelValue* expected) {
  node.with(name, [&](Database& database, const Key& key) {
    const Found found = database.find(key);
    REQUIRE_MESSAGE(static_cast<bool>(found) == (expected != nullptr), "key " << name);
    if (expected == nullptr) return;
    REQUIRE(found.type() == expected->type);
    REQUIRE(found.deadline_ms() == expected->deadline_ms);
    if (found.type() == Type::kString) {
      REQUIRE(found.string() == expected->text);
      return;
    }
    std::map<std::string, std::string> fields;
    found.collection().for_each(
        [&](const Collection::Element& e) { fields.emplace(std::string(e.name), std::string(e.value)); });
    REQUIRE(fields == expected->fields);
    REQUIRE(found.collection().size() == fields.size());
  });
}

void check_all(TestNode& node, const Model& model, const std::vector<std::string>& names) {
  const int64_t now_ms = node.clock.now_ms;
  std::set<std::string> live_names;
  for (const std::string& name : names) {
    const auto at = model.find(name);
    const bool is_live = at != model.end() && live(at->second, now_ms);
    if (is_live) live_names.insert(name);
    check_record(node, name, is_live ? &at->second : nullptr);
  }
  REQUIRE(node.scan() == live_names);
  // Every key was looked at, so nothing expired is left to be counted.
  node.with("any", [&](Database& database, const Key&) { REQUIRE(database.size() == live_names.size()); });
  uint64_t with_deadline = 0;
  for (const std::string& name : live_names) with_deadline += model.at(name).deadline_ms != 0;
  node.with("any",
            [&](Database& database, const Key&) { REQUIRE(database.size_with_deadline() == with_deadline); });
}

class RandomRun {
 public:
  explicit RandomRun(uint64_t seed, bool durable = true) : node_(seed * 1000, durable), random_(seed) {
    for (int i = 0; i < 40; ++i) names_.push_back("key:" + std::to_string(i));
    for (int i = 0; i < 10; ++i) names_.push_back("{tag}" + std::to_string(i));
  }

  void change() {
    const std::string& name = names_[random_.below(names_.size())];
    node_.with(name, [&](Database& database, const Key& key) { change(database, key, name); });
  }

  TestNode& node() { return node_; }
  Model& model() { return model_; }
  void check() { check_all(node_, model_, names_); }
  uint64_t below(uint64_t bound) { return random_.below(bound); }

 private:
  std::string random_text() {
    if (random_.below(20) == 0) return std::string(kBigValueBytes + random_.below(100), 'b');
    return std::string(random_.below(80), static_cast<char>('a' + random_.below(26)));
  }

  void change(Database& database, const Key& key, const std::string& name) {
    const int64_t now_ms = node_.clock.now_ms;
    auto at = model_.find(name);
    if (at != model_.end() && !live(at->second, now_ms)) {
      model_.erase(at);
      at = model_.end();
    }
    switch (random_.below(8)) {
      case 0:
      case 1: {
        ModelValue value;
        value.text = random_text();
        if (random_.below(4) == 0) value.deadline_ms = now_ms + 1 + static_cast<int64_t>(random_.below(5000));
        database.put_string(key, value.text, value.deadline_ms);
        model_[name] = value;
        break;
      }
      case 2:
        REQUIRE(database.remove(key) == (at != model_.end()));
        model_.erase(name);
        break;
      case 3: {
        const int64_t deadline_ms =
            random_.below(2) == 0 ? 0 : now_ms + static_cast<int64_t>(random_.below(5000));
        REQUIRE(database.set_deadline(key, deadline_ms) == (at != model_.end()));
        if (at == model_.end()) break;
        at->second.deadline_ms = deadline_ms;
        if (deadline_ms != 0 && deadline_ms <= now_ms) model_.erase(at);
        break;
      }
      case 4:
        edit(database, key, name, at);
        break;
      default:
        change_collection(database, key, name, at);
    }
  }

  void edit(Database& database, const Key& key, const std::string& name, Model::iterator at) {
    if (at != model_.end() && at->second.type != Type::kString) return;
    ModelValue& value = model_[name];
    const size_t size = value.text.size() + random_.below(20000);
    value.text.resize(size);
    database.edit_string(key, size, [&](std::span<char> bytes) {
      if (bytes.empty()) return;
      bytes[0] = 'x';
      value.text[0] = 'x';
    });
  }

  void change_collection(Database& database, const Key& key, const std::string& name, Model::iterator at) {
    const Type type = random_.below(2) == 0 ? Type::kHash : Type::kSet;
    if (at != model_.end() && at->second.type != type) return;
    const bool remove = at != model_.end() && random_.below(3) == 0;
    ModelValue& value = model_[name];
    value.type = type;
    OpenCollection collection = database.open(key, type);
    for (uint64_t i = 1 + random_.below(12); i > 0; --i) {
      const std::string field = "f" + std::to_string(random_.below(30));
      if (remove) {
        REQUIRE(collection.remove(field) == (value.fields.erase(field) != 0));
        if (!value.fields.empty()) continue;
        model_.erase(name);
        return;
      }
      const std::string text = type == Type::kHash ? random_text() : "";
      REQUIRE(collection.put(field, text) == (value.fields.count(field) == 0));
      value.fields[field] = text;
    }
  }

  TestNode node_;
  SeededRandom random_;
  Model model_;
  std::vector<std::string> names_;
};

}  // namespace

TEST_CASE("engine agrees with a model over random changes, checkpoints, evictions and crashes") {
  for (uint64_t seed = first_seed(); seed < first_seed() + seed_count(); ++seed) {
    CAPTURE(seed);
    RandomRun run(seed);
    for (int step = 0; step < 400; ++step) {
      run.change();
      const uint64_t event = run.below(100);
      if (event < 5) REQUIRE(run.node().engine().checkpoint().ok());
      if (event >= 5 && event < 8) run.node().evict_everything();
      if (event >= 8 && event < 10) {
        REQUIRE(run.node().engine().commit().ok());
        run.node().crash();
      }
      if (event == 10) run.node().restart_cleanly();
      if (event >= 11 && event < 20) run.node().clock.now_ms += static_cast<int64_t>(run.below(1000));
      if (event >= 20 && event < 25) run.check();
    }
    run.check();
  }
}

TEST_CASE("engine in memory mode agrees with the model") {
  for (uint64_t seed = first_seed(); seed < first_seed() + seed_count(); ++seed) {
    CAPTURE(seed);
    RandomRun run(seed, false);
    for (int step = 0; step < 400; ++step) {
      run.change();
      if (run.below(10) == 0) run.node().clock.now_ms += static_cast<int64_t>(run.below(1000));
      if (run.below(40) == 0) run.check();
    }
    run.check();
  }
}

TEST_CASE("a checkpoint is exact while changes go on beside it") {
  for (uint64_t seed = first_seed(); seed < first_seed() + 10; ++seed) {
    CAPTURE(seed);
    RandomRun run(seed);
    for (int round = 0; round < 6; ++round) {
      for (int step = 0; step < 60; ++step) run.change();
      std::atomic<bool> ok{true};
      std::thread checkpoint([&] { ok = run.node().engine().checkpoint().ok(); });
      for (int step = 0; step < 200; ++step) run.change();
      checkpoint.join();
      REQUIRE(ok);
      REQUIRE(run.node().engine().commit().ok());
      if (round % 2 == 0) run.node().evict_everything();
      run.check();
      run.node().crash();
      run.check();
    }
  }
}

TEST_CASE("what was not committed is lost as a whole, what was is there") {
  TestNode node(1);
  node.with("kept", [](Database& d, const Key& key) { d.put_string(key, "1", kNoDeadline); });
  REQUIRE(node.engine().commit().ok());
  node.with("lost", [](Database& d, const Key& key) { d.put_string(key, "2", kNoDeadline); });
  node.crash();
  ModelValue kept;
  kept.text = "1";
  check_record(node, "kept", &kept);
  check_record(node, "lost", nullptr);
}

TEST_CASE("a failed checkpoint loses nothing and the next one takes everything") {
  RandomRun run(3);
  for (int step = 0; step < 100; ++step) run.change();
  run.node().store().set_full(true);
  CHECK_FALSE(run.node().engine().checkpoint().ok());
  for (int step = 0; step < 100; ++step) run.change();
  run.check();
  run.node().store().set_full(false);
  REQUIRE(run.node().engine().checkpoint().ok());
  run.node().evict_everything();
  run.check();
  run.node().crash();
  run.check();
}

TEST_CASE("a flushed database is empty after a crash, and swapped ones stay swapped") {
  TestNode node(1);
  const auto set = [&](const std::string& name) {
    node.with(name, [](Database& d, const Key& key) { d.put_string(key, "v", kNoDeadline); });
  };
  set("old");
  REQUIRE(node.engine().checkpoint().ok());
  {
    Operation operation(node.engine(), node.clock.now_ms);
    operation.lock_all();
    operation.flush_database(0);
    operation.finish();
  }
  set("new");
  {
    Operation operation(node.engine(), node.clock.now_ms);
    operation.lock_all();
    operation.swap_databases(0, 1);
    operation.finish();
  }
  set("after");
  REQUIRE(node.engine().commit().ok());
  for (int round = 0; round < 2; ++round) {
    CHECK(node.scan() == std::set<std::string>{"after"});
    Operation operation(node.engine(), node.clock.now_ms);
    operation.lock_all();
    CHECK(operation.database(1).size() == 1);
    operation.finish();
    node.crash();
    if (round == 0) REQUIRE(node.engine().checkpoint().ok());
  }
}

TEST_CASE("expired records go from memory and store without being asked for") {
  TestNode node(1);
  for (int i = 0; i < 100; ++i) {
    node.with("k" + std::to_string(i), [&](Database& d, const Key& key) {
      d.put_string(key, "v", i % 2 == 0 ? node.clock.now_ms + 1000 : kNoDeadline);
    });
  }
  SUBCASE("in memory") {}
  SUBCASE("in the store only") {
    REQUIRE(node.engine().checkpoint().ok());
    node.evict_everything();
    node.crash();
  }
  Loader loader(node.engine().core());
  Expirer expirer(node.engine(), node.engine().core(), loader);
  node.clock.now_ms += 2000;
  expirer.expire_in_memory(1'000'000);
  expirer.expire_in_store(1'000'000);
  CHECK(node.observer.expirations == 50);
  node.with("k1", [](Database& d, const Key&) {
    CHECK(d.size() == 50);
    CHECK(d.size_with_deadline() == 0);
  });
  REQUIRE(node.engine().checkpoint().ok());
  node.crash();
  CHECK(node.scan().size() == 50);
}

TEST_CASE("renewing a deadline leaves one reference behind, not one each time") {
  TestNode node(1, false);
  for (int i = 0; i < 1000; ++i) {
    node.with("k",
              [&](Database& d, const Key& key) { d.put_string(key, "v", node.clock.now_ms + 1000 + i); });
  }
  CHECK(node.engine().statistics().index_entries == 1);
  Loader loader(node.engine().core());
  Expirer expirer(node.engine(), node.engine().core(), loader);
  node.clock.now_ms += 1500;
  expirer.expire_in_memory(1'000'000);
  CHECK(node.observer.expirations == 0);
  node.clock.now_ms += 1500;
  expirer.expire_in_memory(1'000'000);
  CHECK(node.observer.expirations == 1);
}

TEST_CASE("memory accounting returns to where it began") {
  RandomRun run(5, false);
  for (int step = 0; step < 500; ++step) run.change();
  for (const auto& [name, value] : run.model()) {
    run.node().with(name, [](Database& d, const Key& key) { d.remove(key); });
  }
  // Stripes keep up to 256 bytes each to themselves; what is left of each of them is exact.
  const int64_t bytes = static_cast<int64_t>(run.node().engine().statistics().memory_bytes);
  CHECK(bytes < 50 * 256);
}

TEST_CASE("scan finds every key that stays, while tables grow and records come and go") {
  TestNode node(1);
  for (int i = 0; i < 3000; ++i) {
    node.with("{t}stay" + std::to_string(i),
              [](Database& d, const Key& key) { d.put_string(key, "v", kNoDeadline); });
  }
  REQUIRE(node.engine().checkpoint().ok());
  std::set<std::string> seen;
  uint64_t cursor = 0;
  int step = 0;
  do {
    cursor = node.engine().scan(
        0, cursor, 10, {}, node.clock.now_ms, [&](std::string_view name) { seen.emplace(name); }, nullptr);
    CHECK(cursor < uint64_t{1} << 53);
    const std::string other = "{t}other" + std::to_string(step++);
    node.with(other, [](Database& d, const Key& key) { d.put_string(key, "v", kNoDeadline); });
    if (step % 50 == 0) node.evict_everything();
    if (step % 70 == 0) REQUIRE(node.engine().checkpoint().ok());
  } while (cursor != 0);
  size_t stayed = 0;
  for (const std::string& name : seen) stayed += name.compare(0, 7, "{t}stay") == 0;
  CHECK(stayed == 3000);
}

}  // namespace starling::engine
