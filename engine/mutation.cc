#include "engine/mutation.h"

#include "engine/byte_codec.h"

namespace starling::engine {

namespace {

void append_bytes(std::string_view bytes, std::string* out) {
  append_varint(bytes.size(), out);
  out->append(bytes);
}

}  // namespace

void begin_frame(ActorId actor, std::string* frame) {
  frame->clear();
  append_u64(actor, frame);
}

void append_mutation(const Mutation& m, std::string* frame) {
  frame->push_back(static_cast<char>(m.kind));
  if (m.kind == MutationKind::kMap) {
    for (const uint32_t space : m.spaces) append_varint(space, frame);
    append_varint(m.next_space, frame);
    return;
  }
  const bool element = m.kind == MutationKind::kPutElement || m.kind == MutationKind::kEraseElement;
  if (!element) append_varint(m.space, frame);
  append_bytes(m.key, frame);
  if (m.kind == MutationKind::kOpen) frame->push_back(static_cast<char>(m.type));
  if (m.kind == MutationKind::kPutElement) append_bytes(m.value, frame);
  if (!element && m.kind != MutationKind::kDeadline) frame->push_back(static_cast<char>(m.was));
  append_u64(m.stamp, frame);
  if (m.kind == MutationKind::kPutString || m.kind == MutationKind::kDeadline) {
    append_varint(static_cast<uint64_t>(m.deadline_ms), frame);
  }
  if (m.kind == MutationKind::kPutString) append_bytes(m.value, frame);
}

MutationReader::MutationReader(std::string_view frame) : rest_(frame) { ok_ = read_u64(&actor_); }

bool MutationReader::read_varint(uint64_t* value) {
  *value = 0;
  for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    *value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return true;
  }
  return false;
}

bool MutationReader::read_bytes(std::string_view* bytes) {
  uint64_t size;
  if (!read_varint(&size) || size > rest_.size()) return false;
  *bytes = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return true;
}

bool MutationReader::read_u8(uint8_t* value) {
  if (rest_.empty()) return false;
  *value = static_cast<uint8_t>(rest_.front());
  rest_.remove_prefix(1);
  return true;
}

bool MutationReader::read_u64(uint64_t* value) {
  if (rest_.size() < sizeof(*value)) return false;
  std::memcpy(value, rest_.data(), sizeof(*value));
  rest_.remove_prefix(sizeof(*value));
  return true;
}

bool MutationReader::read_body(Mutation* m) {
  uint8_t kind, type = 0;
  uint64_t number = 0;
  if (!read_u8(&kind) || kind < 1 || kind > 7) return false;
  *m = Mutation{};
  m->kind = static_cast<MutationKind>(kind);
  if (m->kind == MutationKind::kMap) {
    for (uint32_t& space : m->spaces) {
      if (!read_varint(&number)) return false;
      space = static_cast<uint32_t>(number);
    }
    if (!read_varint(&number)) return false;
    m->next_space = static_cast<uint32_t>(number);
    return true;
  }
  const bool element = m->kind == MutationKind::kPutElement || m->kind == MutationKind::kEraseElement;
  if (!element) {
    if (!read_varint(&number)) return false;
    m->space = static_cast<uint32_t>(number);
  }
  if (!read_bytes(&m->key)) return false;
  if (m->kind == MutationKind::kOpen && !read_u8(&type)) return false;
  m->type = static_cast<Type>(type);
  if (m->kind == MutationKind::kPutElement && !read_bytes(&m->value)) return false;
  if (!element && m->kind != MutationKind::kDeadline && !read_u8(&m->was)) return false;
  if (!read_u64(&m->stamp)) return false;
  if (m->kind == MutationKind::kPutString || m->kind == MutationKind::kDeadline) {
    if (!read_varint(&number)) return false;
    m->deadline_ms = static_cast<int64_t>(number);
  }
  return m->kind != MutationKind::kPutString || read_bytes(&m->value);
}

bool MutationReader::next(Mutation* mutation) {
  if (!ok_ || rest_.empty()) return false;
  ok_ = read_body(mutation);
  return ok_;
}

}  // namespace starling::engine
