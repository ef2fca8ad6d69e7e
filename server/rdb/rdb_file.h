// A whole RDB file, as Redis 6 to 7.4 and Valkey 7 and 8 save it and send it to their replicas, read as its bytes
// come.
//
//   file      = "REDIS" version *part %xFF [crc]    version: 4 digits, 0001 to 0012; crc: from version 5 on, u64le,
//                                                   CRC-64 of all before it (crc64.h); 0: it was not computed
//   part      = %xFA string string                  about the file: a name and what it says
//             | %xFE length                         what follows is of this database
//             | %xFB length length                  how many keys there are, and with a deadline: ignored
//             | %xF4 length length length           the same of a slot: ignored
//             | %xF5 string                         the text of a library of functions
//             | %xF7 length length length module    what a module keeps beside its keys: skipped, and told
//             | *attribute type string value        a key and its value; type, value: rdb_payload.h
//   attribute = %xFD i32le | %xFC i64le             its deadline, in seconds or milliseconds
//             | %xF8 length | %xF9 byte             for how many seconds it was not used; how often it was (LFU)
//
// length, string: rdb_strings.h. module: rdb_extent.h. Read no further, with an error that says so: values of
// modules; hashes whose fields have deadlines (Redis 7.4); zipmaps (before Redis 2.6); functions of a candidate of
// Redis 7.0.
//
// Memory is bounded by the largest value of the file, which may have strings of `largest_string` bytes; nothing is
// believed before it is there. Untrusted bytes may be anything. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "server/rdb/rdb_extent.h"

namespace starling::server {

// What next() has found. Views are valid until the next call of the reader.
struct RdbItem {
  enum class Kind { kAbout, kLibrary, kModuleData, kValue };
  Kind kind = Kind::kAbout;
  std::string_view name;  // kAbout: of what; kValue: the key.
  std::string_view
      text;  // kAbout: what it says; kLibrary: the code; kValue: as DUMP writes it (rdb_payload.h).
  uint64_t offset = 0;  // In the file, where it begins.
  // Of a kValue.
  int database = 0;
  bool has_deadline = false;
  int64_t deadline_ms = 0;
  int64_t idle_seconds = -1;  // Negative: it does not say.
  int frequency = -1;
};

class RdbFileReader {
 public:
  enum class Result {
    kItem,
    kMore,   // feed() it.
    kEnd,    // The file is whole and, if it has a checksum, as it was written.
    kWrong,  // error() says what; it goes no further.
  };

  explicit RdbFileReader(size_t largest_string) : extent_(largest_string), largest_string_(largest_string) {}
  RdbFileReader(const RdbFileReader&) = delete;
  RdbFileReader& operator=(const RdbFileReader&) = delete;

  // More of the file has come. What is behind its end is not touched, and counts as unused().
  void feed(std::string_view bytes);
  [[nodiscard]] Result next(RdbItem* item);
  // After kWrong: "…, at byte 17 of the file".
  const std::string& error() const { return error_; }
  // What to say of a file that ends here. Precondition: the last result was kMore.
  std::string truncated() const;
  // Bytes that are behind where it stands.
  uint64_t offset() const { return offset_; }
  size_t unused() const { return buffer_.size() - begin_; }

 private:
  Result fail(std::string what, size_t further = 0);
  std::string at(uint64_t offset) const;
  Result read_header();
  Result begin_part();
  Result read_part(RdbItem* item, bool* found);
  Result read_value(std::string_view part, RdbItem* item);
  Result end_file();
  void consume(size_t size);

  RdbExtent extent_;
  const size_t largest_string_;
  std::string buffer_;
  size_t begin_ = 0;     // In the buffer: what was not consumed.
  uint64_t offset_ = 0;  // Of that in the file.
  uint64_t crc_ = 0;     // Of all before.
  int version_ = 0;      // 0: not read yet.
  bool in_part_ = false;
  uint8_t part_ = 0;    // Its first byte, if in one.
  RdbItem attributes_;  // Of the value that comes next.
  bool attributed_ = false;
  std::string payload_, plain_;
  bool ended_ = false;
  std::string error_;
};

// A value of a file can be taken: RESTORE will make of it what it says.
[[nodiscard]] bool rdb_value_readable(const RdbItem& item);

}  // namespace starling::server
