// The records that nearly all are: written by one actor, without siblings, their context nothing but their
// own dot. These forms are part of the grammar in record_codec.h; here are only short cuts past the logical
// record, for code that holds such records in its own shape. What they write is what encode_header() and
// encode_element() would.
//
//   simple string   := 0x10 dot value              17 bytes and the value; the value runs to the end
//                    | 0x11 dot deadline value     25 bytes and the value
//   simple counter  := 0x15 dot contribution       49 bytes; counter.h has the contribution
//                    | 0x16 dot deadline contribution
//   simple header   := 0x12 dot type count         of a collection; its elements are stored apart
//                    | 0x13 dot type count deadline stamp          the stamp of the event that set the deadline
//   simple element  := 0x18 dot value              17 bytes and the value; the value runs to the end
//   context of one dot := 0x1c 0x01 dot
//   dot := actor u64, stamp u64     neither is 0
//   deadline := u64                 milliseconds since the epoch, 1 to 2^63-1
//   type := byte, count := varint
//
// The decoders return false, leaving the outputs unspecified, for anything that is not exactly such a form:
// another form (decode it with record_codec.h, which tells corrupt from newer) or damaged bytes. Views are
// into the input.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "engine/base/byte_codec.h"
#include "engine/base/dot.h"
#include "engine/base/element_kind.h"
#include "engine/base/types.h"

namespace starling::engine {

// The first byte of every encoding: the format number in the upper four bits, the form in the lower ones.
// Wire and disk: never renumber.
inline constexpr uint8_t kRecordFormat = 1;
enum class Form : uint8_t {
  kSimpleString = 0x10,
  kSimpleStringWithDeadline = 0x11,
  kSimpleHeader = 0x12,
  kSimpleHeaderWithDeadline = 0x13,
  kHeader = 0x14,
  kSimpleCounter = 0x15,
  kSimpleCounterWithDeadline = 0x16,
  kSimpleElement = 0x18,
  kElement = 0x19,
  kDelta = 0x1b,
  kContext = 0x1c,
  kCover = 0x1d,    // Rows of the store only: record_form.h.
  kSettled = 0x1e,  // On the wire only: record_codec.h.
};

inline constexpr size_t kSimpleStringOverheadBytes = 17;

inline void append_dot(Form form, ActorId actor, Stamp stamp, std::string* out) {
  char bytes[17];
  bytes[0] = static_cast<char>(form);
  std::memcpy(bytes + 1, &actor, 8);
  std::memcpy(bytes + 9, &stamp, 8);
  out->append(bytes, sizeof bytes);
}

// The bytes behind the form byte. Precondition: 17 bytes are there.
inline bool load_dot(const char* bytes, ActorId* actor, Stamp* stamp) {
  *actor = load_u64(bytes + 1);
  *stamp = load_u64(bytes + 9);
  return *actor != 0 && *stamp != 0;
}

inline bool load_deadline(const char* bytes, int64_t* deadline_ms) {
  *deadline_ms = static_cast<int64_t>(load_u64(bytes));
  return *deadline_ms > 0;
}

inline bool has_form(std::string_view bytes, Form form) {
  return !bytes.empty() && static_cast<uint8_t>(bytes[0]) == static_cast<uint8_t>(form);
}

// deadline_ms 0: none. Precondition, as in all of these: actor and stamp are not 0, deadline_ms is not
// negative.
inline void encode_simple_string(ActorId actor, Stamp stamp, int64_t deadline_ms, std::string_view value,
                                 std::string* out) {
  const bool expires = deadline_ms != 0;
  append_dot(expires ? Form::kSimpleStringWithDeadline : Form::kSimpleString, actor, stamp, out);
  if (expires) append_u64(static_cast<uint64_t>(deadline_ms), out);
  out->append(value);
}

inline bool decode_simple_string(std::string_view bytes, ActorId* actor, Stamp* stamp, int64_t* deadline_ms,
                                 std::string_view* value) {
  if (bytes.size() < 17 || !load_dot(bytes.data(), actor, stamp)) return false;
  if (has_form(bytes, Form::kSimpleString)) {
    *deadline_ms = 0;
    *value = bytes.substr(17);
    return true;
  }
  if (!has_form(bytes, Form::kSimpleStringWithDeadline) || bytes.size() < 25) return false;
  *value = bytes.substr(25);
  return load_deadline(bytes.data() + 17, deadline_ms);
}

inline bool decode_one_dot_context(std::string_view bytes, Dot* dot) {
  return bytes.size() == 18 && has_form(bytes, Form::kContext) && bytes[1] == 1 &&
         load_dot(bytes.data() + 1, &dot->actor, &dot->stamp);
}

// `contribution`: kContributionBytes, decoded before or to be decoded (counter.h).
inline void encode_simple_counter(ActorId actor, Stamp stamp, int64_t deadline_ms,
                                  std::string_view contribution, std::string* out) {
  const bool expires = deadline_ms != 0;
  append_dot(expires ? Form::kSimpleCounterWithDeadline : Form::kSimpleCounter, actor, stamp, out);
  if (expires) append_u64(static_cast<uint64_t>(deadline_ms), out);
  out->append(contribution);
}

inline bool decode_simple_counter(std::string_view bytes, ActorId* actor, Stamp* stamp, int64_t* deadline_ms,
                                  std::string_view* contribution) {
  const bool expires = has_form(bytes, Form::kSimpleCounterWithDeadline);
  if (!expires && !has_form(bytes, Form::kSimpleCounter)) return false;
  const size_t overhead = expires ? 25 : 17;
  if (bytes.size() < overhead || !load_dot(bytes.data(), actor, stamp)) return false;
  *deadline_ms = 0;
  *contribution = bytes.substr(overhead);
  return !expires || load_deadline(bytes.data() + 17, deadline_ms);
}

// A collection of `count` elements, at least one. deadline_stamp: the event that set the deadline; 0 stands
// for `stamp`.
inline void encode_simple_header(Type type, ActorId actor, Stamp stamp, int64_t deadline_ms, uint64_t count,
                                 std::string* out, Stamp deadline_stamp = 0) {
  const bool expires = deadline_ms != 0;
  append_dot(expires ? Form::kSimpleHeaderWithDeadline : Form::kSimpleHeader, actor, stamp, out);
  out->push_back(static_cast<char>(type));
  append_varint(count, out);
  if (!expires) return;
  append_u64(static_cast<uint64_t>(deadline_ms), out);
  append_u64(deadline_stamp == 0 ? stamp : deadline_stamp, out);
}

inline bool is_collection_type(uint8_t number) {
  return number >= static_cast<uint8_t>(Type::kHash) && number <= static_cast<uint8_t>(Type::kStream);
}

// Takes the header off the front of `reader`.
inline bool read_simple_header(ByteReader* reader, Type* type, ActorId* actor, Stamp* stamp,
                               int64_t* deadline_ms, uint64_t* count, Stamp* deadline_stamp) {
  const bool expires = has_form(reader->rest(), Form::kSimpleHeaderWithDeadline);
  if (!expires && !has_form(reader->rest(), Form::kSimpleHeader)) return false;
  uint8_t form, type_number;
  uint64_t deadline = 0;
  if (!reader->read_byte(&form) || !reader->read_u64(actor) || !reader->read_u64(stamp) ||
      !reader->read_byte(&type_number) || !reader->read_varint(count)) {
    return false;
  }
  if (*actor == 0 || *stamp == 0 || *count == 0 || !is_collection_type(type_number)) return false;
  *type = static_cast<Type>(type_number);
  *deadline_stamp = 0;
  if (expires) {
    if (!reader->read_u64(&deadline) || !reader->read_u64(deadline_stamp)) return false;
    if (deadline == 0 || deadline > INT64_MAX || *deadline_stamp == 0 || *deadline_stamp > *stamp)
      return false;
  }
  *deadline_ms = static_cast<int64_t>(deadline);
  return true;
}

inline bool decode_simple_header(std::string_view bytes, Type* type, ActorId* actor, Stamp* stamp,
                                 int64_t* deadline_ms, uint64_t* count, Stamp* deadline_stamp = nullptr) {
  ByteReader reader(bytes);
  Stamp ignored;
  return read_simple_header(&reader, type, actor, stamp, deadline_ms, count,
                            deadline_stamp == nullptr ? &ignored : deadline_stamp) &&
         reader.left() == 0;
}

inline void encode_simple_element(ActorId actor, Stamp stamp, std::string_view value, std::string* out) {
  append_dot(Form::kSimpleElement, actor, stamp, out);
  out->append(value);
}

inline bool decode_simple_element(std::string_view bytes, ActorId* actor, Stamp* stamp,
                                  std::string_view* value) {
  if (bytes.size() < 17 || !has_form(bytes, Form::kSimpleElement)) return false;
  *value = bytes.substr(17);
  return load_dot(bytes.data(), actor, stamp);
}

}  // namespace starling::engine
