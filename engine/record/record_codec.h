// The one encoding of records, on disk and on the wire. Canonical: equal records have equal bytes, and bytes
// that are not what the encoder would have written are refused, so bytes may be compared and hashed in place
// of records.
//
//   record   := header element*                      the elements stored apart, as many as the header counts
//   element  := kind u8  name string  element value string          ascending by (kind, name)
//   delta    := 0x1b base context, after context, supersedes, count varint, (kind u8, name string, siblings)*
//   supersedes := 0x00 (none) | 0x01 (what `base` is) | 0x02 context
//   context token := 0x1c context
//   settled  := 0x1e stamp u64 [record | delta | context token]     on the wire only: the sender has settled
//               the key's partition up to there (settled.h); without what follows it has nothing of the key
//
// On disk the header is the value in the records family; each element's value lies under its own key in the
// elements family. A record without elements stored apart (every string) is its header.
//
//   header          := simple string | simple header (both in simple_codec.h)
//                    | 0x14 context, value siblings, deadline siblings, 0x00, collections
//   collections     := count varint (kind u8, count varint, [dot])*                ascending by kind;
//                                                                                  no count is 0
//                      The dot, the greatest of the kind's elements, is there when the elements alone do not
//                      tell the key's type: more than one kind, or any value siblings.
//   element value   := simple element (simple_codec.h) | 0x19 siblings
//   context         := count varint [floor] (actor u64, stamp u64)*                ascending by actor,
//                      none 0, no stamp at or below the floor's
//   floor           := 0x00{8} stamp u64                                           counted like an entry
//   siblings        := count varint sibling*                                       ascending by dot
//   sibling         := flags u8, [join u8], actor u64, stamp u64, [deadline u64], [value string]
//   flags           := [0x01 tombstone (no value) | 0x04 counter: the value is a contribution (counter.h)
//                      | 0x08 join: how it joins, at least 2 (record.h)], [0x02 has a deadline]
//   string          := length varint, bytes
//
// The shortest form is the only one: a header or element that can be simple must be. Every count is checked
// against the bytes that are left before anything is allocated for it, so a decoder never takes more than a
// small multiple of its input.
//
// The first byte is format << 4 | form. Decoders answer kNewerFormat when its format is above ours, and
// kCorrupt for everything else that is not in this grammar; the outputs are unspecified then. Messages do not
// name the key: the caller knows it. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/simple_codec.h"
#include "engine/base/status.h"
#include "engine/record/record.h"
#include "engine/record/record_delta.h"

namespace starling::engine {

// What a record's header says: all of it but the elements stored apart.
struct Header {
  struct Collection {
    ElementKind kind = ElementKind::kField;
    uint64_t count = 0;
    Dot greatest;  // {} where the grammar leaves it out.

    bool operator==(const Collection&) const = default;
  };
  Record record;  // Context and the elements within the header.
  std::vector<Collection> collections;

  uint64_t stored_apart() const;
};

// Encoders append to `out`. Precondition of all: the record has a context (something was there once).
void encode_record(const Record& record, std::string* out);
Status decode_record(std::string_view bytes, Record* record);

void encode_header(const Record& record, std::string* out);
// The same for whoever has counted the elements stored apart: the header's record need not have them.
// Precondition: where the grammar has greatest dots they are filled in.
void encode_header(const Header& header, std::string* out);
Status decode_header(std::string_view bytes, Header* header);

// Precondition: well-formed siblings.
void encode_element(const Siblings& siblings, std::string* out);
// Checks the siblings against the kind, not against a context; the name is the caller's to check.
Status decode_element(ElementKind kind, std::string_view bytes, Siblings* siblings);

void encode_delta(const Delta& delta, std::string* out);
Status decode_delta(std::string_view bytes, Delta* delta);

// A context by itself, as clients carry it. Bytes from a client must have been authenticated before they come
// here: a context claims events. More than `max_entries` are refused (kInvalid).
void encode_context(const VersionVector& context, std::string* out);
Status decode_context(std::string_view bytes, size_t max_entries, VersionVector* context);

}  // namespace starling::engine
