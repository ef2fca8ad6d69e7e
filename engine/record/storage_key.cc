#include "engine/record/storage_key.h"

#include <cstring>

#include "engine/base/assert.h"
#include "engine/base/byte_codec.h"

namespace starling::engine {
namespace {

void append_position(SpaceId space, uint16_t partition, uint64_t hash, std::string* out) {
  char bytes[kPositionBytes + 4];
  const uint32_t space_bytes = __builtin_bswap32(space);
  const uint64_t place_bytes = __builtin_bswap64(static_cast<uint64_t>(partition) << kHashBits | hash);
  std::memcpy(bytes, &space_bytes, 4);
  std::memcpy(bytes + 4, &place_bytes, 8);
  out->append(bytes, kPositionBytes);
}

void append_escaped(std::string_view name, std::string* out) {
  for (size_t zero; (zero = name.find('\0')) != std::string_view::npos; name.remove_prefix(zero + 1)) {
    out->append(name.substr(0, zero + 1));
    out->push_back('\x01');
  }
  out->append(name);
  out->append(2, '\0');
}

}  // namespace

void append_record_key(SpaceId space, uint16_t partition, uint64_t hash, std::string_view name,
                       std::string* out) {
  append_position(space, partition, hash, out);
  out->append(name);
}

void append_record_key(SpaceId space, const Key& key, std::string* out) {
  append_record_key(space, key.partition, key.hash, key.name, out);
}

void append_element_prefix(SpaceId space, uint16_t partition, uint64_t hash, std::string_view name,
                           std::string* out) {
  append_position(space, partition, hash, out);
  append_escaped(name, out);
}

void append_element_prefix(SpaceId space, const Key& key, std::string* out) {
  append_element_prefix(space, key.partition, key.hash, key.name, out);
}

void append_element_name(ElementKind kind, std::string_view name, std::string* out) {
  out->push_back(static_cast<char>(kind));
  out->append(name);
}

void append_deadline_key(int64_t deadline_ms, std::string_view record_key, std::string* out) {
  STARLING_ASSERT(deadline_ms >= 0);
  append_big_endian<8>(static_cast<uint64_t>(deadline_ms), out);
  out->append(record_key);
}

bool decode_record_key(std::string_view bytes, RecordKey* key) {
  if (bytes.size() < kPositionBytes) return false;
  key->space = static_cast<SpaceId>(load_big_endian<4>(bytes.data()));
  key->partition = static_cast<uint16_t>(load_big_endian<2>(bytes.data() + 4));
  key->hash = load_big_endian<6>(bytes.data() + 6);
  key->name = bytes.substr(kPositionBytes);
  return key->space <= kMaxSpaceId && key->partition < kPartitionCount;
}

bool decode_deadline_key(std::string_view bytes, DeadlineKey* key) {
  if (bytes.size() < 8) return false;
  key->deadline_ms = static_cast<int64_t>(load_big_endian<8>(bytes.data()));
  key->record_key = bytes.substr(8);
  return key->deadline_ms >= 0 && decode_record_key(key->record_key, &key->record);
}

bool decode_element_name(std::string_view bytes, size_t prefix_bytes, ElementName* element) {
  if (bytes.size() <= prefix_bytes) return false;
  const auto kind = static_cast<uint8_t>(bytes[prefix_bytes]);
  if (!is_element_kind(kind)) return false;
  element->kind = static_cast<ElementKind>(kind);
  element->name = bytes.substr(prefix_bytes + 1);
  return is_stored_apart(element->kind);
}

KeyRange space_range(SpaceId space) {
  STARLING_ASSERT(space <= kMaxSpaceId);
  KeyRange range;
  append_big_endian<4>(space, &range.lower);
  append_big_endian<4>(space + 1, &range.upper);
  return range;
}

KeyRange partition_range(SpaceId space, uint16_t partition) {
  STARLING_ASSERT(space <= kMaxSpaceId && partition < kPartitionCount);
  KeyRange range;
  append_big_endian<4>(space, &range.lower);
  range.upper = range.lower;
  append_big_endian<2>(partition, &range.lower);
  append_big_endian<2>(partition + 1u, &range.upper);
  return range;
}

std::string position_bound(SpaceId space, uint16_t partition, uint64_t hash) {
  STARLING_ASSERT(hash >> kHashBits == 0);
  std::string bound;
  append_position(space, partition, hash, &bound);
  return bound;
}

KeyRange element_range(SpaceId space, const Key& key) {
  KeyRange range;
  append_element_prefix(space, key, &range.lower);
  range.upper = range.lower;
  range.upper.back() = '\x01';  // What ends in 0x00 0x01 are elements of longer names.
  return range;
}

KeyRange element_range(SpaceId space, const Key& key, ElementKind kind) {
  KeyRange range;
  append_element_prefix(space, key, &range.lower);
  range.upper = range.lower;
  range.lower.push_back(static_cast<char>(kind));
  range.upper.push_back(static_cast<char>(static_cast<uint8_t>(kind) + 1));
  return range;
}

KeyRange deadline_range(int64_t now_ms) {
  STARLING_ASSERT(now_ms >= 0);
  KeyRange range;
  append_big_endian<8>(static_cast<uint64_t>(now_ms) + 1, &range.upper);
  return range;
}

}  // namespace starling::engine
