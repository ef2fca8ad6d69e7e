// The compact forms in which RDB data carries small hashes and sets: one string each.
//
// listpack = size count *entry %xFF          size: u32le of the whole; count: u16le of entries, %xFFFF: unknown
// entry    = encoding backlen                backlen: bytes of the encoding, in base 128 from the highest digit on,
//                                            every byte but the first with bit 7 set; one byte up to 127, two up to
//                                            16382, three up to 2097150, four up to 268435454, five beyond
// encoding = %b0nnnnnnn                      integer 0..127
//          | %b10nnnnnn n*byte
//          | %b110nnnnn 1byte                integer of 13 bits, signed, big-endian
//          | %b1110nnnn 1byte n*byte         length of 12 bits, big-endian
//          | %xF0 u32le *byte
//          | %xF1 i16le | %xF2 i24le | %xF3 i32le | %xF4 i64le
//
// ziplist  = size tail count *( previous item ) %xFF      size, tail: u32le, tail is where the last entry begins;
//                                                         count as above
// previous = 1byte (up to 253) | %xFE u32le               bytes of the entry before; 0 for the first
// item     = %b00nnnnnn n*byte | %b01nnnnnn 1byte n*byte | %b10xxxxxx u32be *byte
//          | %xC0 i16le | %xD0 i32le | %xE0 i64le | %xF0 i24le | %xFE i8 | %xF1..%xFD: integer 0..12
//
// intset   = width count *integer            u32le both; width: 2, 4 or 8 bytes of each, signed, little-endian,
//                                            strictly ascending
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "server/rdb/rdb_strings.h"

namespace starling::server {

// Each adds the strings of untrusted `bytes`, integers as text, to `strings`. False: not of that form, in any
// detail. The views are into `bytes` or strings->owned.
[[nodiscard]] bool read_listpack(std::string_view bytes, RdbStrings* strings);
[[nodiscard]] bool read_ziplist(std::string_view bytes, RdbStrings* strings);
[[nodiscard]] bool read_intset(std::string_view bytes, RdbStrings* strings);

// Texts of integers are written as integers, as Redis does.
void append_listpack(std::span<const std::string_view> strings, std::string* out);
// Precondition: ascending, no value twice.
void append_intset(std::span<const int64_t> values, std::string* out);

}  // namespace starling::server
