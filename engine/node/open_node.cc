// Opens the production engine: the data directory, its actor, the store and the commit log.
#include "engine/core/engine.h"
#include "engine/node/data_directory.h"
#include "engine/node/node_engine.h"
#include "engine/record/hybrid_clock.h"
#include "engine/store/rocks_store.h"

namespace starling::engine {

namespace {

using Progress = std::function<void(const std::string&)>;

// Calls `attempt` again with the ballast's room when the disk is full.
Status with_ballast(const std::string& directory, const Progress& progress,
                    const std::function<Status()>& attempt) {
  Status status = attempt();
  if (status.code() != StatusCode::kNoSpace || !drop_ballast(directory)) return status;
  progress("The disk is full; going on with the room of the ballast file");
  return attempt();
}

// The last stamp that an actor may have issued to go on. A node of its own goes on from any: nobody is there to
// refuse what it stamps.
Stamp latest_stamp(const Options& options, const Clock& clock) {
  if (!options.replicated) return UINT64_MAX;
  return stamp_at(clock.wall_ms() + kDefaultMaxDriftMs);
}

Status open_parts(const Options& options, const Clock& clock, uint64_t random_seed, const Progress& progress,
                  NodeParts* parts) {
  const std::string& directory = options.directory;
  Status status = DirectoryLock::acquire(directory, options.hash_seed, &parts->lock);
  if (!status.ok()) return status;
  SeededRandom random(random_seed);
  status = with_ballast(directory, progress, [&] {
    return ActorFile::open(directory, random, latest_stamp(options, clock), &parts->actor_file);
  });
  if (!status.ok()) return status;
  parts->actor = parts->actor_file->actor();
  if (!parts->actor_file->resumed()) progress(parts->actor_file->reason());

  RocksOptions rocks;
  rocks.directory = directory + "/store";
  rocks.block_cache_bytes = block_cache_bytes(options, options.max_memory_bytes);
  status = with_ballast(directory, progress, [&] { return open_rocks_store(rocks, &parts->store); });
  if (!status.ok()) return status;
  CommitLog::Options log;
  log.directory = directory + "/log";
  status = make_directory(log.directory);
  return status.ok() ? open_file_log(log, &parts->log) : status;
}

}  // namespace

Status Engine::prepare(const Options& options, Clock& clock, uint64_t random_seed, KeyObserver& observer,
                       const Progress& progress, std::unique_ptr<Engine>* engine) {
  NodeParts parts;
  parts.progress = progress;
  if (options.durable) {
    Status status = open_parts(options, clock, random_seed, progress, &parts);
    if (!status.ok()) return status;
    set_hash_seed(parts.lock->hash_seed());
  } else {
    set_hash_seed(options.hash_seed);
    parts.actor = SeededRandom(random_seed).next() | 1;
  }
  *engine = std::make_unique<NodeEngine>(options, clock, random_seed, observer, std::move(parts));
  return {};
}

Status Engine::open(const Options& options, Clock& clock, uint64_t random_seed, KeyObserver& observer,
                    const Progress& progress, std::unique_ptr<Engine>* engine) {
  std::unique_ptr<Engine> prepared;
  Status status = prepare(options, clock, random_seed, observer, progress, &prepared);
  if (status.ok()) status = prepared->start();
  if (status.ok()) *engine = std::move(prepared);
  return status;
}

}  // namespace starling::engine
