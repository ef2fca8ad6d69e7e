// What two replicas say to each other when they compare what they hold: the payloads of kTree (asks) and
// kTreeReply. One who asks is the asker, the other the answerer. The frame's correlation is the asker's.
//
//   tree       := epoch:varint (0x01 sums | 0x02 list | 0x03 to 0x06 settle_messages.h)
//   sums       := urgent:u8 included:byte{2048} group sum:u64{128}
//                 the partitions that are compared, bit (p mod 8) of byte (p / 8); over those, the sums of
//                 each group's version hashes. urgent 1: the answerer should spare no effort, 0: be gentle
//   list       := partition:varint settled:varint from:varint until:varint entry*       all that the asker
//                 holds in [from, until), ascending by position, and how far it had settled the partition before
//   entry      := database:u8 key:string context:string
//   tree reply := result:u8 detail                      result as in data_messages.h; details of 2 to 4 too
//   detail     := 0x01 count:varint partition:varint{count} (group:u8 partition sum:u64{128})*     of sums:
//                 the included partitions whose sums the answerer does not know, ascending; the groups that
//                 differ, ascending, with its sums of the included partitions
//               | 0x02 differences:varint failed:varint reached:varint key*      of a list: how many keys had
//                 different versions, how many records the answerer could not bring to the asker (the others
//                 it has), how far it got, and the keys of which it wants the asker's record
//
// A position is a place within a partition: database << 48 | hash of the key (engine/base/key.h), the same on all
// nodes; kEndPosition is behind the last.
//
// The numbers travel: never renumber. Readers take untrusted bytes; what they accept is exactly what the
// writers would write.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/repair/version_index.h"
#include "cluster/wire/data_messages.h"
#include "cluster/wire/node_id.h"
#include "engine/replica/replication.h"

namespace starling::cluster {

using engine::kEndPosition;
using Position = uint64_t;

// A list message and its answer stay within these, but for one entry of any size.
inline constexpr size_t kMaxListEntries = 512;
inline constexpr size_t kMaxListBytes = 128 << 10;

// One record's version. Owns its bytes.
struct VersionEntry {
  int database = 0;
  std::string key;
  std::string context;  // Encoded (engine/record/record_codec.h).

  Position position() const { return engine::version_position(database, key); }
  bool operator==(const VersionEntry&) const = default;
};

struct SumsRequest {
  Epoch epoch = 0;
  bool urgent = false;
  PartitionSet included;
  GroupSums sums{};
};

struct ListRequest {
  Epoch epoch = 0;
  uint16_t partition = 0;
  Position from = 0;
  Position until = kEndPosition;
  std::vector<VersionEntry> entries;
  engine::Stamp settled = 0;
};

struct SumsReply {
  std::vector<uint16_t> in_doubt;
  std::vector<std::pair<uint8_t, PartitionSums>> groups;
};

struct ListReply {
  uint64_t differences = 0, failed = 0;
  Position reached = kEndPosition;
  std::vector<std::pair<int, std::string>> wanted;
};

std::string encode_sums(const SumsRequest& request);
std::string encode_list(const ListRequest& request);
std::string encode_sums_reply(const SumsReply& reply);
std::string encode_list_reply(const ListReply& reply);

enum class TreeKind : uint8_t {
  kSums = 1,
  kList = 2,
  kMark = 3,
  kBusy = 4,
  kAdopt = 5,
  kClock = 6,
  kSame = 7,
  kProven = 8,
};
// How every tree message begins, and what follows the result in a reply.
std::string begin_tree(Epoch epoch, TreeKind kind);
std::string begin_tree_detail(TreeKind kind);
void append_partitions(const PartitionSet& set, std::string* out);
[[nodiscard]] bool read_partitions(engine::ByteReader* reader, PartitionSet* set);

// Of a tree message; for telling what to decode it as, and whether the epochs agree.
[[nodiscard]] bool peek_tree(std::string_view payload, Epoch* epoch, TreeKind* kind);
[[nodiscard]] bool decode_sums(std::string_view payload, SumsRequest* request);
[[nodiscard]] bool decode_list(std::string_view payload, ListRequest* request);
// Of what follows the result.
[[nodiscard]] bool decode_sums_reply(std::string_view detail, SumsReply* reply);
[[nodiscard]] bool decode_list_reply(std::string_view detail, ListReply* reply);

}  // namespace starling::cluster
