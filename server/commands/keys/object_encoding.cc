#include "server/commands/keys/object_encoding.h"

#include "resp/number.h"
#include "server/commands/collections.h"

namespace starling::server {

std::string_view encoding_of(const Settings& settings, const engine::Found& found) {
  constexpr size_t kMaxEmbeddedBytes = 44;
  if (found.type() == engine::Type::kString) {
    int64_t integer = 0;
    if (resp::parse_integer(found.string(), &integer)) return "int";
    return found.string().size() <= kMaxEmbeddedBytes ? "embstr" : "raw";
  }
  if (found.type() == engine::Type::kStream) return "stream";
  const bool compact = is_compact(settings, found.collection());
  if (found.type() == engine::Type::kList) return compact ? "listpack" : "quicklist";
  if (!compact) return found.type() == engine::Type::kSortedSet ? "skiplist" : "hashtable";
  return found.type() == engine::Type::kSet ? "intset" : "listpack";
}

}  // namespace starling::server
