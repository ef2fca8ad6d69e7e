#include "server/rdb/list_payload.h"

#include <span>

#include "server/rdb/rdb_compact.h"

namespace starling::server {
namespace {

enum ListType : uint8_t {
  kList = 1,
  kListZiplist = 10,
  kListQuicklist = 14,
  kListQuicklist2 = 18,
};
enum NodeForm : uint8_t { kPlainNode = 1, kPackedNode = 2 };

// As Redis has them by default: a node is of so many bytes at most, or of one item.
constexpr size_t kNodeBytes = 8192;
// What an item takes in a listpack beside its text, at most.
constexpr size_t kItemOverheadBytes = 11;

bool read_node(RdbReader& reader, RdbStrings* items) {
  size_t form = 0;
  std::string_view text;
  if (!reader.length(&form) || !reader.string(items, &text)) return false;
  if (form == kPackedNode) return read_listpack(text, items);
  if (form != kPlainNode) return false;
  items->add(text);
  return true;
}

bool read_part(uint8_t type, RdbReader& reader, RdbStrings* items) {
  if (type == kListQuicklist2) return read_node(reader, items);
  std::string_view text;
  if (!reader.string(items, &text)) return false;
  if (type == kListQuicklist) return read_ziplist(text, items);
  items->add(text);
  return true;
}

// How many items from there on make a node.
size_t node_items(std::span<const std::string_view> items) {
  size_t count = 0, bytes = 0;
  while (count < items.size()) {
    bytes += items[count].size() + kItemOverheadBytes;
    if (bytes > kNodeBytes) break;
    ++count;
  }
  return count;
}

}  // namespace

bool is_list_type(uint8_t type) {
  return type == kList || type == kListZiplist || type == kListQuicklist || type == kListQuicklist2;
}

bool read_list(uint8_t type, RdbReader& reader, RdbStrings* items) {
  if (type == kListZiplist) {
    std::string_view text;
    return reader.string(items, &text) && read_ziplist(text, items);
  }
  size_t parts = 0;
  if (!reader.length(&parts)) return false;
  for (size_t i = 0; i < parts; ++i) {
    if (!read_part(type, reader, items)) return false;
  }
  return true;
}

void append_list(const RdbStrings& items, std::string* out) {
  out->push_back(static_cast<char>(kListQuicklist2));
  std::string nodes;
  size_t count = 0;
  for (std::span<const std::string_view> left = items.all; !left.empty(); ++count) {
    const size_t packed = node_items(left);
    append_rdb_length(packed == 0 ? kPlainNode : kPackedNode, &nodes);
    if (packed == 0) {
      append_rdb_string(left[0], &nodes);
    } else {
      std::string listpack;
      append_listpack(left.first(packed), &listpack);
      append_rdb_string(listpack, &nodes);
    }
    left = left.subspan(packed == 0 ? 1 : packed);
  }
  append_rdb_length(count, out);
  *out += nodes;
}

}  // namespace starling::server
