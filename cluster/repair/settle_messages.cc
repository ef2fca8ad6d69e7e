#include "cluster/repair/settle_messages.h"

#include "engine/base/byte_codec.h"

namespace starling::cluster {
namespace {

using engine::ByteReader;

bool read_settle_kind(ByteReader* reader, TreeKind kind) {
  uint8_t byte;
  return reader->read_byte(&byte) && byte == static_cast<uint8_t>(kind);
}

// Ascending, to the end.
bool read_partition_list(ByteReader* reader, std::vector<uint16_t>* partitions) {
  while (reader->left() != 0) {
    uint64_t partition;
    if (!reader->read_varint(&partition) || partition >= engine::kPartitionCount) return false;
    if (!partitions->empty() && partitions->back() >= partition) return false;
    partitions->push_back(static_cast<uint16_t>(partition));
  }
  return true;
}

bool read_sums(ByteReader* reader, std::vector<std::pair<uint16_t, uint64_t>>* sums) {
  while (reader->left() != 0) {
    uint64_t partition, sum;
    if (!reader->read_varint(&partition) || partition >= engine::kPartitionCount) return false;
    if (!sums->empty() && sums->back().first >= partition) return false;
    if (!reader->read_u64(&sum)) return false;
    sums->emplace_back(static_cast<uint16_t>(partition), sum);
  }
  return true;
}

void append_sums(const std::vector<std::pair<uint16_t, uint64_t>>& sums, std::string* out) {
  for (const auto& [partition, sum] : sums) {
    engine::append_varint(partition, out);
    engine::append_u64(sum, out);
  }
}

bool read_front(ByteReader* reader, TreeKind kind, Epoch* epoch) {
  return reader->read_varint(epoch) && read_settle_kind(reader, kind);
}

}  // namespace

std::string encode_mark(Epoch epoch) {
  return begin_tree(epoch, TreeKind::kMark);
}

std::string encode_busy(Epoch epoch, const Mark& since) {
  std::string out = begin_tree(epoch, TreeKind::kBusy);
  engine::append_u64(since.boot, &out);
  engine::append_varint(since.number, &out);
  return out;
}

std::string encode_adopt(const AdoptRequest& request) {
  std::string out = begin_tree(request.epoch, TreeKind::kAdopt);
  engine::append_u64(request.stamp, &out);
  append_sums(request.sums, &out);
  return out;
}

std::string encode_same(const SameRequest& request) {
  std::string out = begin_tree(request.epoch, TreeKind::kSame);
  engine::append_varint(request.number, &out);
  append_sums(request.sums, &out);
  return out;
}

std::string encode_proven(const ProvenRequest& request) {
  std::string out = begin_tree(request.epoch, TreeKind::kProven);
  engine::append_u64(request.boot, &out);
  engine::append_u64(request.stamp, &out);
  for (const uint16_t partition : request.partitions) engine::append_varint(partition, &out);
  return out;
}

std::string encode_same_reply(const SameReply& reply) {
  std::string out = begin_tree_detail(TreeKind::kSame);
  engine::append_varint(reply.number, &out);
  for (const uint16_t partition : reply.partitions) engine::append_varint(partition, &out);
  return out;
}

std::string encode_clock(Epoch epoch, engine::Stamp stamp) {
  std::string out = begin_tree(epoch, TreeKind::kClock);
  engine::append_u64(stamp, &out);
  return out;
}

std::string encode_mark_reply(const Mark& mark) {
  std::string out = begin_tree_detail(TreeKind::kMark);
  engine::append_u64(mark.boot, &out);
  engine::append_varint(mark.number, &out);
  engine::append_u64(mark.stamp, &out);
  return out;
}

std::string encode_busy_reply(const PartitionSet& busy, const PartitionSet& guarded) {
  std::string out = begin_tree_detail(TreeKind::kBusy);
  append_partitions(busy, &out);
  for_each_partition(guarded, [&](uint16_t partition) { engine::append_varint(partition, &out); });
  return out;
}

std::string encode_adopt_reply(uint64_t adopted) {
  std::string out = begin_tree_detail(TreeKind::kAdopt);
  engine::append_varint(adopted, &out);
  return out;
}

bool decode_busy(std::string_view payload, Mark* since) {
  ByteReader reader(payload);
  Epoch epoch;
  return read_front(&reader, TreeKind::kBusy, &epoch) && reader.read_u64(&since->boot) &&
         reader.read_varint(&since->number) && reader.left() == 0;
}

bool decode_adopt(std::string_view payload, AdoptRequest* request) {
  ByteReader reader(payload);
  return read_front(&reader, TreeKind::kAdopt, &request->epoch) && reader.read_u64(&request->stamp) &&
         read_sums(&reader, &request->sums);
}

bool decode_same(std::string_view payload, SameRequest* request) {
  ByteReader reader(payload);
  return read_front(&reader, TreeKind::kSame, &request->epoch) && reader.read_varint(&request->number) &&
         read_sums(&reader, &request->sums);
}

bool decode_proven(std::string_view payload, ProvenRequest* request) {
  ByteReader reader(payload);
  return read_front(&reader, TreeKind::kProven, &request->epoch) && reader.read_u64(&request->boot) &&
         reader.read_u64(&request->stamp) && read_partition_list(&reader, &request->partitions);
}

bool decode_same_reply(std::string_view detail, SameReply* reply) {
  ByteReader reader(detail);
  return read_settle_kind(&reader, TreeKind::kSame) && reader.read_varint(&reply->number) &&
         read_partition_list(&reader, &reply->partitions);
}

bool decode_clock(std::string_view payload, engine::Stamp* stamp) {
  ByteReader reader(payload);
  Epoch epoch;
  return read_front(&reader, TreeKind::kClock, &epoch) && reader.read_u64(stamp) && reader.left() == 0;
}

bool decode_mark_reply(std::string_view detail, Mark* mark) {
  ByteReader reader(detail);
  return read_settle_kind(&reader, TreeKind::kMark) && reader.read_u64(&mark->boot) &&
         reader.read_varint(&mark->number) && reader.read_u64(&mark->stamp) && reader.left() == 0;
}

bool decode_busy_reply(std::string_view detail, PartitionSet* busy, PartitionSet* guarded) {
  ByteReader reader(detail);
  if (!read_settle_kind(&reader, TreeKind::kBusy) || !read_partitions(&reader, busy)) return false;
  guarded->reset();
  for (uint64_t partition, least = 0; reader.left() != 0; least = partition + 1) {
    if (!reader.read_varint(&partition) || partition < least || partition >= engine::kPartitionCount)
      return false;
    guarded->set(partition);
  }
  return true;
}

}  // namespace starling::cluster
