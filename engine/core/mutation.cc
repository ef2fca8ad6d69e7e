#include "engine/core/mutation.h"

#include "engine/base/assert.h"

namespace starling::engine {

namespace {

bool has_deadline(MutationKind kind) {
  return kind == MutationKind::kPutString || kind == MutationKind::kDeadline;
}

bool has_was(MutationKind kind) {
  return kind == MutationKind::kPutString || kind == MutationKind::kErase || kind == MutationKind::kOpen ||
         kind == MutationKind::kPutRecord || kind == MutationKind::kForget || kind == MutationKind::kMove;
}

bool has_stamp(MutationKind kind) {
  return kind != MutationKind::kKeepHint && kind != MutationKind::kDropHint && kind != MutationKind::kForget;
}

bool has_now(MutationKind kind) {
  return kind == MutationKind::kPutRecord || kind == MutationKind::kLapse ||
         kind == MutationKind::kMergeDelta || kind == MutationKind::kKeepHint;
}

bool has_value(MutationKind kind) {
  return kind == MutationKind::kPutString || kind == MutationKind::kPutElement ||
         kind == MutationKind::kPutRecord || kind == MutationKind::kMergeDelta ||
         kind == MutationKind::kKeepHint || kind == MutationKind::kDropHint ||
         kind == MutationKind::kPutContribution || kind == MutationKind::kMove ||
         kind == MutationKind::kPutJoining;
}

}  // namespace

bool of_element(MutationKind kind) {
  return kind == MutationKind::kPutElement || kind == MutationKind::kEraseElement ||
         kind == MutationKind::kPutContribution || kind == MutationKind::kPutJoining;
}

void begin_frame(ActorId actor, std::string* frame) {
  frame->clear();
  append_u64(actor, frame);
}

void append_mutation(const Mutation& m, std::string* frame) {
  STARLING_ASSERT(m.kind != MutationKind{});
  if (m.kind == MutationKind::kMap) {
    frame->push_back(static_cast<char>(m.kind));
    for (const uint32_t space : m.spaces) append_varint(space, frame);
    append_varint(m.next_space, frame);
    return;
  }
  if (m.kind == MutationKind::kSettle || m.kind == MutationKind::kUnsettle) {
    frame->push_back(static_cast<char>(m.kind));
    append_varint(m.partition, frame);
    if (m.kind == MutationKind::kSettle) {
      append_u64(m.stamp, frame);
    } else {
      frame->push_back(m.lost ? 1 : 0);
    }
    return;
  }
  ShortBytes<1 + 2 * kVarintBytes> front;
  front.byte(static_cast<uint8_t>(m.kind));
  if (!of_element(m.kind)) front.varint(m.space);
  front.varint(m.key.size());
  frame->append(front.view());
  frame->append(m.key);
  ShortBytes<2 + sizeof(Stamp) + 4 * kVarintBytes> rest;
  if (m.kind == MutationKind::kOpen) rest.byte(static_cast<uint8_t>(m.type));
  if (has_was(m.kind)) rest.byte(m.was);
  if (has_stamp(m.kind)) rest.u64(m.stamp);
  if (m.kind == MutationKind::kPutJoining) rest.byte(static_cast<uint8_t>(m.join));
  if (has_deadline(m.kind)) rest.varint(static_cast<uint64_t>(m.deadline_ms));
  if (has_now(m.kind)) rest.varint(static_cast<uint64_t>(m.now_ms));
  if (m.kind == MutationKind::kMove) rest.varint(m.target_space);
  if (has_value(m.kind)) rest.varint(m.value.size());
  frame->append(rest.view());
  if (has_value(m.kind)) frame->append(m.value);
}

bool MutationReader::read_spaces(Mutation* m) {
  uint64_t number;
  for (uint32_t& space : m->spaces) {
    if (!rest_.read_varint(&number)) return false;
    space = static_cast<uint32_t>(number);
  }
  if (!rest_.read_varint(&number)) return false;
  m->next_space = static_cast<uint32_t>(number);
  return true;
}

bool MutationReader::read_body(Mutation* m) {
  uint8_t kind, type = 0;
  uint64_t number = 0;
  if (!rest_.read_byte(&kind) || kind < 1 || kind > kGreatestMutation) return false;
  *m = Mutation{};
  m->kind = static_cast<MutationKind>(kind);
  if (m->kind == MutationKind::kMap) return read_spaces(m);
  if (m->kind == MutationKind::kSettle) {
    if (!rest_.read_varint(&number) || number > kPartitionCount) return false;
    m->partition = static_cast<uint32_t>(number);
    return rest_.read_u64(&m->stamp);
  }
  if (m->kind == MutationKind::kUnsettle) {
    if (!rest_.read_varint(&number) || number >= kPartitionCount) return false;
    m->partition = static_cast<uint32_t>(number);
    uint8_t lost;
    if (!rest_.read_byte(&lost) || lost > 1) return false;
    m->lost = lost != 0;
    return true;
  }
  if (!of_element(m->kind)) {
    if (!rest_.read_varint(&number)) return false;
    m->space = static_cast<uint32_t>(number);
  }
  if (!rest_.read_string(&m->key)) return false;
  if (m->kind == MutationKind::kOpen && !rest_.read_byte(&type)) return false;
  m->type = static_cast<Type>(type);
  if (has_was(m->kind) && !rest_.read_byte(&m->was)) return false;
  if (has_stamp(m->kind) && !rest_.read_u64(&m->stamp)) return false;
  if (m->kind == MutationKind::kPutJoining) {
    if (!rest_.read_byte(&type)) return false;
    m->join = static_cast<Join>(type);
  }
  if (has_deadline(m->kind)) {
    if (!rest_.read_varint(&number)) return false;
    m->deadline_ms = static_cast<int64_t>(number);
  }
  if (has_now(m->kind)) {
    if (!rest_.read_varint(&number)) return false;
    m->now_ms = static_cast<int64_t>(number);
  }
  if (m->kind == MutationKind::kMove) {
    if (!rest_.read_varint(&number)) return false;
    m->target_space = static_cast<uint32_t>(number);
  }
  return !has_value(m->kind) || rest_.read_string(&m->value);
}

bool MutationReader::next(Mutation* mutation) {
  if (!ok_ || rest_.left() == 0) return false;
  ok_ = read_body(mutation);
  return ok_;
}

}  // namespace starling::engine
