#include "server/tracking/tracking_frames.h"

#include "engine/base/byte_codec.h"

namespace starling::server {

void append_tracked(TrackedItem item, std::string_view name, std::string* payload) {
  payload->push_back(static_cast<char>(item));
  engine::append_string(name, payload);
}

bool decode_tracked(std::string_view payload,
                    absl::FunctionRef<void(TrackedItem item, std::string_view name)> visit) {
  engine::ByteReader reader(payload);
  while (reader.left() != 0) {
    uint8_t item;
    std::string_view name;
    if (!reader.read_byte(&item) || item > static_cast<uint8_t>(TrackedItem::kPrefixEnds) ||
        !reader.read_string(&name))
      return false;
    visit(static_cast<TrackedItem>(item), name);
  }
  return true;
}

std::string encode_invalidation(uint64_t origin, const Invalidation& invalidation) {
  std::string payload;
  engine::append_varint(origin, &payload);
  payload.push_back(invalidation.broadcast ? 1 : 0);
  for (const std::string& key : invalidation.keys) engine::append_string(key, &payload);
  return payload;
}

bool decode_invalidation(std::string_view payload, uint64_t* origin, Invalidation* invalidation) {
  engine::ByteReader reader(payload);
  uint8_t broadcast;
  if (!reader.read_varint(origin) || !reader.read_byte(&broadcast) || broadcast > 1) return false;
  invalidation->broadcast = broadcast != 0;
  while (reader.left() != 0) {
    std::string_view key;
    if (!reader.read_string(&key)) return false;
    invalidation->keys.emplace_back(key);
  }
  return true;
}

}  // namespace starling::server
