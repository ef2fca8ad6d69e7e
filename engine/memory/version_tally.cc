#include "engine/memory/version_tally.h"

// Nearly all sums are of few bytes: a call would cost more than they do.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "engine/base/simple_codec.h"
#include "engine/memory/keyspace.h"
#include "engine/memory/record_form.h"
#include "engine/record/record_codec.h"

namespace starling::engine {
namespace {

// version_hash() of a context of one dot, as nearly all are: of the numbers alone, which costs half.
// Flattened, for the compiler to see that there are 16 bytes.
[[gnu::flatten]] uint64_t hash_of_dot(const Dot& dot, uint64_t position) {
  const uint64_t numbers[] = {dot.actor, dot.stamp};
  return XXH3_64bits_withSeed(numbers, sizeof(numbers), position);
}

uint64_t position_of(int database, uint64_t hash) {
  return static_cast<uint64_t>(database) << kHashBits | hash;
}

uint64_t hash_of_version(const Keyspace& keyspace, int database, const Key& key, const Entry& entry) {
  if (const History* history = entry.history()) {
    std::string context;
    encode_context(history->context(), &context);
    return hash_of_context(context, position_of(database, key.hash));
  }
  return hash_of_dot({entry.stamp(), keyspace.actors.id_of(entry.actor())}, position_of(database, key.hash));
}

// What nearly all are: one value that stays, of one actor. The mark of such is its hash and nothing else.
bool plain(const Entry& entry) {
  return entry.type() == Type::kString && !entry.has(Entry::kComplex) && !entry.has(Entry::kHasDeadline);
}

VersionMark mark_of(const Keyspace& keyspace, int database, const Key& key, const Entry& entry) {
  VersionMark mark;
  if (forgotten(entry)) return mark;
  mark.ripe = ripe_stamp(keyspace.actors, entry);
  mark.guard = mark.ripe <= keyspace.settled.of(key.partition);
  if (mark.guard) {
    mark.ripe = kNeverRipe;
    return mark;
  }
  mark.siblings = sibling_count(keyspace.actors, entry);
  mark.hash = hash_of_version(keyspace, database, key, entry);
  return mark;
}

}  // namespace

uint64_t hash_of_context(std::string_view context, uint64_t position) {
  Dot dot;
  return decode_one_dot_context(context, &dot)
             ? hash_of_dot(dot, position)
             : XXH3_64bits_withSeed(context.data(), context.size(), position);
}

void count_siblings(size_t siblings, SiblingCounts* counts, int by) {
  if (siblings < 2) return;
  (*counts)[siblings > 8 ? 3 : siblings > 4 ? 2 : siblings > 2 ? 1 : 0] += static_cast<uint32_t>(by);
}

void VersionTally::add(const VersionMark& mark) {
  sum += mark.hash;
  ripe = std::min(ripe, mark.ripe);
  guards += mark.guard;
  count_siblings(mark.siblings, &siblings);
}

void VersionTally::remove(const VersionMark& mark) {
  sum -= mark.hash;
  if (mark.ripe != kNeverRipe && mark.ripe == ripe) ripe_exact = false;
  guards -= mark.guard;
  count_siblings(mark.siblings, &siblings, -1);
}

void VersionTallies::doubt(uint16_t partition) {
  State& state = states_[partition];
  state.tally = {};
  state.until = 0;
  ++state.disturbed;
}

void VersionTallies::set(uint16_t partition, const VersionTally& tally) {
  states_[partition].tally = tally;
  states_[partition].until = kEnd;
  ++states_[partition].disturbed;
}

bool VersionTallies::takes_in(int database, const Key& key) {
  State& state = states_[key.partition];
  const uint64_t position = static_cast<uint64_t>(database) << kHashBits | key.hash;
  if (position < state.until) return true;
  ++state.disturbed;
  return false;
}

void VersionTallies::before(const Keyspace& keyspace, int database, const Key& key, const Entry& entry) {
  if (!takes_in(database, key)) return;
  VersionTally& tally = states_[key.partition].tally;
  if (plain(entry)) {
    tally.sum -= hash_of_version(keyspace, database, key, entry);
  } else {
    tally.remove(mark_of(keyspace, database, key, entry));
  }
}

void VersionTallies::after(const Keyspace& keyspace, int database, const Key& key, const Entry& entry) {
  if (!takes_in(database, key)) return;
  VersionTally& tally = states_[key.partition].tally;
  if (plain(entry)) {
    tally.sum += hash_of_version(keyspace, database, key, entry);
  } else {
    tally.add(mark_of(keyspace, database, key, entry));
  }
}

bool VersionTallies::extend(uint16_t partition, const Scan& scan, const VersionTally& found, uint64_t until) {
  State& state = states_[partition];
  if (state.disturbed != scan.disturbed || state.until != scan.until) return false;
  state.tally.sum += found.sum;
  state.tally.ripe = std::min(state.tally.ripe, found.ripe);
  state.tally.guards += found.guards;
  for (size_t i = 0; i < found.siblings.size(); ++i) state.tally.siblings[i] += found.siblings[i];
  state.until = until;
  return true;
}

}  // namespace starling::engine
