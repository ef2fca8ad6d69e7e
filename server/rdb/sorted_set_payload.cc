#include "server/rdb/sorted_set_payload.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "engine/types/sorted_set/sorted_set.h"
#include "resp/number.h"
#include "server/rdb/little_endian.h"
#include "server/rdb/rdb_compact.h"

namespace starling::server {
namespace {

using engine::ScoredMember;
using engine::SortedSetMaker;
using engine::SortedSetView;

enum TypeByte : uint8_t {
  kTexts = 3,
  kDoubles = 5,
  kZiplist = 12,
  kListpack = 17,
};

constexpr size_t kDoubleBytes = 8;

bool read_text_score(RdbReader& reader, double* score) {
  constexpr uint8_t kNotANumber = 253, kInfinity = 254, kMinusInfinity = 255;
  uint8_t size = 0;
  std::string_view text;
  if (!reader.byte(&size) || size == kNotANumber) return false;
  if (size >= kInfinity) {
    *score = std::numeric_limits<double>::infinity() * (size == kMinusInfinity ? -1 : 1);
    return true;
  }
  return reader.take(size, &text) && resp::parse_real(text, score);
}

bool read_double(RdbReader& reader, double* score) {
  std::string_view bytes;
  if (!reader.take(kDoubleBytes, &bytes)) return false;
  *score = std::bit_cast<double>(little_endian(bytes));
  return !std::isnan(*score);
}

// Element by element: of large ones even a list of views would be large.
std::unique_ptr<engine::Collection> read_plain(uint8_t type, RdbReader& reader) {
  // No more room than real members need: untrusted bytes may claim one in each byte.
  constexpr size_t kUsualBytes = 6;
  size_t count = 0;
  if (!reader.length(&count) || count == 0) return nullptr;
  SortedSetMaker maker(std::min(count, reader.left() / kUsualBytes));
  RdbStrings strings;
  for (size_t i = 0; i < count; ++i) {
    std::string_view member;
    double score = 0;
    if (!reader.string(&strings, &member)) return nullptr;
    if (!(type == kTexts ? read_text_score(reader, &score) : read_double(reader, &score))) return nullptr;
    if (!maker.put(member, score)) return nullptr;
    if (!strings.owned.empty()) strings.owned.clear();
  }
  return maker.take();
}

std::unique_ptr<engine::Collection> read_compact(uint8_t type, RdbReader& reader) {
  RdbStrings strings;
  std::string_view bytes;
  if (!reader.string(&strings, &bytes)) return nullptr;
  if (!(type == kListpack ? read_listpack(bytes, &strings) : read_ziplist(bytes, &strings))) return nullptr;
  const std::vector<std::string_view>& all = strings.all;
  if (all.empty() || all.size() % 2 != 0) return nullptr;
  SortedSetMaker maker(all.size() / 2);
  for (size_t i = 0; i < all.size(); i += 2) {
    double score = 0;
    if (!resp::parse_real(all[i + 1], &score) || !maker.put(all[i], score)) return nullptr;
  }
  return maker.take();
}

void append_compact(const SortedSetView& members, std::string* out) {
  std::vector<std::string> scores;
  std::vector<std::string_view> strings;
  scores.reserve(members.size());
  members.walk(0, members.size(), [&](const ScoredMember& member) {
    strings.push_back(member.member);
    strings.push_back(scores.emplace_back(listpack_score(member.score)));
    return true;
  });
  std::string listpack;
  append_listpack(strings, &listpack);
  append_rdb_string(listpack, out);
}

// From the highest score on, as Redis writes it: it puts what it reads at the front of a list then.
void append_plain(const SortedSetView& members, std::string* out) {
  append_rdb_length(members.size(), out);
  members.walk_back(members.size() - 1, members.size(), [&](const ScoredMember& member) {
    append_rdb_string(member.member, out);
    append_little_endian(std::bit_cast<uint64_t>(member.score), kDoubleBytes, out);
    return true;
  });
}

}  // namespace

bool is_sorted_set_type(uint8_t type) {
  return type == kTexts || type == kDoubles || type == kZiplist || type == kListpack;
}

std::unique_ptr<engine::Collection> read_sorted_set(uint8_t type, RdbReader& reader) {
  std::unique_ptr<engine::Collection> members =
      type == kTexts || type == kDoubles ? read_plain(type, reader) : read_compact(type, reader);
  return reader.left() == 0 ? std::move(members) : nullptr;
}

std::string listpack_score(double score) {
  constexpr double kLargest = 0x1p62;
  if (std::abs(score) <= kLargest && score == std::trunc(score)) {
    return std::to_string(static_cast<int64_t>(score));
  }
  return resp::format_real(score);
}

void append_sorted_set(const engine::Collection& members, bool compact, std::string* out) {
  out->push_back(static_cast<char>(compact ? kListpack : kDoubles));
  if (compact) return append_compact(SortedSetView(members), out);
  append_plain(SortedSetView(members), out);
}

}  // namespace starling::server
