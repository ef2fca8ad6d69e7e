#include "cluster/repair/tree_messages.h"

#include <bit>

#include "engine/base/byte_codec.h"
#include "engine/memory/keyspace.h"

namespace starling::cluster {
namespace {

using engine::ByteReader;
using engine::kPartitionCount;

// A position is at most this, or kEndPosition.
constexpr Position kLastPosition = (uint64_t{engine::kDatabases} << engine::kHashBits) - 1;

bool valid(Position position) {
  return position <= kLastPosition || position == kEndPosition;
}

}  // namespace

std::string begin_tree(Epoch epoch, TreeKind kind) {
  std::string out;
  engine::append_varint(epoch, &out);
  out.push_back(static_cast<char>(kind));
  return out;
}

std::string begin_tree_detail(TreeKind kind) {
  std::string out = begin_reply(ReplyResult::kOk);
  out.push_back(static_cast<char>(kind));
  return out;
}

void append_partitions(const PartitionSet& set, std::string* out) {
  const auto bytes = std::bit_cast<PartitionSetBytes>(set);
  out->append(bytes.data(), bytes.size());
}

bool read_partitions(ByteReader* reader, PartitionSet* set) {
  if (reader->left() < kPartitionSetBytes) return false;
  PartitionSetBytes bytes;
  reader->rest().copy(bytes.data(), bytes.size());
  *set = std::bit_cast<PartitionSet>(bytes);
  *reader = ByteReader(reader->rest().substr(kPartitionSetBytes));
  return true;
}

namespace {

template <size_t count>
bool read_all(ByteReader* reader, std::array<uint64_t, count>* values) {
  for (uint64_t& value : *values) {
    if (!reader->read_u64(&value)) return false;
  }
  return true;
}

bool read_kind(ByteReader* reader, TreeKind kind) {
  uint8_t byte;
  return reader->read_byte(&byte) && byte == static_cast<uint8_t>(kind);
}

bool read_name(ByteReader* reader, int* database, std::string* key) {
  uint8_t number;
  std::string_view name;
  if (!reader->read_byte(&number) || number >= engine::kDatabases || !reader->read_string(&name))
    return false;
  *database = number;
  *key = std::string(name);
  return true;
}

}  // namespace

std::string encode_sums(const SumsRequest& request) {
  std::string out = begin_tree(request.epoch, TreeKind::kSums);
  out.push_back(request.urgent ? 1 : 0);
  append_partitions(request.included, &out);
  for (const uint64_t sum : request.sums) engine::append_u64(sum, &out);
  return out;
}

std::string encode_list(const ListRequest& request) {
  std::string out = begin_tree(request.epoch, TreeKind::kList);
  engine::append_varint(request.partition, &out);
  engine::append_varint(request.settled, &out);
  engine::append_varint(request.from, &out);
  engine::append_varint(request.until, &out);
  for (const VersionEntry& entry : request.entries) {
    append_key({static_cast<uint8_t>(entry.database), entry.key}, &out);
    engine::append_string(entry.context, &out);
  }
  return out;
}

std::string encode_sums_reply(const SumsReply& reply) {
  std::string out = begin_tree_detail(TreeKind::kSums);
  engine::append_varint(reply.in_doubt.size(), &out);
  for (const uint16_t partition : reply.in_doubt) engine::append_varint(partition, &out);
  for (const auto& [group, sums] : reply.groups) {
    out.push_back(static_cast<char>(group));
    for (const uint64_t sum : sums) engine::append_u64(sum, &out);
  }
  return out;
}

std::string encode_list_reply(const ListReply& reply) {
  std::string out = begin_tree_detail(TreeKind::kList);
  engine::append_varint(reply.differences, &out);
  engine::append_varint(reply.failed, &out);
  engine::append_varint(reply.reached, &out);
  for (const auto& [database, key] : reply.wanted) append_key({static_cast<uint8_t>(database), key}, &out);
  return out;
}

bool peek_tree(std::string_view payload, Epoch* epoch, TreeKind* kind) {
  ByteReader reader(payload);
  uint8_t number;
  if (!reader.read_varint(epoch) || !reader.read_byte(&number)) return false;
  if (number < static_cast<uint8_t>(TreeKind::kSums) || number > static_cast<uint8_t>(TreeKind::kProven))
    return false;
  *kind = static_cast<TreeKind>(number);
  return true;
}

bool decode_sums(std::string_view payload, SumsRequest* request) {
  ByteReader reader(payload);
  uint8_t urgent;
  if (!reader.read_varint(&request->epoch) || !read_kind(&reader, TreeKind::kSums)) return false;
  if (!reader.read_byte(&urgent) || urgent > 1) return false;
  request->urgent = urgent == 1;
  return read_partitions(&reader, &request->included) && read_all(&reader, &request->sums) &&
         reader.left() == 0;
}

bool decode_list(std::string_view payload, ListRequest* request) {
  ByteReader reader(payload);
  uint64_t partition;
  if (!reader.read_varint(&request->epoch) || !read_kind(&reader, TreeKind::kList)) return false;
  if (!reader.read_varint(&partition) || partition >= kPartitionCount) return false;
  if (!reader.read_varint(&request->settled)) return false;
  if (!reader.read_varint(&request->from) || !reader.read_varint(&request->until)) return false;
  if (!valid(request->from) || !valid(request->until) || request->from >= request->until) return false;
  request->partition = static_cast<uint16_t>(partition);
  Position last = request->from;
  while (reader.left() != 0) {
    VersionEntry entry;
    std::string_view context;
    if (request->entries.size() >= kMaxListEntries) return false;
    if (!read_name(&reader, &entry.database, &entry.key) || !reader.read_string(&context)) return false;
    entry.context = std::string(context);
    const Position position = entry.position();
    if (position < last || position >= request->until) return false;
    if (engine::partition_of(entry.key) != request->partition) return false;
    last = position;
    request->entries.push_back(std::move(entry));
  }
  return true;
}

bool decode_sums_reply(std::string_view detail, SumsReply* reply) {
  ByteReader reader(detail);
  uint64_t count, partition;
  if (!read_kind(&reader, TreeKind::kSums) || !reader.read_varint(&count) || count > kPartitionCount)
    return false;
  for (; count > 0; --count) {
    if (!reader.read_varint(&partition) || partition >= kPartitionCount) return false;
    if (!reply->in_doubt.empty() && reply->in_doubt.back() >= partition) return false;
    reply->in_doubt.push_back(static_cast<uint16_t>(partition));
  }
  while (reader.left() != 0) {
    uint8_t group;
    PartitionSums sums;
    if (!reader.read_byte(&group) || group >= kGroupCount || !read_all(&reader, &sums)) return false;
    if (!reply->groups.empty() && reply->groups.back().first >= group) return false;
    reply->groups.emplace_back(group, sums);
  }
  return true;
}

bool decode_list_reply(std::string_view detail, ListReply* reply) {
  ByteReader reader(detail);
  if (!read_kind(&reader, TreeKind::kList)) return false;
  if (!reader.read_varint(&reply->differences) || !reader.read_varint(&reply->failed)) return false;
  if (!reader.read_varint(&reply->reached) || !valid(reply->reached)) return false;
  while (reader.left() != 0) {
    int database;
    std::string key;
    if (reply->wanted.size() >= kMaxListEntries || !read_name(&reader, &database, &key)) return false;
    reply->wanted.emplace_back(database, std::move(key));
  }
  return true;
}

}  // namespace starling::cluster
