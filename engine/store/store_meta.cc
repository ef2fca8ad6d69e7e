#include "engine/store/store_meta.h"

#include "engine/base/byte_codec.h"

namespace starling::engine {

namespace {

constexpr uint64_t kFormat = 1;
constexpr uint64_t kReplicatedFormat = 2;
constexpr uint64_t kConvertedFormat = 3;
constexpr uint64_t kSettledFormat = 4;
constexpr uint64_t kConvertedSettledFormat = 5;

bool read_u32(ByteReader* reader, uint32_t* value) {
  uint64_t number;
  if (!reader->read_varint(&number) || number > UINT32_MAX) return false;
  *value = static_cast<uint32_t>(number);
  return true;
}

bool read_counts(ByteReader* reader, std::vector<PartitionCounts>* counts) {
  for (;;) {
    uint32_t partition, live, with_deadline;
    if (!read_u32(reader, &partition) || partition > kPartitionCount) return false;
    if (partition == kPartitionCount) return true;
    if (!read_u32(reader, &live) || !read_u32(reader, &with_deadline)) return false;
    counts->push_back({static_cast<uint16_t>(partition), live, with_deadline});
  }
}

void append_settled_runs(const StoreState& state, std::string* out) {
  append_varint(state.promised, out);
  for (size_t i = 0; i < kPartitionCount;) {
    const Stamp stamp = state.settled.empty() ? 0 : state.settled[i];
    size_t end = i + 1;
    while (end < kPartitionCount && (state.settled.empty() ? 0 : state.settled[end]) == stamp) ++end;
    append_varint(end - i, out);
    append_varint(stamp, out);
    i = end;
  }
}

bool read_settled_runs(ByteReader* reader, StoreState* state) {
  if (!reader->read_varint(&state->promised)) return false;
  while (state->settled.size() < kPartitionCount) {
    uint64_t count, stamp;
    if (!reader->read_varint(&count) || !reader->read_varint(&stamp)) return false;
    if (count == 0 || count > kPartitionCount - state->settled.size()) return false;
    state->settled.insert(state->settled.end(), count, stamp);
  }
  return true;
}

bool read_state(ByteReader* reader, StoreState* state) {
  for (uint32_t& space : state->spaces) {
    if (!read_u32(reader, &space)) return false;
  }
  if (!read_u32(reader, &state->next_space) || !reader->read_varint(&state->replay_from)) return false;
  for (;;) {
    uint32_t index;
    if (!read_u32(reader, &index) || index > kDatabases) return false;
    if (index == kDatabases) return reader->left() == 0;
    if (!read_counts(reader, &state->counts[index])) return false;
  }
}

}  // namespace

std::string encode_state(const StoreState& state) {
  std::string out;
  const bool settled = state.replicated && (state.promised != 0 || !state.settled.empty());
  if (settled) {
    append_varint(state.converted ? kConvertedSettledFormat : kSettledFormat, &out);
    append_settled_runs(state, &out);
  } else {
    append_varint(state.converted ? kConvertedFormat : state.replicated ? kReplicatedFormat : kFormat, &out);
  }
  for (const uint32_t space : state.spaces) append_varint(space, &out);
  append_varint(state.next_space, &out);
  append_varint(state.replay_from, &out);
  for (size_t i = 0; i < kDatabases; ++i) {
    if (state.counts[i].empty()) continue;
    append_varint(i, &out);
    for (const PartitionCounts& counts : state.counts[i]) {
      append_varint(counts.partition, &out);
      append_varint(counts.live, &out);
      append_varint(counts.with_deadline, &out);
    }
    append_varint(kPartitionCount, &out);
  }
  append_varint(kDatabases, &out);
  return out;
}

Status decode_state(std::string_view bytes, StoreState* state) {
  ByteReader reader(bytes);
  uint64_t format;
  if (!reader.read_varint(&format)) return {StatusCode::kCorrupt, "the store's state row is damaged"};
  if (format > kConvertedSettledFormat) {
    return {StatusCode::kNewerFormat, "the store was written by a newer release (state format " +
                                          std::to_string(format) + ", this one reads up to " +
                                          std::to_string(kConvertedSettledFormat) + ")"};
  }
  state->replicated = format >= kReplicatedFormat;
  state->converted = format == kConvertedFormat || format == kConvertedSettledFormat;
  if (format >= kSettledFormat && !read_settled_runs(&reader, state))
    return {StatusCode::kCorrupt, "the store's state row is damaged"};
  if (!read_state(&reader, state)) return {StatusCode::kCorrupt, "the store's state row is damaged"};
  return {};
}

StoreState capture_state(const Keyspace& keyspace, bool replicated) {
  StoreState state;
  state.replicated = replicated;
  state.next_space = keyspace.next_space;
  state.promised = keyspace.settled.promised();
  for (uint32_t p = 0; p < kPartitionCount; ++p) {
    const Stamp stamp = keyspace.settled.of(static_cast<uint16_t>(p));
    if (stamp == 0 && state.settled.empty()) continue;
    state.settled.resize(kPartitionCount);
    state.settled[p] = stamp;
  }
  for (size_t i = 0; i < kDatabases; ++i) {
    const DatabaseTables& tables = *keyspace.databases[i];
    state.spaces[i] = tables.space;
    if (!tables.used) continue;
    for (uint32_t p = 0; p < kPartitionCount; ++p) {
      const Partition& partition = tables.partitions[p];
      // Where a tombstone may be, the next start must look for it.
      const bool vacant = !replicated || (partition.complete && partition.table.size() == 0);
      if (partition.live == 0 && vacant) continue;
      state.counts[i].push_back({static_cast<uint16_t>(p), partition.live, partition.with_deadline});
    }
  }
  return state;
}

}  // namespace starling::engine
