// Streams in RDB data: the values of the payloads of rdb_payload.h that are such.
//
//   value    = ( %x0F | %x13 | %x15 ) nodes length id [ id id length ] groups      %x13 is what is written
//   nodes    = length *( string string )          16 bytes of the id that a node begins with; its entries, a listpack
//   id       = length length                      milliseconds, sequence
//   what is in brackets %x0F lacks: the first id, the greatest one deleted, how many entries were ever added
//   groups   = length *( string id [ read ] pending consumers )
//   read     = length                             entries read, -1 as 64 bits: unknown; %x0F lacks it
//   pending  = length *( 16byte time length )     id, big-endian; when it was delivered, u64le; how often
//   consumers= length *( string time [ time ] length *16byte )
//                                                 seen; active, which only %x15 has; ids of what is pending
//
//   node     = count deleted fields *field 0 *entry           all entries of a listpack
//   entry    = flags ms seq ( values | n *( field value ) ) size
//                                                 ms, seq: difference to the node's id; flags: 1 deleted, 2: the fields
//                                                 are the node's, only values follow; size: parts of the entry
//
// length, string: rdb_strings.h. Listpack: rdb_compact.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/memory/collection.h"
#include "server/rdb/rdb_strings.h"

namespace starling::server {

// Whether a value that begins with the byte is one.
bool is_stream_type(uint8_t type);
// What follows the type, to the end of what is to be read. Null: it is no such thing.
[[nodiscard]] std::unique_ptr<engine::Collection> read_stream(uint8_t type, RdbReader& reader);
// The type and the rest. Precondition: a stream, in order.
void append_stream(const engine::Collection& parts, std::string* out);

}  // namespace starling::server
