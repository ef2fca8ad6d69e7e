#include "server/commands/server/debug_object.h"

#include <cinttypes>
#include <cstdio>
#include <string>

#include "server/commands/arguments.h"
#include "server/commands/keys/object_encoding.h"
#include "server/server.h"

namespace starling::server {
namespace {

constexpr int64_t kLruClockMask = (1 << 24) - 1;

// Of the names and values; what a DUMP would add to them is not counted.
size_t content_bytes(const engine::Found& found) {
  if (found.type() == engine::Type::kString) return found.string().size();
  size_t bytes = 0;
  found.collection().for_each([&](const engine::Collection::Element& element) {
    bytes += element.name.size() + element.value.size();
  });
  return bytes;
}

}  // namespace

void debug_object(CommandContext& context) {
  const engine::Found found = context.database.find(context.key(2), engine::Touch::kNo);
  if (!found) return context.reply.error(kNoSuchKeyError);
  const std::string encoding(encoding_of(context.server.settings(), found));
  const int64_t idle_seconds = found.idle_seconds();
  char text[256];
  std::snprintf(text, sizeof text,
                "Value at:0x%" PRIx64 " refcount:1 encoding:%s serializedlength:%zu lru:%" PRId64
                " lru_seconds_idle:%" PRId64,
                found.version(), encoding.c_str(), content_bytes(found),
                (context.now_ms() / 1000 - idle_seconds) & kLruClockMask, idle_seconds);
  context.reply.simple_string(text);
}

}  // namespace starling::server
