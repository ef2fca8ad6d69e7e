#include "server/rdb/rdb_file.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "server/rdb/crc64.h"
#include "server/rdb/little_endian.h"
#include "server/rdb/rdb_payload.h"
#include "server/rdb/rdb_strings.h"

namespace starling::server {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using Kind = RdbItem::Kind;
using Result = RdbFileReader::Result;

constexpr size_t kLargest = 1 << 20;

std::string text(std::string_view bytes) {
  std::string out;
  append_rdb_string(bytes, &out);
  return out;
}

std::string bytes_of(uint64_t value, int size) {
  std::string out;
  append_little_endian(value, size, &out);
  return out;
}

// Of these parts, with its end and the checksum that is right.
std::string file_of(std::string_view parts, std::string_view version = "0011") {
  std::string file = "REDIS" + std::string(version) + std::string(parts) + "\xff";
  append_little_endian(crc64(file), 8, &file);
  return file;
}

std::string stream_part() {
  // No entries, and one group with one consumer who was given nothing.
  return "\x15" + text("stream") + "\x00"s + "\x00\x05\x01\x00\x00\x00\x00\x07"s + "\x01" + text("group") +
         "\x05\x01\x03"s + "\x00\x01"s + text("consumer") + bytes_of(1000, 8) + bytes_of(1000, 8) + "\x00"s;
}

struct Read {
  struct Item {
    Kind kind;
    std::string name, text;
    int database;
    bool has_deadline;
    int64_t deadline_ms, idle_seconds;
    int frequency;
    bool readable;
    bool operator==(const Item&) const = default;
  };
  std::vector<Item> items;
  Result end = Result::kMore;
  size_t unused = 0;
  std::string error;
  bool operator==(const Read&) const = default;
};

Read read_in_pieces(std::string_view file, size_t piece, size_t largest = kLargest) {
  RdbFileReader reader(largest);
  Read read;
  for (;;) {
    RdbItem item;
    read.end = reader.next(&item);
    if (read.end == Result::kItem) {
      read.items.push_back({item.kind, std::string(item.name), std::string(item.text), item.database,
                            item.has_deadline, item.deadline_ms, item.idle_seconds, item.frequency,
                            item.kind == Kind::kValue && rdb_value_readable(item)});
      continue;
    }
    if (read.end != Result::kMore || file.empty()) break;
    reader.feed(file.substr(0, piece));
    file.remove_prefix(std::min(piece, file.size()));
  }
  read.unused = reader.unused() + file.size();
  read.error = read.end == Result::kMore ? reader.truncated() : reader.error();
  return read;
}

std::string value_text(std::string_view type_and_value) {
  std::string payload(type_and_value);
  seal_rdb_payload(&payload);
  return payload;
}

// Values of several forms, among them one that is large and one that is nested deep.
std::string sample() {
  std::string set = "\x02" + text("set") + "\x02" + text("a") + text("b");
  std::string list =
      "\x12" + text("list") + "\x02" + "\x01" + text(std::string(70000, 'x')) + "\x01" + text("y");
  std::string scores = "\x03" + text("scores") + "\x02" + text("m") + "\x03" + "1.5" + text("n") + "\xfe";
  std::string zset = "\x05" + text("zset") + "\x01" + text("m") + bytes_of(0x3ff0000000000000, 8);
  return "\xfa" + text("redis-ver") + text("7.2.4") + "\xf5" + text("#!lua name=library") +
         "\xf7\x09\x02\x01\x01\x05\x02\x06\x03"s + "abcd" + "\x04" + "abcdefgh" + "\x05" + text("hidden") +
         "\x00"s + "\xfe\x00\xfb\x05\x01\xf4\x01\x02\x03\x00"s + text("plain") + text("value") + "\xfc" +
         bytes_of(1'900'000'000'123, 8) + "\xf8\x0a\x00"s + text("deadline") + text("-77") + "\xfe\x0f" +
         "\xfd" + bytes_of(1'900'000'000, 4) + "\xf9\x07" + set + list + scores + zset + stream_part();
}

TEST_CASE("a file's parts come out one after the other, however it is cut") {
  const std::string file = file_of(sample());
  const Read whole = read_in_pieces(file, file.size());
  REQUIRE(whole.end == Result::kEnd);
  REQUIRE(whole.items.size() == 10);
  CHECK(whole.items[0].kind == Kind::kAbout);
  CHECK(whole.items[0].name == "redis-ver");
  CHECK(whole.items[0].text == "7.2.4");
  CHECK(whole.items[1].kind == Kind::kLibrary);
  CHECK(whole.items[1].text == "#!lua name=library");
  CHECK(whole.items[2].kind == Kind::kModuleData);
  CHECK(whole.items[3].name == "plain");
  CHECK(whole.items[3].text == value_text("\x00"s + text("value")));
  CHECK_FALSE(whole.items[3].has_deadline);
  CHECK(whole.items[4].deadline_ms == 1'900'000'000'123);
  CHECK(whole.items[4].idle_seconds == 10);
  CHECK(whole.items[4].database == 0);
  CHECK(whole.items[5].name == "set");
  CHECK(whole.items[5].deadline_ms == 1'900'000'000'000);
  CHECK(whole.items[5].frequency == 7);
  CHECK(whole.items[5].database == 15);
  CHECK_FALSE(whole.items[6].has_deadline);
  CHECK(whole.items[9].name == "stream");
  for (size_t i = 3; i < whole.items.size(); ++i) CHECK(whole.items[i].readable);
  for (const size_t piece : {size_t{1}, size_t{2}, size_t{7}, size_t{4096}})
    CHECK(read_in_pieces(file, piece) == whole);
}

TEST_CASE("a file that was cut anywhere is no file, and says where it ends") {
  const std::string file = file_of("\xfe\x00\x00"s + text("k") + text("v") + stream_part());
  REQUIRE(read_in_pieces(file, file.size()).end == Result::kEnd);
  for (size_t size = 0; size < file.size(); ++size) {
    const Read read = read_in_pieces(std::string_view(file).substr(0, size), size + 1);
    CHECK(read.end == Result::kMore);
    CHECK(read.error == "the RDB file ends too early, at byte " + std::to_string(size) + " of the file");
  }
}

TEST_CASE("a file with any one bit turned over is refused, never ends, or ends too early") {
  const std::string file = file_of("\xfe\x00\x00"s + text("k") + text("v") + stream_part());
  for (size_t at = 0; at < file.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = file;
      damaged[at] = static_cast<char>(damaged[at] ^ 1 << bit);
      const Read read = read_in_pieces(damaged, damaged.size());
      CHECK((read.end != Result::kEnd || read.unused != 0));
    }
  }
}

TEST_CASE("errors say what and where") {
  CHECK(read_in_pieces("REDIX", 8).error == "this is no RDB file, at byte 0 of the file");
  CHECK(read_in_pieces("GET", 8).error == "this is no RDB file, at byte 0 of the file");
  CHECK(read_in_pieces("REDIS0080", 9).error ==
        "the RDB file is of version 80, of which 1 to 12 are known, at byte 5 of the file");
  CHECK(read_in_pieces("REDIS00x1", 9).error == "the RDB file's version is no number, at byte 5 of the file");
  const auto error_of = [](std::string_view parts) { return read_in_pieces(file_of(parts), 4).error; };
  CHECK(error_of("\x07" + text("k") + "abc") ==
        "a key's value is a module's (type 7), at byte 9 of the file");
  CHECK(error_of("\xfe\x00\x19"s) == "a hash has fields with deadlines (type 25), at byte 11 of the file");
  CHECK(error_of("\x09") == "a hash is stored as before Redis 2.6 (type 9), at byte 9 of the file");
  CHECK(error_of("\xf6") == "a function is stored as a candidate of Redis 7.0 did it, at byte 9 of the file");
  CHECK(error_of("\xc8") == "there is no such thing as part 200, at byte 9 of the file");
  CHECK(error_of("\x00"s + text("k") + "\xc4") == "the RDB file is damaged, at byte 12 of the file");
  CHECK(error_of("\xf7\x01\x02\x00\x06"s) == "the RDB file is damaged, at byte 13 of the file");
  CHECK(error_of("\xfc" + bytes_of(1, 8)) == "the RDB file ends behind a deadline, at byte 18 of the file");
  CHECK(error_of("\xfc" + bytes_of(1, 8) + "\xfe\x01") ==
        "something else than a key follows its deadline, at byte 18 of the file");
  CHECK(read_in_pieces(file_of("\x00"s + text("k") + text(std::string(100, 'v'))), 5, 99).error ==
        "a string is larger than the 99 bytes that are taken (proto-max-bulk-len), at byte 12 of the file");
  std::string wrong_sum = file_of("");
  wrong_sum.back() = static_cast<char>(wrong_sum.back() ^ 1);
  CHECK(read_in_pieces(wrong_sum, 5).error == "the RDB file's checksum is wrong, at byte 10 of the file");
}

TEST_CASE("what claims to be large takes no memory before it comes") {
  RdbFileReader reader(size_t{1} << 40);
  RdbItem item;
  reader.feed("REDIS0011\x00\x81\x00\x00\x00\x20\x00\x00\x00\x00"sv);
  CHECK(reader.next(&item) == Result::kMore);
  CHECK(reader.unused() == 10);
}

TEST_CASE("files without a checksum, and of versions that had none") {
  std::string file = "REDIS0011\xff" + std::string(8, '\0');
  CHECK(read_in_pieces(file, 100).end == Result::kEnd);
  CHECK(read_in_pieces("REDIS0004\xff", 100).end == Result::kEnd);
  for (const char* version : {"0001", "0006", "0009", "0010", "0012"})
    CHECK(read_in_pieces(file_of("", version), 100).end == Result::kEnd);
}

TEST_CASE("what stands behind the end of the file is not touched") {
  RdbFileReader reader(kLargest);
  RdbItem item;
  reader.feed(file_of("") + "*1\r\n");
  CHECK(reader.next(&item) == Result::kEnd);
  CHECK(reader.unused() == 4);
  CHECK(reader.offset() == file_of("").size());
}

TEST_CASE("a value that makes no sense comes out and is told apart") {
  const Read odd = read_in_pieces(file_of("\x10" + text("hash") + text("no listpack")), 100);
  REQUIRE(odd.items.size() == 1);
  CHECK_FALSE(odd.items[0].readable);
  // A set as a listpack, as Redis 7.2 has it: a and 1.
  const std::string listpack = "\x0c\x00\x00\x00\x02\x00\x81"s + "a" + "\x02\x01\x01\xff";
  const Read set = read_in_pieces(file_of("\x14" + text("set") + text(listpack)), 100);
  REQUIRE(set.items.size() == 1);
  CHECK(set.items[0].readable);
}

}  // namespace
}  // namespace starling::server
