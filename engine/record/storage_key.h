// The keys of the store's families. Integers are big-endian, so that bytes sort as (space, partition, hash,
// name).
//
//   records    := record key                        -> a record's header (record_codec.h)
//   elements   := element prefix  kind u8  element name (to the end)  -> one element (record_codec.h)
//   deadlines  := deadline u64  record key          -> nothing; finds what has expired
//
//   record key      := position  name (to the end)
//   element prefix  := position  escaped name
//   position        := space u32  partition u16  hash u48
//   escaped name    := the name with 0x00 written as 0x00 0x01, then 0x00 0x00
//
// An escaped name sorts as the name does and is no prefix of another one. So the elements of one record lie
// together, and the elements family has its records in the order of the records family: whoever writes both
// in one sweep sorts once. Two names of equal hash sort by their bytes (as std::string_view compares).
//
// A space is one database's keyspace; its id is never used again once that was flushed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/element_kind.h"
#include "engine/base/key.h"

namespace starling::engine {

using SpaceId = uint32_t;
// The largest id; the one above it is never given out, so every space has an upper bound.
inline constexpr SpaceId kMaxSpaceId = 0xfffffffe;

inline constexpr size_t kPositionBytes = 12;

// All encoders append to `out`.
void append_record_key(SpaceId space, const Key& key, std::string* out);
// The same for a name whose place is known already.
void append_record_key(SpaceId space, uint16_t partition, uint64_t hash, std::string_view name,
                       std::string* out);
void append_element_prefix(SpaceId space, const Key& key, std::string* out);
void append_element_prefix(SpaceId space, uint16_t partition, uint64_t hash, std::string_view name,
                           std::string* out);
// Behind an element prefix: makes it an element's key.
void append_element_name(ElementKind kind, std::string_view name, std::string* out);
// Precondition: deadline_ms >= 0.
void append_deadline_key(int64_t deadline_ms, std::string_view record_key, std::string* out);

struct RecordKey {
  SpaceId space = 0;
  uint16_t partition = 0;
  uint64_t hash = 0;
  std::string_view name;  // Into the input.
};
struct DeadlineKey {
  int64_t deadline_ms = 0;
  std::string_view record_key;  // Into the input.
  RecordKey record;
};
struct ElementName {
  ElementKind kind = ElementKind::kField;
  std::string_view name;  // Into the input.
};

// False when the bytes are no such key; partition and hash are checked against their ranges, not against the
// name.
[[nodiscard]] bool decode_record_key(std::string_view bytes, RecordKey* key);
[[nodiscard]] bool decode_deadline_key(std::string_view bytes, DeadlineKey* key);
// `prefix_bytes`: the size of the element prefix that `bytes` begins with, known to who iterates over its
// range.
[[nodiscard]] bool decode_element_name(std::string_view bytes, size_t prefix_bytes, ElementName* element);

// Half-open ranges [lower, upper).
struct KeyRange {
  std::string lower;
  std::string upper;
};

// Of the records and of the elements family alike.
KeyRange space_range(SpaceId space);
KeyRange partition_range(SpaceId space, uint16_t partition);
// The first possible key at a place of the scan order.
std::string position_bound(SpaceId space, uint16_t partition, uint64_t hash);
// All elements of a record, or those of one kind.
KeyRange element_range(SpaceId space, const Key& key);
KeyRange element_range(SpaceId space, const Key& key, ElementKind kind);
// Of the deadlines family: those at or before `now_ms`, of all spaces. Precondition: now_ms >= 0.
KeyRange deadline_range(int64_t now_ms);

}  // namespace starling::engine
