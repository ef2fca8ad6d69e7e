// Many threads on one engine, with everything that runs beside them; then a crash, and a comparison with what
// each thread knows of its keys.
#include <array>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "engine/log/file_log.h"
#include "engine/store/rocks_store.h"
#include "tests/unit/engine/random_run.h"
#include "tests/unit/engine/temporary_directory.h"

namespace starling::engine {

namespace {

constexpr int kThreads = 4;
constexpr int kKeys = 60;  // Of each thread; nobody else changes them.
constexpr int kSteps = 1500;
constexpr int kScratch = 2;  // The database that is flushed and swapped with 3 while others use it.

std::string name_of(int thread, uint64_t number) {
  // Some share a partition with keys of the other threads.
  const std::string plain = std::to_string(thread) + ":" + std::to_string(number);
  return number % 4 == 0 ? "{t" + std::to_string(number % 3) + "}" + plain : plain;
}

class Worker {
 public:
  Worker(Engine& engine, FakeClock& clock, int thread, uint64_t seed)
      : engine_(engine), clock_(clock), thread_(thread), random_(seed) {}

  void run() {
    for (int step = 0; step < kSteps; ++step) {
      switch (random_.below(16)) {
        case 0:
          move();
          break;
        case 1:
          scan();
          break;
        case 2:
          scratch();
          break;
        default:
          change(random_.below(kKeys));
      }
      if (step % 16 == 0) ok_ = ok_ && engine_.commit().ok();
    }
  }
  bool ok() const { return ok_; }
  const Model& model() const { return model_; }

 private:
  // Runs `work` with the keys locked and resident, as a loop would: a miss is fetched and all begins anew.
  template <typename Work>
  void with(const std::vector<KeyRef>& keys, const Work& work) {
    for (;;) {
      Operation operation(engine_, clock_.now_ms);
      operation.lock(keys);
      bool resident = true;
      for (const KeyRef& key : keys) resident = operation.resident(key) && resident;
      if (resident) work(operation);
      operation.finish();
      if (resident) return;
      std::atomic<bool> done{false};
      engine_.fetch(keys, [&](Status status) {
        if (!status.ok()) ok_ = false;
        done = true;
        done.notify_one();
      });
      done.wait(false);
      if (!ok_) return;
    }
  }

  void prefetch(int database, const Key& key) {
    const std::string other = name_of(static_cast<int>(random_.below(kThreads)), random_.below(kKeys));
    const std::array lookups = {Lookup(0, Key(other)), Lookup(database, key)};
    engine_.prefetch(lookups);
  }

  std::string text() { return std::string(random_.below(300), static_cast<char>('a' + random_.below(26))); }

  void change(uint64_t number) {
    const std::string name = name_of(thread_, number);
    const Key key(name);
    prefetch(0, key);
    with({{0, key}}, [&](Operation& operation) {
      Database database = operation.database(0);
      const Found found = database.find(key);
      const auto at = model_.find(name);
      if (static_cast<bool>(found) != (at != model_.end())) ok_ = false;
      if (found && found.type() != at->second.type) ok_ = false;
      if (!ok_) return;
      const uint64_t choice = random_.below(8);
      if (choice == 0) {
        database.remove(key);
        model_.erase(name);
      } else if (choice == 1 && found) {
        at->second.deadline_ms = random_.below(2) == 0 ? 0 : clock_.now_ms + 1'000'000'000;
        database.set_deadline(key, at->second.deadline_ms);
      } else if (choice < 5 && number % 2 == 0) {
        ModelValue value;
        value.text = random_.below(30) == 0 ? std::string(kBigValueBytes + 1, 'b') : text();
        database.put_string(key, value.text, kNoDeadline);
        model_[name] = value;
      } else if (number % 2 == 1) {
        change_fields(database, key, name);
      }
    });
  }

  void change_fields(Database& database, const Key& key, const std::string& name) {
    ModelValue& value = model_[name];
    value.type = Type::kHash;
    OpenCollection hash = database.open(key, Type::kHash);
    for (uint64_t i = 1 + random_.below(6); i > 0; --i) {
      const std::string field = std::to_string(random_.below(40));
      if (value.fields.size() > 1 && random_.below(3) == 0) {
        hash.remove(field);
        value.fields.erase(field);
      } else {
        value.fields[field] = text();
        hash.put(field, value.fields[field]);
      }
    }
  }

  // Two keys in one operation: a string moves from one to the other.
  void move() {
    const std::string from = name_of(thread_, random_.below(kKeys) & ~uint64_t{1});
    const std::string to = name_of(thread_, random_.below(kKeys) & ~uint64_t{1});
    if (from == to || model_.count(from) == 0) return;
    const Key from_key(from);
    const Key to_key(to);
    with({{0, from_key}, {0, to_key}}, [&](Operation& operation) {
      Database database = operation.database(0);
      database.copy(from_key, database, to_key);
      database.remove(from_key);
      model_[to] = model_[from];
      model_.erase(from);
    });
  }

  void scan() {
    std::set<std::string> seen;
    uint64_t cursor = 0;
    do {
      cursor = engine_.scan(
          0, cursor, 50, {}, clock_.now_ms, [&](std::string_view name) { seen.emplace(name); }, nullptr);
    } while (cursor != 0);
    for (const auto& [name, value] : model_) ok_ = ok_ && seen.count(name) == 1;
  }

  void scratch() {
    if (random_.below(10) == 0) {
      Operation operation(engine_, clock_.now_ms);
      operation.lock_all();
      if (random_.below(2) == 0) {
        operation.flush_database(kScratch);
      } else {
        operation.swap_databases(kScratch, kScratch + 1);
      }
      operation.finish();
      return;
    }
    const std::string name = "s" + std::to_string(random_.below(100));
    const Key key(name);
    prefetch(kScratch, key);
    with({{kScratch, key}}, [&](Operation& operation) {
      Database database = operation.database(kScratch);
      if (random_.below(3) == 0) {
        database.remove(key);
      } else {
        database.put_string(key, text(), random_.below(2) == 0 ? 0 : clock_.now_ms + 50);
      }
    });
    if (random_.below(20) == 0) (void)engine_.random_key(kScratch, clock_.now_ms, nullptr);
  }

  Engine& engine_;
  FakeClock& clock_;
  const int thread_;
  SeededRandom random_;
  Model model_;
  std::atomic<bool> ok_{true};
};

// Time passes and checkpoints, evictions, packing and expiry run until the workers are done.
class Background {
 public:
  Background(NodeEngine& engine, FakeClock& clock, uint64_t seed)
      : checkpoints_([&] {
          while (!stop_) ok_ = engine.checkpoint().ok() && ok_;
        }),
        evictions_([this, &engine, &clock, seed] {
          Evictor evictor(engine.core());
          evictor.set_budget(1);
          Packer packer(engine.core());
          MovingHeap heap;
          SeededRandom random(seed);
          while (!stop_) {
            evictor.make_room(32, random);
            packer.pack(heap, 1);
            clock.now_ms += 1;
            std::this_thread::yield();
          }
        }) {}
  bool finish() {
    stop_ = true;
    checkpoints_.join();
    evictions_.join();
    return ok_;
  }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<bool> ok_{true};
  std::thread checkpoints_;
  std::thread evictions_;
};

Model work(NodeEngine& engine, FakeClock& clock, uint64_t seed) {
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < kThreads; ++i) {
    workers.push_back(std::make_unique<Worker>(engine, clock, i, seed * 100 + static_cast<uint64_t>(i)));
  }
  Background background(engine, clock, seed);
  std::vector<std::thread> threads;
  for (auto& worker : workers) threads.emplace_back([&worker] { worker->run(); });
  for (std::thread& thread : threads) thread.join();
  REQUIRE(background.finish());
  Model model;
  for (auto& worker : workers) {
    REQUIRE(worker->ok());
    model.insert(worker->model().begin(), worker->model().end());
  }
  return model;
}

std::vector<std::string> all_names() {
  std::vector<std::string> names;
  for (int thread = 0; thread < kThreads; ++thread) {
    for (uint64_t i = 0; i < kKeys; ++i) names.push_back(name_of(thread, i));
  }
  return names;
}

}  // namespace

TEST_CASE("stress: threads, checkpoints, evictions, flushes and a crash, in memory") {
  for (uint64_t seed = first_seed(); seed < first_seed() + seed_count(2); ++seed) {
    CAPTURE(seed);
    TestNode node(seed * 1000);
    node.engine().set_active_expire(true);
    const Model model = work(node.engine(), node.clock, seed);
    node.engine().set_active_expire(false);
    check_all(node, model, all_names());
    REQUIRE(node.engine().commit().ok());
    node.crash();
    check_all(node, model, all_names());
    REQUIRE(node.engine().checkpoint().ok());
    node.evict_everything();
    CHECK(node.engine().statistics().dirty_bytes == 0);
    check_accounting(node);
    check_all(node, model, all_names());
  }
}

TEST_CASE("stress: the same on files, and no clean stop") {
  const TemporaryDirectory directory;
  const uint64_t seed = first_seed();
  CAPTURE(seed);
  FakeClock clock;
  CountingObserver observer;
  Options options;
  options.directory = directory.path();
  const auto open = [&](std::unique_ptr<Engine>* engine) {
    const Status status = Engine::open(
        options, clock, seed, observer, [](const std::string&) {}, engine);
    REQUIRE_MESSAGE(status.ok(), status.message());
  };
  std::unique_ptr<Engine> engine;
  open(&engine);
  const Model model = work(static_cast<NodeEngine&>(*engine), clock, seed);
  REQUIRE(engine->commit().ok());
  engine.reset();
  open(&engine);
  std::set<std::string> expected;
  for (const auto& [name, value] : model) expected.insert(name);
  std::set<std::string> seen;
  uint64_t cursor = 0;
  do {
    cursor = engine->scan(
        0, cursor, 100, {}, clock.now_ms, [&](std::string_view name) { seen.emplace(name); }, nullptr);
  } while (cursor != 0);
  CHECK(seen == expected);
  for (const auto& [entry_name, value] : model) {
    const std::string& name = entry_name;  // clang 14 cannot capture a structured binding.
    CAPTURE(name);
    const Key key(name);
    REQUIRE(Loader(engine->core()).load(0, key).ok());
    Operation operation(*engine, clock.now_ms);
    operation.lock({0, key});
    const Found found = operation.database(0).find(key);
    CHECK(static_cast<bool>(found));
    if (found) {
      CHECK(found.deadline_ms() == value.deadline_ms);
      CHECK(found.type() == value.type);
      if (found.type() == Type::kString) CHECK(found.string() == value.text);
      if (found.type() == Type::kHash) CHECK(found.collection().size() == value.fields.size());
    }
    operation.finish();
  }
}

}  // namespace starling::engine
