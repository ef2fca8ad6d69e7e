// What the encodings of headers, records and deltas share. Grammar in record_codec.h; nobody else includes
// this.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/status.h"
#include "engine/record/record.h"
#include "engine/record/record_codec.h"

namespace starling::engine {

inline constexpr size_t kLeastSiblingBytes = 17;

Status corrupt(const char* what);
// kNewerFormat or kCorrupt by the first byte alone.
Status check_format(std::string_view bytes);

void append_context(const VersionVector& context, std::string* out);
void append_siblings(const Siblings& siblings, std::string* out);

// These take what they read off the front; false for anything the encoder would not have written.
[[nodiscard]] bool read_context(ByteReader* reader, VersionVector* context);
// May be empty. The caller checks with well_formed() whether they are in order and suit their kind.
[[nodiscard]] bool read_siblings(ByteReader* reader, Siblings* siblings);
Status read_header(ByteReader* reader, Header* header);

// What the header says of the elements stored apart, the greatest dots always filled in.
std::vector<Header::Collection> count_collections(const Record& record);

}  // namespace starling::engine
