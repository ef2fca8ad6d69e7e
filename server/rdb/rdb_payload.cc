#include "server/rdb/rdb_payload.h"

#include <algorithm>
#include <utility>

#include "engine/base/assert.h"
#include "resp/number.h"
#include "server/rdb/crc64.h"
#include "server/rdb/list_payload.h"
#include "server/rdb/little_endian.h"
#include "server/rdb/rdb_compact.h"
#include "server/rdb/sorted_set_payload.h"
#include "server/rdb/stream_payload.h"

namespace starling::server {
namespace {

constexpr uint64_t kVersion = 10;
constexpr size_t kVersionBytes = 2, kCrcBytes = 8;

enum TypeByte : uint8_t {
  kString = 0,
  kSet = 2,
  kHash = 4,
  kSetIntset = 11,
  kHashZiplist = 13,
  kHashListpack = 16,
  kSetListpack = 20,
};

bool read_strings(RdbReader& reader, size_t strings_each, RdbStrings* strings) {
  size_t count = 0;
  if (!reader.length(&count)) return false;
  for (size_t i = 0; i < count * strings_each; ++i) {
    std::string_view text;
    if (!reader.string(strings, &text)) return false;
    strings->add(text);
  }
  return true;
}

bool is_set_type(uint8_t type) {
  return type == kSet || type == kSetIntset || type == kSetListpack;
}

bool read_value(RdbReader& reader, RdbValue* value) {
  uint8_t type = 0;
  if (!reader.byte(&type)) return false;
  if (is_list_type(type)) {
    value->type = engine::Type::kList;
    return read_list(type, reader, &value->strings);
  }
  value->type = type == kString     ? engine::Type::kString
                : is_set_type(type) ? engine::Type::kSet
                                    : engine::Type::kHash;
  if (type == kSet) return read_strings(reader, 1, &value->strings);
  if (type == kHash) return read_strings(reader, 2, &value->strings);
  std::string_view text;
  if (!reader.string(&value->strings, &text)) return false;
  switch (type) {
    case kString:
      value->strings.add(text);
      return true;
    case kSetIntset:
      return read_intset(text, &value->strings);
    case kHashZiplist:
      return read_ziplist(text, &value->strings);
    case kHashListpack:
    case kSetListpack:
      return read_listpack(text, &value->strings);
    default:
      return false;
  }
}

std::unique_ptr<engine::Collection> collection_of(const RdbValue& value) {
  const std::vector<std::string_view>& strings = value.strings.all;
  const size_t step = value.type == engine::Type::kHash ? 2 : 1;
  auto collection = std::make_unique<engine::Collection>(value.type);
  for (size_t i = 0; i < strings.size(); i += step) {
    if (!collection->put(strings[i], step == 2 ? strings[i + 1] : std::string_view())) return nullptr;
  }
  return collection;
}

// Element by element: of large ones even a list of views would be large. To the end of what is to be read.
std::unique_ptr<engine::Collection> read_collection(RdbReader& reader, engine::Type type) {
  // No more room than real elements need: untrusted bytes may claim one in each byte.
  constexpr size_t kUsualBytes = 4;
  size_t count = 0;
  if (!reader.length(&count) || count == 0) return nullptr;
  auto collection = std::make_unique<engine::Collection>(type);
  collection->reserve(std::min(count, reader.left() / kUsualBytes));
  RdbStrings strings;
  for (size_t i = 0; i < count; ++i) {
    std::string_view name, value;
    if (!reader.string(&strings, &name)) return nullptr;
    if (type == engine::Type::kHash && !reader.string(&strings, &value)) return nullptr;
    if (!collection->put(name, value)) return nullptr;
    if (!strings.owned.empty()) strings.owned.clear();
  }
  return reader.left() == 0 ? std::move(collection) : nullptr;
}

std::string_view body_of(std::string_view payload) {
  return payload.substr(0, payload.size() - std::min(payload.size(), kVersionBytes + kCrcBytes));
}

void append_type(TypeByte type, std::string* out) {
  out->push_back(static_cast<char>(type));
}

void append_strings(const RdbStrings& strings, size_t strings_each, std::string* out) {
  append_rdb_length(strings.all.size() / strings_each, out);
  for (const std::string_view text : strings.all) append_rdb_string(text, out);
}

void append_as_intset(const RdbStrings& strings, std::string* out) {
  std::vector<int64_t> values;
  values.reserve(strings.all.size());
  for (const std::string_view text : strings.all) {
    int64_t value = 0;
    const bool is_integer = resp::parse_integer(text, &value);
    STARLING_ASSERT(is_integer);
    values.push_back(value);
  }
  std::sort(values.begin(), values.end());
  std::string intset;
  append_intset(values, &intset);
  append_rdb_string(intset, out);
}

void append_value(const RdbValue& value, RdbForm form, std::string* out) {
  if (value.type == engine::Type::kString) {
    append_type(kString, out);
    append_rdb_string(value.strings.all[0], out);
  } else if (value.type == engine::Type::kList) {
    append_list(value.strings, out);
  } else if (value.type == engine::Type::kSet) {
    append_type(form == RdbForm::kCompact ? kSetIntset : kSet, out);
    if (form == RdbForm::kCompact) return append_as_intset(value.strings, out);
    append_strings(value.strings, 1, out);
  } else if (form == RdbForm::kPlain) {
    append_type(kHash, out);
    append_strings(value.strings, 2, out);
  } else {
    append_type(kHashListpack, out);
    std::string listpack;
    append_listpack(value.strings.all, &listpack);
    append_rdb_string(listpack, out);
  }
}

}  // namespace

void seal_rdb_payload(std::string* payload) {
  append_little_endian(kVersion, kVersionBytes, payload);
  append_little_endian(crc64(*payload), kCrcBytes, payload);
}

bool rdb_payload_intact(std::string_view payload) {
  if (payload.size() < kVersionBytes + kCrcBytes) return false;
  const size_t crc_at = payload.size() - kCrcBytes;
  return little_endian(payload.substr(crc_at - kVersionBytes, kVersionBytes)) <= kVersion &&
         little_endian(payload.substr(crc_at)) == crc64(payload.substr(0, crc_at));
}

bool decode_rdb_payload(std::string_view payload, RdbValue* value) {
  RdbReader reader(body_of(payload));
  if (!read_value(reader, value) || reader.left() != 0) return false;
  const std::vector<std::string_view>& strings = value->strings.all;
  if (value->type == engine::Type::kString) return true;
  const size_t step = value->type == engine::Type::kHash ? 2 : 1;
  return !strings.empty() && strings.size() % step == 0;
}

std::unique_ptr<engine::Collection> decode_rdb_collection(std::string_view payload) {
  RdbReader reader(body_of(payload));
  uint8_t type = 0;
  if (!reader.byte(&type) || type == kString) return nullptr;
  if (is_sorted_set_type(type)) return read_sorted_set(type, reader);
  if (is_stream_type(type)) return read_stream(type, reader);
  if (type == kSet) return read_collection(reader, engine::Type::kSet);
  if (type == kHash) return read_collection(reader, engine::Type::kHash);
  RdbValue value;
  if (is_list_type(type) || !decode_rdb_payload(payload, &value) || value.type == engine::Type::kString)
    return nullptr;
  return collection_of(value);
}

std::string encode_rdb_payload(const RdbValue& value, RdbForm form) {
  STARLING_ASSERT(!value.strings.all.empty());
  std::string payload;
  append_value(value, form, &payload);
  seal_rdb_payload(&payload);
  return payload;
}

std::string encode_rdb_payload(const engine::Collection& collection, RdbForm form) {
  STARLING_ASSERT(collection.size() != 0);
  std::string payload;
  if (collection.type() == engine::Type::kStream) {
    append_stream(collection, &payload);
  } else {
    STARLING_ASSERT(collection.type() == engine::Type::kSortedSet);
    append_sorted_set(collection, form == RdbForm::kCompact, &payload);
  }
  seal_rdb_payload(&payload);
  return payload;
}

}  // namespace starling::server
