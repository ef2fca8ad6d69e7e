#include "server/rdb/rdb_compact.h"

#include <algorithm>

#include "resp/number.h"
#include "server/rdb/little_endian.h"

namespace starling::server {
namespace {

constexpr size_t kListpackHeader = 6, kZiplistHeader = 10, kIntsetHeader = 8;
constexpr size_t kUnknownCount = 0xffff;
constexpr uint8_t kEnd = 0xff;

// What one entry says before its bytes: the sizes of its head and of its text, or the integer it is.
struct Item {
  size_t head_bytes = 0;
  size_t text_bytes = 0;
  bool is_integer = false;
  int64_t integer = 0;

  size_t bytes() const { return head_bytes + text_bytes; }
};

uint8_t byte_at(std::string_view bytes, size_t at) {
  return static_cast<uint8_t>(bytes[at]);
}

bool text_item(size_t head_bytes, uint64_t text_bytes, Item* item) {
  *item = {head_bytes, static_cast<size_t>(text_bytes), false, 0};
  return true;
}

bool immediate_item(size_t head_bytes, int64_t value, Item* item) {
  *item = {head_bytes, 0, true, value};
  return true;
}

// One byte of encoding, then an integer of `size` bytes.
bool integer_item(std::string_view bytes, size_t size, Item* item) {
  if (bytes.size() < 1 + size) return false;
  return immediate_item(1 + size, signed_little_endian(bytes.substr(1, size)), item);
}

bool listpack_item(std::string_view bytes, Item* item) {
  if (bytes.empty()) return false;
  const uint8_t first = byte_at(bytes, 0);
  if (first < 0x80) return immediate_item(1, first, item);
  if (first < 0xc0) return text_item(1, first & 0x3f, item);
  switch (first) {
    case 0xf0:
      return bytes.size() >= 5 && text_item(5, little_endian(bytes.substr(1, 4)), item);
    case 0xf1:
      return integer_item(bytes, 2, item);
    case 0xf2:
      return integer_item(bytes, 3, item);
    case 0xf3:
      return integer_item(bytes, 4, item);
    case 0xf4:
      return integer_item(bytes, 8, item);
    default:
      break;
  }
  if (first >= 0xf0 || bytes.size() < 2) return false;
  const int low = (first & 0x1f) << 8 | byte_at(bytes, 1);
  if (first >= 0xe0) return text_item(2, static_cast<uint64_t>(low & 0xfff), item);
  return immediate_item(2, low >= 0x1000 ? low - 0x2000 : low, item);
}

bool ziplist_item(std::string_view bytes, Item* item) {
  if (bytes.empty()) return false;
  const uint8_t first = byte_at(bytes, 0);
  switch (first >> 6) {
    case 0:
      return text_item(1, first, item);
    case 1:
      return bytes.size() >= 2 &&
             text_item(2, static_cast<uint64_t>((first & 0x3f) << 8 | byte_at(bytes, 1)), item);
    case 2:
      return bytes.size() >= 5 &&
             text_item(5,
                       static_cast<uint64_t>(byte_at(bytes, 1)) << 24 |
                           static_cast<uint64_t>(byte_at(bytes, 2)) << 16 |
                           static_cast<uint64_t>(byte_at(bytes, 3)) << 8 | byte_at(bytes, 4),
                       item);
    default:
      break;
  }
  switch (first) {
    case 0xc0:
      return integer_item(bytes, 2, item);
    case 0xd0:
      return integer_item(bytes, 4, item);
    case 0xe0:
      return integer_item(bytes, 8, item);
    case 0xf0:
      return integer_item(bytes, 3, item);
    case 0xfe:
      return integer_item(bytes, 1, item);
    default:
      return first >= 0xf1 && first <= 0xfd && immediate_item(1, first - 0xf1, item);
  }
}

void add_item(const Item& item, std::string_view bytes, RdbStrings* strings) {
  if (item.is_integer) return strings->add_integer(item.integer);
  strings->add(bytes.substr(item.head_bytes, item.text_bytes));
}

void append_backlen(size_t bytes, std::string* out) {
  constexpr size_t kLimits[] = {127, 16382, 2097150, 268435454};
  int digits = 1;
  for (const size_t limit : kLimits) digits += bytes > limit;
  for (int i = digits - 1; i >= 0; --i) {
    const size_t digit = bytes >> (7 * i) & 0x7f;
    out->push_back(static_cast<char>(i == digits - 1 ? digit : digit | 0x80));
  }
}

void append_listpack_integer(int64_t value, std::string* out) {
  const auto bits = static_cast<uint64_t>(value);
  const auto fits = [value](int width) { return value >> (width - 1) == 0 || value >> (width - 1) == -1; };
  const auto wide = [&](int encoding, int size) {
    out->push_back(static_cast<char>(encoding));
    append_little_endian(bits, size, out);
  };
  if (value >= 0 && value <= 127) {
    out->push_back(static_cast<char>(value));
  } else if (fits(13)) {
    out->push_back(static_cast<char>(0xc0 | (bits >> 8 & 0x1f)));
    out->push_back(static_cast<char>(bits));
  } else if (fits(16)) {
    wide(0xf1, 2);
  } else if (fits(24)) {
    wide(0xf2, 3);
  } else if (fits(32)) {
    wide(0xf3, 4);
  } else {
    wide(0xf4, 8);
  }
}

void append_listpack_text(std::string_view text, std::string* out) {
  if (text.size() < 64) {
    out->push_back(static_cast<char>(0x80 | text.size()));
  } else if (text.size() < 4096) {
    out->push_back(static_cast<char>(0xe0 | text.size() >> 8));
    out->push_back(static_cast<char>(text.size()));
  } else {
    out->push_back(static_cast<char>(0xf0));
    append_little_endian(text.size(), 4, out);
  }
  out->append(text);
}

}  // namespace

bool read_listpack(std::string_view bytes, RdbStrings* strings) {
  if (bytes.size() < kListpackHeader + 1 || little_endian(bytes.substr(0, 4)) != bytes.size()) return false;
  const uint64_t stated = little_endian(bytes.substr(4, 2));
  size_t at = kListpackHeader, count = 0;
  std::string backlen;
  while (at < bytes.size() && byte_at(bytes, at) != kEnd) {
    const std::string_view rest = bytes.substr(at);
    Item item;
    if (!listpack_item(rest, &item) || item.bytes() >= rest.size()) return false;
    backlen.clear();
    append_backlen(item.bytes(), &backlen);
    if (rest.substr(item.bytes(), backlen.size()) != backlen) return false;
    add_item(item, rest, strings);
    ++count;
    at += item.bytes() + backlen.size();
  }
  return at == bytes.size() - 1 && (stated == kUnknownCount || stated == count);
}

bool read_ziplist(std::string_view bytes, RdbStrings* strings) {
  if (bytes.size() < kZiplistHeader + 1 || little_endian(bytes.substr(0, 4)) != bytes.size()) return false;
  const uint64_t tail = little_endian(bytes.substr(4, 4));
  const uint64_t stated = little_endian(bytes.substr(8, 2));
  size_t at = kZiplistHeader, count = 0, last = kZiplistHeader;
  uint64_t previous = 0;
  while (at < bytes.size() && byte_at(bytes, at) != kEnd) {
    std::string_view rest = bytes.substr(at);
    uint64_t stated_previous = byte_at(rest, 0);
    size_t previous_bytes = 1;
    if (stated_previous == 0xfe) {
      previous_bytes = 5;
      if (rest.size() < previous_bytes) return false;
      stated_previous = little_endian(rest.substr(1, 4));
    }
    rest.remove_prefix(previous_bytes);
    Item item;
    if (stated_previous != previous || !ziplist_item(rest, &item) || item.bytes() >= rest.size())
      return false;
    add_item(item, rest, strings);
    ++count;
    last = at;
    previous = previous_bytes + item.bytes();
    at += previous;
  }
  return at == bytes.size() - 1 && tail == last && (stated == kUnknownCount || stated == count);
}

bool read_intset(std::string_view bytes, RdbStrings* strings) {
  if (bytes.size() < kIntsetHeader) return false;
  const uint64_t width = little_endian(bytes.substr(0, 4));
  const uint64_t count = little_endian(bytes.substr(4, 4));
  if ((width != 2 && width != 4 && width != 8) || bytes.size() != kIntsetHeader + width * count) return false;
  int64_t before = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const int64_t value = signed_little_endian(bytes.substr(kIntsetHeader + i * width, width));
    if (i > 0 && value <= before) return false;
    strings->add_integer(value);
    before = value;
  }
  return true;
}

void append_listpack(std::span<const std::string_view> strings, std::string* out) {
  const size_t start = out->size();
  out->append(4, '\0');
  append_little_endian(std::min(strings.size(), kUnknownCount), 2, out);
  for (const std::string_view text : strings) {
    const size_t begin = out->size();
    int64_t value = 0;
    if (resp::parse_integer(text, &value)) {
      append_listpack_integer(value, out);
    } else {
      append_listpack_text(text, out);
    }
    append_backlen(out->size() - begin, out);
  }
  out->push_back(static_cast<char>(kEnd));
  std::string size;
  append_little_endian(out->size() - start, 4, &size);
  out->replace(start, size.size(), size);
}

void append_intset(std::span<const int64_t> values, std::string* out) {
  int width = 2;
  for (const int64_t value : values) {
    if (value != static_cast<int32_t>(value)) {
      width = 8;
    } else if (value != static_cast<int16_t>(value)) {
      width = std::max(width, 4);
    }
  }
  append_little_endian(static_cast<uint64_t>(width), 4, out);
  append_little_endian(values.size(), 4, out);
  for (const int64_t value : values) append_little_endian(static_cast<uint64_t>(value), width, out);
}

}  // namespace starling::server
