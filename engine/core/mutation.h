// What a commit log frame holds: the changes of one operation, as results, never as commands.
//
//   frame     := actor:u64 mutation*
//   mutation  := 1 space key was:u8 stamp:u64 deadline_ms:varint value:bytes    put a string
//              | 2 space key was:u8 stamp:u64                                  erase a record
//              | 3 space key type:u8 was:u8 stamp:u64                          open the collection of 4 and 5
//              | 4 name:bytes stamp:u64 value:bytes                            put an element
//              | 5 name:bytes stamp:u64                                        erase an element
//              | 6 space key stamp:u64 deadline_ms:varint                      set a record's deadline (0: none)
//              | 7 (space){16} next_space:varint                               which space each database has
//              | 8 space key was:u8 stamp:u64 now_ms:varint record:bytes       put a whole record, encoded
//              | 9 space key stamp:u64 now_ms:varint                           a record's deadline has passed
//              | 10 space key stamp:u64 now_ms:varint delta:bytes              merge a delta, encoded
//              | 11 space key kept_ms:varint target:bytes                      keep a hint (hint_table.h)
//              | 12 space key target:bytes                                     drop it
//              | 13 space key was:u8                                           forget a record: no event
//              | 14 name:bytes stamp:u64 contribution:bytes                   add to an element
//              | 15 partition:varint stamp:u64                                 settle a partition (settled.h); of
//                                                                              16384: promise that no event of this
//                                                                              node will have a stamp up to this one
//              | 16 space key was:u8 stamp:u64 target_space:varint target:bytes
//                                                                              target takes over what the key holds;
//                                                                              2 follows. Its `was` is the target's
//              | 17 name:bytes stamp:u64 join:u8 value:bytes                  put what joins (record.h), not 14
//              | 18 partition:varint lost:u8                                  unsettle a partition: not all that was
//                                                                              settled is here any more. 1: nor need
//                                                                              the rest be (settled.h, kLost)
//   space     := varint
//   key       := bytes
//   bytes     := size:varint byte{size}
//
// 8 to 14 and 17 only a cluster's nodes write. In 8 to 10 `stamp` is the greatest in them; whose events they are is
// in their own bytes. What they do depends on the time by which they were done.
//
// `was` says what the key was before, so that replay need not read the store to keep the counts true.
// The numbers are on disk: never renumber.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/byte_codec.h"
#include "engine/base/dot.h"
#include "engine/base/types.h"
#include "engine/memory/keyspace.h"
#include "engine/record/record.h"

namespace starling::engine {

enum class MutationKind : uint8_t {
  kPutString = 1,
  kErase = 2,
  kOpen = 3,
  kPutElement = 4,
  kEraseElement = 5,
  kDeadline = 6,
  kMap = 7,
  kPutRecord = 8,
  kLapse = 9,
  kMergeDelta = 10,
  kKeepHint = 11,
  kDropHint = 12,
  kForget = 13,
  kPutContribution = 14,
  kSettle = 15,
  kMove = 16,
  kPutJoining = 17,
  kUnsettle = 18,
};
inline constexpr uint8_t kGreatestMutation = 18;

// Bits of `was`.
inline constexpr uint8_t kWasLive = 1;
inline constexpr uint8_t kWasWithDeadline = 2;
inline constexpr uint8_t kWasPurge = 4;  // The store may hold elements under this key.

struct Mutation {
  MutationKind kind{};  // Whoever makes one says which.
  uint32_t space = 0;
  std::string_view key;  // Or the element's name.
  std::string_view value;
  uint8_t was = 0;
  Type type = Type::kNone;
  Join join = Join::kLatest;  // Of kPutJoining.
  Stamp stamp = 0;
  int64_t deadline_ms = 0;
  int64_t now_ms = 0;
  std::array<uint32_t, kDatabases> spaces{};
  uint32_t next_space = 0;
  uint32_t partition = 0;     // Of kSettle and kUnsettle.
  bool lost = false;          // Of kUnsettle.
  uint32_t target_space = 0;  // Of kMove; `value` is the key there.
};

// Of an element of the collection that a kOpen before it names.
bool of_element(MutationKind kind);

void begin_frame(ActorId actor, std::string* frame);
void append_mutation(const Mutation& mutation, std::string* frame);

// Reads a frame. Views point into it.
class MutationReader {
 public:
  explicit MutationReader(std::string_view frame) : rest_(frame) { ok_ = rest_.read_u64(&actor_); }
  ActorId actor() const { return actor_; }
  // False at the end and when the rest is malformed; ok() tells which.
  bool next(Mutation* mutation);
  bool ok() const { return ok_; }
  // Bytes that are not read yet.
  size_t left() const { return rest_.left(); }

 private:
  bool read_spaces(Mutation* mutation);
  bool read_body(Mutation* mutation);
  ByteReader rest_;
  ActorId actor_ = 0;
  bool ok_ = true;
};

}  // namespace starling::engine
