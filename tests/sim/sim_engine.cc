#include "tests/sim/sim_engine.h"

#include "engine/base/assert.h"
#include "engine/node/data_directory.h"

namespace starling::sim {
namespace {

engine::Options engine_options() {
  engine::Options options;
  options.replicated = true;
  options.fsync = engine::Fsync::kNo;
  options.disk_threads = 0;
  options.threads = false;
  return options;
}

}  // namespace

engine::NodeParts SimEngine::parts(const SimDisk& disk, engine::ActorId actor, engine::MemoryLog** log) {
  engine::NodeParts parts;
  parts.actor = actor;
  auto memory_log = std::make_unique<engine::MemoryLog>(engine::CommitLog::Options(), disk.log);
  *log = memory_log.get();
  parts.log = std::move(memory_log);
  auto store = std::make_unique<engine::MemoryStore>(disk.store, "store");
  // What is not in memory always has to be read by fetch().
  store->set_cold(true);
  parts.store = std::move(store);
  return parts;
}

SimEngine::SimEngine(const SimDisk& disk, engine::Clock& clock, Setting setting)
    : setting_(std::move(setting)),
      fsync_(setting_.fsync_always ? engine::Fsync::kAlways : engine::Fsync::kEverySecond),
      node_(engine_options(), clock, setting_.random_seed, observer_, parts(disk, setting_.actor, &log_)) {
  const engine::Status status = node_.start();
  STARLING_ASSERT(status.ok());
}

void SimEngine::fetch(std::vector<engine::KeyRef> keys, std::function<void(engine::Status)> done) {
  setting_.later([this, keys = std::move(keys), done = std::move(done)] {
    engine::Status status;
    for (const engine::KeyRef& key : keys) {
      if (status.ok()) status = load(key);
    }
    done(status);
  });
}

bool SimEngine::durable(engine::LogPosition position) {
  return setting_.mutation == Mutation::kAckBeforeDurable || node_.durable(position);
}

void SimEngine::evict_everything() {
  engine::Evictor evictor(node_.core());
  evictor.set_budget(1);
  engine::SeededRandom random(setting_.random_seed);
  (void)evictor.make_room(1 << 12, random);
}

}  // namespace starling::sim
