#include "cluster/repair/settle_messages.h"

#include "engine/base/byte_codec.h"

namespace starling::cluster {
namespace {

using engine::ByteReader;

bool read_settle_kind(ByteReader* reader, TreeKind kind) {
  uint8_t byte;
  return reader->read_byte(&byte) && byte == static_cast<uint8_t>(kind);
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
  for (const auto& [partition, sum] : request.sums) {
    engine::append_varint(partition, &out);
    engine::append_u64(sum, &out);
  }
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
  if (!read_front(&reader, TreeKind::kAdopt, &request->epoch) || !reader.read_u64(&request->stamp))
    return false;
  while (reader.left() != 0) {
    uint64_t partition, sum;
    if (!reader.read_varint(&partition) || partition >= engine::kPartitionCount) return false;
    if (!request->sums.empty() && request->sums.back().first >= partition) return false;
    if (!reader.read_u64(&sum)) return false;
    request->sums.emplace_back(static_cast<uint16_t>(partition), sum);
  }
  return true;
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
