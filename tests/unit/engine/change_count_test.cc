// Whatever changes a version must change the count of its partition: what compares replicas trusts it.
#include "tests/unit/engine/replicated_run.h"

namespace starling::engine {

TEST_CASE("change counts: no version changes without its partition's count") {
  for (uint64_t seed = first_seed(); seed < first_seed() + seed_count(); ++seed) {
    CAPTURE(seed);
    ReplicatedRun run(seed);
    std::vector<std::string> names;
    for (int i = 0; i < 12; ++i) names.push_back("key:" + std::to_string(i));
    for (int i = 0; i < 4; ++i) names.push_back("{tag}" + std::to_string(i));
    const auto versions = [&] {
      std::vector<std::string> found;
      for (const std::string& name : names) found.push_back(version_of(run.node(), name));
      return found;
    };
    size_t changed = 0;
    for (int step = 0; step < 300; ++step) {
      CAPTURE(step);
      const std::vector<std::string> before = versions();
      std::vector<uint32_t> counts;
      for (const std::string& name : names)
        counts.push_back(change_count(run.node().engine(), partition_of(name)));
      run.step();
      const std::vector<std::string> after = versions();
      for (size_t i = 0; i < names.size(); ++i) {
        if (before[i] == after[i]) continue;
        ++changed;
        CHECK(change_count(run.node().engine(), partition_of(names[i])) != counts[i]);
      }
      if (run.below(50) == 0) run.node().evict_everything();
    }
    CHECK(changed > 50);
  }
}

TEST_CASE("change counts: flushing and swapping databases change every partition") {
  TestNode node(1, true, true);
  const auto count = [&] { return change_count(node.engine(), 77); };
  node.with_operation("k", 0, [](Operation& operation, const Key& key) {
    operation.database(0).put_string(key, "v", kNoDeadline);
  });
  uint32_t before = count();
  const auto with_all = [&](auto&& work) {
    Operation operation(node.engine(), node.clock.now_ms);
    operation.lock_all();
    work(operation);
    (void)operation.finish();
  };
  with_all([](Operation& operation) { operation.swap_databases(0, 1); });
  CHECK(count() != before);
  before = count();
  with_all([](Operation& operation) { operation.flush_all(); });
  CHECK(count() != before);
}

}  // namespace starling::engine
