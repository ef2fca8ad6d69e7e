// What nodes say to each other to settle partitions (settlement.h): further kinds of tree messages
// (tree_messages.h), in the same frames. One who asks is the leader of the partitions he asks about.
//
//   mark       := epoch:varint 0x03
//   busy       := epoch:varint 0x04 boot:u64 mark:varint
//   adopt      := epoch:varint 0x05 stamp:u64 (partition:varint sum:u64)*       ascending by partition
//   clock      := epoch:varint 0x06 stamp:u64                                   nobody answers it
//   same       := epoch:varint 0x07 number:varint (partition:varint sum:u64)*   ascending by partition
//   proven     := epoch:varint 0x08 boot:u64 stamp:u64 partition:varint*        ascending
//   tree reply := 0x00 detail, or as in data_messages.h
//   detail     := 0x03 boot:u64 mark:varint stamp:u64       of mark
//               | 0x04 partitions:byte{2048} guarded:varint*      of busy; as `included` in tree_messages.h;
//                 and, ascending, where being settled is all that lets something go
//               | 0x05 adopted:varint                       of adopt, of proven
//               | 0x07 number:varint partition:varint*      of same: the number asked by; those with the same sum
//
// A boot is a number that no other start of the process has. A mark is a moment of one boot. Every event that
// the node makes after the mark has a stamp greater than the mark's.
//
// The numbers travel: never renumber. Readers take untrusted bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/repair/tree_messages.h"

namespace starling::cluster {

struct Mark {
  uint64_t boot = 0;
  uint64_t number = 0;
  engine::Stamp stamp = 0;
};

struct AdoptRequest {
  Epoch epoch = 0;
  engine::Stamp stamp = 0;
  std::vector<std::pair<uint16_t, uint64_t>> sums;
};

// Which of these partitions have the same sum there, at the moment of the answer?
struct SameRequest {
  Epoch epoch = 0;
  uint64_t number = 0;  // Of the question: it rises.
  std::vector<std::pair<uint16_t, uint64_t>> sums;
};
struct SameReply {
  uint64_t number = 0;
  std::vector<uint16_t> partitions;
};

// What one boot of a node holds, or has superseded, is all there is up to the stamp.
struct ProvenRequest {
  Epoch epoch = 0;
  uint64_t boot = 0;
  engine::Stamp stamp = 0;
  std::vector<uint16_t> partitions;
};

std::string encode_mark(Epoch epoch);
std::string encode_busy(Epoch epoch, const Mark& since);
std::string encode_adopt(const AdoptRequest& request);
std::string encode_clock(Epoch epoch, engine::Stamp stamp);
std::string encode_same(const SameRequest& request);
std::string encode_proven(const ProvenRequest& request);
std::string encode_same_reply(const SameReply& reply);
std::string encode_mark_reply(const Mark& mark);
std::string encode_busy_reply(const PartitionSet& busy, const PartitionSet& guarded);
std::string encode_adopt_reply(uint64_t adopted);

// Of a whole message whose kind peek_tree() told. A mark has nothing but its kind.
[[nodiscard]] bool decode_busy(std::string_view payload, Mark* since);
[[nodiscard]] bool decode_adopt(std::string_view payload, AdoptRequest* request);
[[nodiscard]] bool decode_clock(std::string_view payload, engine::Stamp* stamp);
[[nodiscard]] bool decode_same(std::string_view payload, SameRequest* request);
[[nodiscard]] bool decode_proven(std::string_view payload, ProvenRequest* request);
// Of what follows the result.
[[nodiscard]] bool decode_same_reply(std::string_view detail, SameReply* reply);
[[nodiscard]] bool decode_mark_reply(std::string_view detail, Mark* mark);
[[nodiscard]] bool decode_busy_reply(std::string_view detail, PartitionSet* busy, PartitionSet* guarded);

}  // namespace starling::cluster
