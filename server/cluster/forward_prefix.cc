#include "server/cluster/forward_prefix.h"

#include <algorithm>

#include "engine/base/byte_codec.h"
#include "engine/memory/keyspace.h"

namespace starling::server {
namespace {

constexpr uint64_t kLongestTimeoutMs = 24 * 3600 * 1000;
// Longer ones are as good.
constexpr int64_t kLongestWaitUs = int64_t{1} << 50;
constexpr uint8_t kWaited = 2, kTracked = 4, kOfUser = 8;

void append_level(const cluster::Consistency& level, std::string* out) {
  out->push_back(static_cast<char>(level.level));
  out->push_back(static_cast<char>(level.number));
}

bool read_level(engine::ByteReader* reader, cluster::Consistency* level) {
  uint8_t kind;
  if (!reader->read_byte(&kind) || !reader->read_byte(&level->number)) return false;
  level->level = static_cast<cluster::Level>(kind);
  const bool numbered = level->level == cluster::Level::kNumber;
  return kind <= static_cast<uint8_t>(cluster::Level::kEachQuorum) && numbered == (level->number != 0);
}

bool read_scope(engine::ByteReader* reader, PartitionScope* scope) {
  uint64_t end;
  std::string_view reachable;
  if (!reader->read_varint(&scope->epoch) || !reader->read_varint(&end) || !reader->read_string(&reachable))
    return false;
  if (end > engine::kPartitionCount || reachable.size() > cluster::kMaxMembers / 8 + 1) return false;
  scope->end = static_cast<uint32_t>(end);
  scope->reachable = reachable;
  return true;
}

void append_bulk(std::string_view bytes, std::string* out) {
  out->push_back('$');
  *out += std::to_string(bytes.size());
  *out += "\r\n";
  *out += bytes;
  *out += "\r\n";
}

}  // namespace

std::string encode_forwarded(const ForwardPrefix& prefix, Arguments arguments) {
  std::string bytes;
  bytes.push_back(static_cast<char>(prefix.database));
  bytes.push_back(static_cast<char>(prefix.protocol));
  bytes.push_back(static_cast<char>(static_cast<uint8_t>(prefix.quorum.mode) |
                                    (prefix.waited_us != 0 ? kWaited : 0) | (prefix.tracked ? kTracked : 0) |
                                    (prefix.user.empty() ? 0 : kOfUser)));
  append_level(prefix.quorum.read, &bytes);
  append_level(prefix.quorum.write, &bytes);
  engine::append_varint(static_cast<uint64_t>(prefix.quorum.timeout_ms), &bytes);
  if (prefix.waited_us != 0)
    engine::append_varint(static_cast<uint64_t>(std::min(prefix.waited_us, kLongestWaitUs)), &bytes);
  if (!prefix.user.empty()) engine::append_string(prefix.user, &bytes);
  if (prefix.scope) {
    engine::append_varint(prefix.scope->epoch, &bytes);
    engine::append_varint(prefix.scope->end, &bytes);
    engine::append_string(prefix.scope->reachable, &bytes);
  }

  std::string out = "*" + std::to_string(arguments.size() + kForwardedArguments) + "\r\n";
  append_bulk(kForwarded, &out);
  append_bulk(bytes, &out);
  for (const std::string_view argument : arguments) append_bulk(argument, &out);
  return out;
}

bool decode_prefix(std::string_view bytes, ForwardPrefix* prefix) {
  engine::ByteReader reader(bytes);
  uint8_t database, protocol, mode;
  uint64_t timeout_ms, waited_us = 0;
  if (!reader.read_byte(&database) || !reader.read_byte(&protocol) || !reader.read_byte(&mode)) return false;
  if (!read_level(&reader, &prefix->quorum.read) || !read_level(&reader, &prefix->quorum.write)) return false;
  if (!reader.read_varint(&timeout_ms)) return false;
  if ((mode & kWaited) != 0) {
    if (!reader.read_varint(&waited_us) || waited_us == 0 ||
        waited_us > static_cast<uint64_t>(kLongestWaitUs))
      return false;
    mode = static_cast<uint8_t>(mode & ~kWaited);
  }
  prefix->tracked = (mode & kTracked) != 0;
  mode = static_cast<uint8_t>(mode & ~kTracked);
  std::string_view user;
  if ((mode & kOfUser) != 0) {
    if (!reader.read_string(&user) || user.empty()) return false;
    mode = static_cast<uint8_t>(mode & ~kOfUser);
  }
  prefix->scope.reset();
  if (reader.left() != 0 && !read_scope(&reader, &prefix->scope.emplace())) return false;
  if (reader.left() != 0) return false;
  if (database >= engine::kDatabases || (protocol != 2 && protocol != 3) || mode > 1) return false;
  if (timeout_ms == 0 || timeout_ms > kLongestTimeoutMs) return false;
  prefix->database = database;
  prefix->protocol = protocol;
  prefix->quorum.mode = static_cast<cluster::QuorumMode>(mode);
  prefix->quorum.timeout_ms = static_cast<int64_t>(timeout_ms);
  prefix->waited_us = static_cast<int64_t>(waited_us);
  prefix->user = user;
  return true;
}

}  // namespace starling::server
