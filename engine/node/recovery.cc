#include "engine/node/recovery.h"

#include <algorithm>
#include <cmath>
#include <thread>

#include "engine/core/mutation.h"
#include "engine/log/log_format.h"
#include "engine/node/change_replay.h"
#include "engine/record/storage_key.h"
#include "engine/store/store_meta.h"

namespace starling::engine {

namespace {

// Above, the reading of the log is what takes the time.
constexpr int kMostThreads = 8;
constexpr int kFramesHere = 64;
constexpr int64_t kBetweenLinesUs = 1'000'000;

int threads_for(const Options& options) {
  return options.threads ? std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, kMostThreads)
                         : 0;
}

}  // namespace

Recovery::Recovery(Engine& engine, EngineCore& core, Loader& loader)
    : engine_(engine),
      core_(core),
      loader_(loader),
      workers_(threads_for(core.options), [this](std::span<const ReplayWorkers::Frame> frames) {
        return ChangeReplay(engine_, core_, loader_, room_.load(std::memory_order_relaxed)).apply(frames);
      }) {}

// A table that grows by quarters places each entry five times, which is a third of what a replay takes. Room for what
// the log may hold is made at once instead, as if each frame were of a key of its own; fit_tables() takes back what
// was not needed.
void Recovery::foresee_room(std::string_view frame) {
  constexpr uint64_t kFrames = 256;
  constexpr uint32_t kMostRoom = 800;  // A larger table is several.
  if (frames_ > kFrames) return;
  sampled_bytes_ += frame_bytes(frame.size());
  if (frames_ < kFrames) return;
  const double expected = static_cast<double>(log_bytes_) * kFrames / static_cast<double>(sampled_bytes_) /
                          static_cast<double>(kPartitionCount);
  const auto room = static_cast<uint32_t>(std::min<double>(expected + 2 * std::sqrt(expected), kMostRoom));
  room_.store(room, std::memory_order_relaxed);
}

void Recovery::fit_tables() {
  if (room_.load(std::memory_order_relaxed) == 0) return;
  for (const auto& tables : core_.keyspace.databases) {
    for (uint32_t p = 0; tables->used && p < kPartitionCount; ++p) {
      Table& table = tables->partitions[p].table;
      const auto before = static_cast<int64_t>(table.memory_bytes());
      table.fit();
      core_.keyspace.stripes.add_bytes(stripe_of(static_cast<uint16_t>(p)),
                                       static_cast<int64_t>(table.memory_bytes()) - before);
    }
  }
}

Status Recovery::restore_state(uint64_t* replay_from) {
  std::string bytes;
  const ReadResult result = core_.store->get(Family::kMeta, kStateKey, ReadMode::kMayBlock, &bytes);
  *replay_from = 0;
  if (result == ReadResult::kAbsent) return {};
  if (result != ReadResult::kFound) return {StatusCode::kIoError, "the store's state row could not be read"};
  StoreState state;
  Status status = decode_state(bytes, &state);
  if (!status.ok()) return status;
  store_replicated_ = state.replicated;
  core_.converted = core_.options.replicated && (state.converted || !state.replicated);
  if (state.replicated && !core_.options.replicated) {
    return {StatusCode::kInvalid,
            "the records of this data directory are replicas of a cluster's; without a cluster their history "
            "would be lost"};
  }
  *replay_from = state.replay_from;
  core_.keyspace.next_space = state.next_space;
  core_.keyspace.settled.promise(state.promised);
  core_.hybrid_clock.restore(state.promised);
  for (size_t i = 0; i < state.settled.size(); ++i) {
    core_.keyspace.settled.raise(static_cast<uint16_t>(i), state.settled[i]);
    core_.hybrid_clock.restore(state.settled[i]);
  }
  for (size_t i = 0; i < kDatabases; ++i) {
    auto tables = std::make_shared<DatabaseTables>(state.spaces[i], static_cast<uint8_t>(i));
    tables->stored = true;
    if (!state.counts[i].empty()) tables->ensure_used();
    for (const PartitionCounts& counts : state.counts[i]) {
      Partition& partition = tables->partitions[counts.partition];
      partition.complete = false;
      tables->add_live(partition, static_cast<int>(counts.live));
      tables->add_with_deadline(partition, static_cast<int>(counts.with_deadline));
    }
    core_.keyspace.databases[i] = std::move(tables);
  }
  return {};
}

void Recovery::apply_map(const Mutation& mutation) {
  Keyspace& keyspace = core_.keyspace;
  std::array<std::shared_ptr<DatabaseTables>, kDatabases> databases;
  for (auto& tables : keyspace.databases) {
    const auto* const at = std::find(mutation.spaces.begin(), mutation.spaces.end(), tables->space);
    if (at != mutation.spaces.end()) databases[static_cast<size_t>(at - mutation.spaces.begin())] = tables;
  }
  std::vector<uint8_t> free_slots;
  for (const auto& tables : keyspace.databases) {
    if (std::find(databases.begin(), databases.end(), tables) != databases.end()) continue;
    free_slots.push_back(tables->deadline_slot);
    if (tables->stored) keyspace.flushed_spaces.push_back(tables->space);
    keyspace.release(*tables);
  }
  for (size_t i = 0; i < kDatabases; ++i) {
    if (databases[i] != nullptr) continue;
    databases[i] = std::make_shared<DatabaseTables>(mutation.spaces[i], free_slots.back());
    free_slots.pop_back();
  }
  keyspace.databases = std::move(databases);
  keyspace.next_space = mutation.next_space;
}

// The actor of frames that may be waiting to be replayed has its index from here on: nothing is swept before they are.
Status Recovery::take_actor(ActorId actor) {
  ActorTable& actors = core_.keyspace.actors;
  if (actor == last_actor_ && !actors.crowded()) return {};
  if (actors.crowded()) {
    if (Status status = workers_.drain(); !status.ok()) return status;
    sweep_.run_if_crowded();
  }
  last_actor_ = actor;
  if (actors.take(actor)) return {};
  return {StatusCode::kInvalid, "the records that the commit log changes have more actors than there can be"};
}

// By whom a change is made again: whose stripe its key has. None: it is of more than that.
std::optional<Lookup> Recovery::place_of(const Mutation& mutation) const {
  if (mutation.kind == MutationKind::kMap || mutation.kind == MutationKind::kMove) return std::nullopt;
  Lookup place(0, Key({}));
  if (mutation.kind == MutationKind::kSettle || mutation.kind == MutationKind::kUnsettle) {
    place.partition = static_cast<uint16_t>(mutation.partition % kPartitionCount);
    return place;
  }
  place = Lookup(std::max(database_of(core_.keyspace, mutation.space), 0), Key(mutation.key));
  return place;
}

// Alone, when all before it is done. Where one comes, others often do (RENAME of what was just made): what follows is
// made again here for a while, so that the next one need not wait.
Status Recovery::replay_alone(const Mutation& mutation, std::string_view frame) {
  Status status = workers_.drain();
  if (!status.ok()) return status;
  here_ = kFramesHere;
  if (mutation.kind != MutationKind::kMap) return ChangeReplay(engine_, core_, loader_).apply(frame);
  apply_map(mutation);
  return {};
}

Status Recovery::hand_over_part(const Lookup& place, std::string_view actor, std::string_view changes) {
  if (here_ == 0) return workers_.add(place, actor, changes);
  --here_;
  return ChangeReplay(engine_, core_, loader_).apply(std::string(actor).append(changes));
}

Status Recovery::replay(std::string_view frame) {
  MutationReader reader(frame);
  if (!reader.ok()) return {StatusCode::kCorrupt, "a frame of the commit log is too short"};
  Status status = take_actor(reader.actor());
  const std::string_view actor = frame.substr(0, frame.size() - reader.left());
  // Changes of one stripe stay together: what is changed of a collection goes with what names it.
  std::optional<Lookup> place;
  size_t begin = actor.size(), end = begin;
  const auto finish_part = [&] {
    if (status.ok() && place) status = hand_over_part(*place, actor, frame.substr(begin, end - begin));
    begin = end;
    place.reset();
  };
  Mutation mutation;
  while (status.ok() && reader.next(&mutation)) {
    ++mutations_;
    if (!of_element(mutation.kind)) {
      const std::optional<Lookup> next = place_of(mutation);
      if (place && (!next || stripe_of(next->partition) != stripe_of(place->partition))) finish_part();
      if (!place) place = next;
    }
    end = frame.size() - reader.left();
    if (place || !status.ok()) continue;
    status = replay_alone(mutation, std::string(actor).append(frame.substr(begin, end - begin)));
    begin = end;
  }
  finish_part();
  ++frames_;
  foresee_room(frame);
  if (!reader.ok()) return {StatusCode::kCorrupt, "a frame of the commit log holds an unknown change"};
  return status;
}

// Rows of flushed databases whose erasure a crash forgot. Before the replay: it may begin before a flush, and
// then works on the rows of that database until it comes to it.
Status Recovery::erase_unmapped_spaces() {
  std::vector<uint32_t> mapped;
  for (const auto& tables : core_.keyspace.databases) mapped.push_back(tables->space);
  std::sort(mapped.begin(), mapped.end());
  uint32_t next = 0;
  mapped.push_back(core_.keyspace.next_space);
  for (const uint32_t space : mapped) {
    if (space > next) {
      const std::string lower = space_range(next).lower;
      const std::string upper = space_range(space - 1).upper;
      for (const Family family : {Family::kRecords, Family::kElements}) {
        Status status = core_.store->erase_range(family, lower, upper);
        if (!status.ok()) return status;
      }
    }
    next = space + 1;
  }
  return {};
}

Status Recovery::replay_log(uint64_t first_segment, const std::atomic<bool>& abandoned, const Told& told,
                            const Progress& progress) {
  int64_t line_us = core_.clock.monotonic_us();
  Status status = core_.log->recover(
      first_segment,
      [&](uint64_t, std::string_view frame) {
        if (abandoned.load(std::memory_order_relaxed))
          return Status(StatusCode::kInvalid, "the replay of the commit log was ended");
        return replay(frame);
      },
      [&](uint64_t done, uint64_t total) {
        log_bytes_ = total;
        told(done, total);
        const int64_t now_us = core_.clock.monotonic_us();
        if (now_us - line_us < kBetweenLinesUs) return;
        line_us = now_us;
        progress("Replaying the commit log: " + std::to_string(done * 100 / std::max<uint64_t>(total, 1)) +
                 "% of " + std::to_string(total >> 20) + " MiB");
      });
  if (status.ok()) status = workers_.drain();
  if (status.ok()) fit_tables();
  return status;
}

Status Recovery::run(const std::atomic<bool>& abandoned, const Told& told, const Progress& progress) {
  uint64_t replay_from = 0;
  const int64_t begin_us = core_.clock.monotonic_us();
  Status status = restore_state(&replay_from);
  if (status.ok()) status = erase_unmapped_spaces();
  if (status.ok()) status = core_.hints.load(*core_.store);
  if (status.ok()) status = replay_log(replay_from, abandoned, told, progress);
  if (!status.ok()) return status;
  core_.hints.drop_unmapped();
  // What a single node wrote before its first checkpoint.
  if (core_.options.replicated && !store_replicated_ && frames_ > 0) core_.converted = true;
  if (frames_ > 0) {
    progress("Replayed " + std::to_string(mutations_) + " changes in " + std::to_string(frames_) +
             " frames of the commit log, in " +
             std::to_string((core_.clock.monotonic_us() - begin_us) / 1000) + " ms");
  }
  return {};
}

}  // namespace starling::engine
