#include "server/commands/server/debug_digest.h"

#include <arpa/inet.h>

#include <cstdio>
#include <string>
#include <string_view>

#include "engine/types/list/list.h"
#include "engine/types/sorted_set/sorted_set.h"
#include "engine/types/stream/stream.h"
#include "server/execute/script/sha1.h"

namespace starling::server {
namespace {

using engine::Type;

// Of parts in any order (add) or in this one (mix).
class Digest {
 public:
  void add(std::string_view part) {
    const Sha1 sha = sha1_of(part);
    for (size_t i = 0; i < sha.size(); ++i) sum_[i] ^= sha[i];
  }
  void add(const Digest& part) { add(part.bytes()); }
  void mix(std::string_view part) {
    add(part);
    sum_ = sha1_of(bytes());
  }
  std::string text() const { return to_hex(sum_); }

 private:
  std::string_view bytes() const { return {reinterpret_cast<const char*>(sum_.data()), sum_.size()}; }
  Sha1 sum_{};
};

// Redis's number.
uint32_t number_of(Type type) {
  switch (type) {
    case Type::kString:
      return 0;
    case Type::kList:
      return 1;
    case Type::kSet:
      return 2;
    case Type::kSortedSet:
      return 3;
    case Type::kHash:
      return 4;
    case Type::kStream:
      return 6;
    case Type::kNone:
      break;
  }
  return 0;
}

void mix_pair(std::string_view first, std::string_view second, Digest* digest) {
  Digest pair;
  pair.mix(first);
  pair.mix(second);
  digest->add(pair);
}

void mix_sorted_set(const engine::SortedSetView& set, Digest* digest) {
  set.walk(0, set.size(), [digest](const engine::ScoredMember& member) {
    char score[64];
    std::snprintf(score, sizeof score, "%.17g", member.score);
    mix_pair(member.member, score, digest);
    return true;
  });
}

void mix_stream(const engine::StreamView& stream, Digest* digest) {
  stream.walk(0, stream.size(), [digest](const engine::StreamEntry& entry) {
    digest->mix(std::to_string(entry.id.ms) + "." + std::to_string(entry.id.seq));
    engine::StreamFields fields = entry.fields();
    while (!fields.empty()) digest->mix(fields.next());
    return true;
  });
}

void mix_content(const engine::Found& found, Digest* digest) {
  switch (found.type()) {
    case Type::kString:
      return digest->mix(found.string());
    case Type::kList: {
      const engine::ListView list(found.collection());
      return list.walk(0, list.size(), [digest](std::string_view item) {
        digest->mix(item);
        return true;
      });
    }
    case Type::kSet:
      return found.collection().for_each(
          [digest](const engine::Collection::Element& element) { digest->add(element.name); });
    case Type::kHash:
      return found.collection().for_each([digest](const engine::Collection::Element& element) {
        mix_pair(element.name, element.value, digest);
      });
    case Type::kSortedSet:
      return mix_sorted_set(engine::SortedSetView(found.collection()), digest);
    case Type::kStream:
      return mix_stream(engine::StreamView(found.collection()), digest);
    case Type::kNone:
      return;
  }
}

std::string digest_of(const engine::Found& found) {
  Digest digest;
  if (!found) return digest.text();
  const uint32_t type = htonl(number_of(found.type()));
  digest.mix({reinterpret_cast<const char*>(&type), sizeof type});
  mix_content(found, &digest);
  if (found.deadline_ms() != engine::kNoDeadline) digest.add("!!expire!!");
  return digest.text();
}

}  // namespace

void debug_digest_value(CommandContext& context) {
  context.reply.array(context.size() - 2);
  for (size_t i = 2; i < context.size(); ++i)
    context.reply.simple_string(digest_of(context.database.find(context.key(i), engine::Touch::kNo)));
}

}  // namespace starling::server
