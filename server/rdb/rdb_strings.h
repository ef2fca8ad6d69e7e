// The lengths and strings that RDB data is made of.
//
//   length = %b00nnnnnn | %b01nnnnnn 1byte | %x80 u32be | %x81 u64be      (the first two: n, big-endian)
//   string = length *byte
//          | %xC0 i8 | %xC1 i16le | %xC2 i32le                            the number's decimal text
//          | %xC3 length length lzf                                       compressed size, plain size
//   lzf    = *( %b000nnnnn (n+1)*byte                                     bytes as they are
//             | %bnnnooooo [1byte] 1byte )                                n in 1..7: repeats n+2 bytes, the middle
//                                                                         byte (only when n is 7) added, from o+1
//                                                                         bytes back, o of 13 bits
//
// Strings are never written compressed, which every reader accepts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace starling::server {

// Strings out of RDB data: views into it where it has them as they are, else into `owned`. Moving it keeps
// the views.
struct RdbStrings {
  std::vector<std::string_view> all;
  std::deque<std::string> owned;

  void add(std::string_view view) { all.push_back(view); }
  void add_integer(int64_t value) { all.push_back(keep(std::to_string(value))); }
  std::string_view keep(std::string text) { return owned.emplace_back(std::move(text)); }
};

// Reads from untrusted bytes. Each function returns false, and the rest must not be read, when they are not
// what the grammar says.
class RdbReader {
 public:
  explicit RdbReader(std::string_view bytes) : bytes_(bytes) {}

  size_t left() const { return bytes_.size(); }
  [[nodiscard]] bool byte(uint8_t* value);
  [[nodiscard]] bool take(size_t size, std::string_view* taken);
  // No more than is left to read: good for counts too, since everything counted takes a byte.
  [[nodiscard]] bool length(size_t* value);
  // The same of a number that counts nothing.
  [[nodiscard]] bool number(uint64_t* value);
  // Into strings->owned if need be. What is made of compressed data is less than a hundred times as big.
  [[nodiscard]] bool string(RdbStrings* strings, std::string_view* value);

 private:
  [[nodiscard]] bool plain_length(uint8_t first, uint64_t* value);
  [[nodiscard]] bool compressed(RdbStrings* strings, std::string_view* value);

  std::string_view bytes_;
};

void append_rdb_length(uint64_t length, std::string* out);
// The text of an integer of 32 bits becomes that integer, as Redis writes it.
void append_rdb_string(std::string_view bytes, std::string* out);

}  // namespace starling::server
