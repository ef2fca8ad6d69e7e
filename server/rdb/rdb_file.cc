#include "server/rdb/rdb_file.h"

#include <algorithm>
#include <array>
#include <utility>

#include "resp/number.h"
#include "server/rdb/crc64.h"
#include "server/rdb/little_endian.h"
#include "server/rdb/rdb_payload.h"
#include "server/rdb/rdb_strings.h"

namespace starling::server {
namespace {

using Result = RdbFileReader::Result;

constexpr std::string_view kMagic = "REDIS";
constexpr size_t kHeaderBytes = 9, kFileCrcBytes = 8;
constexpr int kNewestVersion = 12, kChecksumVersion = 5;

enum PartByte : uint8_t {
  kSlotInfo = 0xf4,
  kFunction = 0xf5,
  kOldFunction = 0xf6,
  kModuleAux = 0xf7,
  kIdle = 0xf8,
  kFrequency = 0xf9,
  kAux = 0xfa,
  kSizes = 0xfb,
  kDeadlineMs = 0xfc,
  kDeadline = 0xfd,
  kDatabase = 0xfe,
  kEnd = 0xff,
};

// Behind the first byte. Empty: there is no such part.
std::string_view part_shape(uint8_t part) {
  switch (part) {
    case kSlotInfo:
      return "lll";
    case kFunction:
      return "s";
    case kModuleAux:
      return "lllm";
    case kIdle:
    case kDatabase:
      return "l";
    case kFrequency:
      return "b";
    case kAux:
      return "ss";
    case kSizes:
      return "ll";
    case kDeadlineMs:
      return "d";
    case kDeadline:
      return "w";
    default:
      return {};
  }
}

// A key, and a value of each type. Empty: values of that type are not taken.
std::string_view value_shape(uint8_t type) {
  constexpr std::array<std::string_view, 22> kShapes = {
      "ss",                                // 0, a string
      "s(s)",                              // 1, a list
      "s(s)",                              // 2, a set
      "s(sf)",                             // 3, a sorted set, scores as texts
      "s(ss)",                             // 4, a hash
      "s(sd)",                             // 5, a sorted set
      "",                                  // 6, of a module
      "",                                  // 7, of a module
      "",                                  // 8, nothing
      "",                                  // 9, a zipmap
      "ss",                                // 10, a list as a ziplist
      "ss",                                // 11, a set as an intset
      "ss",                                // 12, a sorted set as a ziplist
      "ss",                                // 13, a hash as a ziplist
      "s(s)",                              // 14, a list as ziplists
      "s(ss)lll(sll(idl)(sd(i)))",         // 15, a stream
      "ss",                                // 16, a hash as a listpack
      "ss",                                // 17, a sorted set as a listpack
      "s(ls)",                             // 18, a list as listpacks
      "s(ss)llllllll(slll(idl)(sd(i)))",   // 19, a stream of Redis 7.0
      "ss",                                // 20, a set as a listpack
      "s(ss)llllllll(slll(idl)(sdd(i)))",  // 21, a stream of Redis 7.2
  };
  return type < kShapes.size() ? kShapes[type] : std::string_view();
}

std::string why_not(uint8_t type) {
  const std::string number = std::to_string(type);
  if (type == 6 || type == 7) return "a key's value is a module's (type " + number + ")";
  if (type == 9) return "a hash is stored as before Redis 2.6 (type 9)";
  if (type >= 22 && type <= 25) return "a hash has fields with deadlines (type " + number + ")";
  if (type == kOldFunction) return "a function is stored as a candidate of Redis 7.0 did it";
  return "there is no such thing as part " + number;
}

}  // namespace

Result RdbFileReader::fail(std::string what, size_t further) {
  error_ = std::move(what) + at(offset_ + further);
  return Result::kWrong;
}

std::string RdbFileReader::at(uint64_t offset) const {
  return ", at byte " + std::to_string(offset) + " of the file";
}

std::string RdbFileReader::truncated() const {
  return "the RDB file ends too early" + at(offset_ + unused());
}

void RdbFileReader::feed(std::string_view bytes) {
  constexpr size_t kKeepBytes = 64 << 10;
  if (begin_ == buffer_.size() || begin_ > kKeepBytes) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
  buffer_.append(bytes);
  // What one large value took is given back.
  if (buffer_.capacity() > (1 << 20) && buffer_.size() < kKeepBytes) buffer_.shrink_to_fit();
}

void RdbFileReader::consume(size_t size) {
  crc_ = crc64(std::string_view(buffer_).substr(begin_, size), crc_);
  begin_ += size;
  offset_ += size;
}

Result RdbFileReader::next(RdbItem* item) {
  if (!error_.empty()) return Result::kWrong;
  if (ended_) return Result::kEnd;
  if (version_ == 0) {
    if (const Result result = read_header(); result != Result::kItem) return result;
  }
  for (bool found = false; !found;) {
    if (!in_part_) {
      if (unused() == 0) return Result::kMore;
      if (static_cast<uint8_t>(buffer_[begin_]) == kEnd) return end_file();
      if (const Result result = begin_part(); result != Result::kItem) return result;
    }
    if (const Result result = read_part(item, &found); result != Result::kItem) return result;
  }
  return Result::kItem;
}

Result RdbFileReader::read_header() {
  const std::string_view bytes = std::string_view(buffer_).substr(begin_);
  const size_t known = std::min(bytes.size(), kMagic.size());
  if (bytes.substr(0, known) != kMagic.substr(0, known)) return fail("this is no RDB file");
  if (bytes.size() < kHeaderBytes) return Result::kMore;
  const std::string_view digits = bytes.substr(kMagic.size(), kHeaderBytes - kMagic.size());
  for (const char c : digits) {
    if (c < '0' || c > '9') return fail("the RDB file's version is no number", kMagic.size());
    version_ = version_ * 10 + (c - '0');
  }
  if (version_ < 1 || version_ > kNewestVersion)
    return fail("the RDB file is of version " + std::to_string(version_) + ", of which 1 to " +
                    std::to_string(kNewestVersion) + " are known",
                kMagic.size());
  consume(kHeaderBytes);
  return Result::kItem;
}

Result RdbFileReader::begin_part() {
  part_ = static_cast<uint8_t>(buffer_[begin_]);
  const bool attribute = part_ == kDeadline || part_ == kDeadlineMs || part_ == kIdle || part_ == kFrequency;
  std::string_view shape = value_shape(part_);
  if (shape.empty()) {
    shape = part_shape(part_);
    if (shape.empty()) return fail(why_not(part_));
    if (attributed_ && !attribute) return fail("something else than a key follows its deadline");
  }
  extent_.begin(shape);
  in_part_ = true;
  return Result::kItem;
}

Result RdbFileReader::read_part(RdbItem* item, bool* found) {
  const std::string_view part = std::string_view(buffer_).substr(begin_ + 1);
  switch (extent_.advance(part)) {
    case RdbExtent::Result::kMore:
      return Result::kMore;
    case RdbExtent::Result::kWrong:
      return fail("the RDB file is damaged", 1 + extent_.position());
    case RdbExtent::Result::kTooLarge:
      return fail("a string is larger than the " + std::to_string(largest_string_) +
                      " bytes that are taken (proto-max-bulk-len)",
                  1 + extent_.position());
    case RdbExtent::Result::kWhole:
      break;
  }
  in_part_ = false;
  *found = !value_shape(part_).empty() || part_ == kAux || part_ == kFunction || part_ == kModuleAux;
  const std::string_view whole = part.substr(0, extent_.position());
  const Result result = read_value(whole, item);
  if (result == Result::kItem) consume(1 + whole.size());
  return result;
}

Result RdbFileReader::read_value(std::string_view part, RdbItem* item) {
  RdbReader reader(part);
  RdbStrings strings;
  std::string_view name, text;
  uint64_t number = 0;
  const auto damaged = [this] { return fail("a string of the RDB file is damaged"); };
  if (!value_shape(part_).empty()) {
    if (!reader.string(&strings, &name)) return damaged();
    plain_ = name;
    *item = attributes_;
    item->kind = RdbItem::Kind::kValue;
    item->offset = offset_;
    item->name = plain_;
    payload_.assign(1, static_cast<char>(part_));
    payload_.append(part.substr(part.size() - reader.left()));
    seal_rdb_payload(&payload_);
    item->text = payload_;
    const int database = attributes_.database;
    attributes_ = RdbItem();
    attributes_.database = database;
    attributed_ = false;
    return Result::kItem;
  }
  switch (part_) {
    case kAux:
    case kFunction:
      if (part_ == kAux && !reader.string(&strings, &name)) return damaged();
      if (!reader.string(&strings, &text)) return damaged();
      plain_.assign(name).append(text);
      *item = RdbItem();
      item->kind = part_ == kAux ? RdbItem::Kind::kAbout : RdbItem::Kind::kLibrary;
      item->offset = offset_;
      item->name = std::string_view(plain_).substr(0, name.size());
      item->text = std::string_view(plain_).substr(name.size());
      return Result::kItem;
    case kModuleAux:
      *item = RdbItem();
      item->kind = RdbItem::Kind::kModuleData;
      item->offset = offset_;
      return Result::kItem;
    case kDatabase:
      if (!reader.number(&number) || number > INT32_MAX) return fail("there is no such database");
      attributes_.database = static_cast<int>(number);
      return Result::kItem;
    case kDeadline:
    case kDeadlineMs:
      attributes_.has_deadline = true;
      attributes_.deadline_ms = signed_little_endian(part);
      if (part_ == kDeadline) attributes_.deadline_ms *= 1000;
      break;
    case kIdle:
      if (!reader.number(&number)) return damaged();
      attributes_.idle_seconds = static_cast<int64_t>(std::min<uint64_t>(number, INT64_MAX));
      break;
    case kFrequency:
      attributes_.frequency = static_cast<uint8_t>(part[0]);
      break;
    default:
      return Result::kItem;  // Sizes.
  }
  attributed_ = true;
  return Result::kItem;
}

Result RdbFileReader::end_file() {
  if (attributed_) return fail("the RDB file ends behind a deadline");
  const size_t size = 1 + (version_ >= kChecksumVersion ? kFileCrcBytes : 0);
  if (unused() < size) return Result::kMore;
  consume(1);
  if (size > 1) {
    const uint64_t written = little_endian(std::string_view(buffer_).substr(begin_, kFileCrcBytes));
    if (written != 0 && written != crc_) return fail("the RDB file's checksum is wrong");
    consume(kFileCrcBytes);
  }
  ended_ = true;
  return Result::kEnd;
}

bool rdb_value_readable(const RdbItem& item) {
  if (decode_rdb_collection(item.text) != nullptr) return true;
  RdbValue value;
  return decode_rdb_payload(item.text, &value) &&
         (value.type == engine::Type::kString || value.type == engine::Type::kList);
}

}  // namespace starling::server
