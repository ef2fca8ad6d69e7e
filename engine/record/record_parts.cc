#include "engine/record/record_parts.h"

#include <bit>

namespace starling::engine {
namespace {

constexpr uint8_t kTombstoneFlag = 1;
constexpr uint8_t kDeadlineFlag = 2;
constexpr uint8_t kCounterFlag = 4;
constexpr uint8_t kJoinFlag = 8;

bool has_code(Join join) {
  return join >= Join::kDoubleSum;
}

void append_sibling(const Sibling& sibling, std::string* out) {
  const bool expires = sibling.deadline_ms != 0;
  out->push_back(static_cast<char>((sibling.tombstone ? kTombstoneFlag : 0) | (expires ? kDeadlineFlag : 0) |
                                   (sibling.counter() ? kCounterFlag : 0) |
                                   (has_code(sibling.join) ? kJoinFlag : 0)));
  if (has_code(sibling.join)) out->push_back(static_cast<char>(sibling.join));
  append_u64(sibling.dot.actor, out);
  append_u64(sibling.dot.stamp, out);
  if (expires) append_u64(static_cast<uint64_t>(sibling.deadline_ms), out);
  if (!sibling.tombstone) append_string(sibling.value, out);
}

bool read_sibling(ByteReader* reader, Sibling* sibling) {
  uint8_t flags;
  if (!reader->read_byte(&flags) || flags >= 2 * kJoinFlag) return false;
  // At most one of them says what the value is.
  if (std::popcount(static_cast<uint8_t>(flags & (kTombstoneFlag | kCounterFlag | kJoinFlag))) > 1)
    return false;
  if ((flags & kJoinFlag) != 0) {
    uint8_t code;
    if (!reader->read_byte(&code) || code > static_cast<uint8_t>(Join::kLeast)) return false;
    sibling->join = static_cast<Join>(code);
    if (!has_code(sibling->join)) return false;
  }
  if ((flags & kCounterFlag) != 0) sibling->join = Join::kSum;
  if (!reader->read_u64(&sibling->dot.actor) || !reader->read_u64(&sibling->dot.stamp)) return false;
  if (sibling->dot.actor == 0 || sibling->dot.stamp == 0) return false;
  if (flags & kDeadlineFlag) {
    uint64_t deadline;
    if (!reader->read_u64(&deadline) || deadline == 0 || deadline > INT64_MAX) return false;
    sibling->deadline_ms = static_cast<int64_t>(deadline);
  }
  sibling->tombstone = (flags & kTombstoneFlag) != 0;
  if (sibling->tombstone) return true;
  std::string_view value;
  if (!reader->read_string(&value)) return false;
  sibling->value = value;
  return true;
}

}  // namespace

Status corrupt(const char* what) {
  return Status(StatusCode::kCorrupt, std::string("malformed ") + what);
}

// Looks at the first byte only.
Status check_format(std::string_view bytes) {
  if (bytes.empty()) return corrupt("encoding: empty");
  const int format = static_cast<uint8_t>(bytes[0]) >> 4;
  if (format > kRecordFormat) {
    return Status(StatusCode::kNewerFormat, "a record has format " + std::to_string(format) +
                                                ", this release reads " + std::to_string(kRecordFormat) +
                                                "; start the later release");
  }
  return format == kRecordFormat ? Status() : corrupt("encoding: no known format");
}

void append_context(const VersionVector& context, std::string* out) {
  append_varint(context.size(), out);
  for (const auto& entry : context.entries()) {
    append_u64(entry.actor, out);
    append_u64(entry.stamp, out);
  }
}

void append_siblings(const Siblings& siblings, std::string* out) {
  append_varint(siblings.size(), out);
  for (const Sibling& sibling : siblings) append_sibling(sibling, out);
}

bool read_context(ByteReader* reader, VersionVector* context) {
  uint64_t count;
  if (!reader->read_varint(&count) || count > reader->left() / 16) return false;
  ActorId previous = 0;
  for (uint64_t i = 0; i < count; ++i) {
    Dot dot;
    if (!reader->read_u64(&dot.actor) || !reader->read_u64(&dot.stamp)) return false;
    if (i == 0 && dot.actor == 0 && dot.stamp != 0) {
      context->raise_floor(dot.stamp);
      continue;
    }
    if (dot.actor <= previous || dot.stamp <= context->floor()) return false;
    context->add(dot);
    previous = dot.actor;
  }
  return true;
}

bool read_siblings(ByteReader* reader, Siblings* siblings) {
  uint64_t count;
  if (!reader->read_varint(&count) || count > reader->left() / kLeastSiblingBytes) return false;
  for (uint64_t i = 0; i < count; ++i) {
    Sibling sibling;
    if (!read_sibling(reader, &sibling)) return false;
    siblings->push_back(std::move(sibling));
  }
  return true;
}

}  // namespace starling::engine
