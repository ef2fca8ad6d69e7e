// One small record, or one element of a collection, in a single allocation.
//
// Layout (unaligned, read by memcpy):
//
//   entry := stamp:u64 actor:u16 flags:u8 access:u8[3] key_size:varint value_size:varint [deadline_ms:i64]
//            key value
//   flags := type:3 has_deadline:1 external:1 complex:1 on_disk:1 purge:1
//   value := the bytes; a counter's are the text it shows and a tail (counter_form.h)
//          | an 8-byte pointer (external): BigValue for strings, Collection for hashes and sets, History for kNone
//
// With a 16-byte key and a 64-byte value that is 96 bytes, an allocator's size class. `type` kNone is a
// tombstone: the key (or element) is known to be absent, and must be erased from the store if it is tagged as
// changed. In a cluster the tombstone of a key is a record (record_form.h), and stays; only stamp 0 says that
// there never was one. A string or an element whose type is kCounterType in here is one contribution to a
// sum.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "engine/base/dot.h"
#include "engine/base/types.h"

namespace starling::engine {

class Collection;
class History;

// The index of an ActorId in the node's ActorTable: two bytes instead of eight in every record.
using ActorIndex = uint16_t;

// A value from here on lives in a buffer of its own, which replies can share.
inline constexpr size_t kBigValueBytes = 16 * 1024;

// A string outside its entry: because it is big, or because its record has a history.
struct BigValue {
  BigValue(std::shared_ptr<char[]> b, size_t s, size_t c);
  // A copy of `value`.
  BigValue(std::string_view value, std::unique_ptr<History> h);
  ~BigValue();

  std::shared_ptr<char[]> bytes;
  size_t size = 0;
  size_t capacity = 0;
  std::unique_ptr<History> history;  // Null unless the entry is kComplex.
};

struct Entry {
  static constexpr size_t kFixedBytes = 14;
  static constexpr uint8_t kTypeMask = 0x07;
  static constexpr uint8_t kCounterType = 7;  // In place of a Type.
  static constexpr size_t kCounterTailBytes = 18;
  static constexpr uint8_t kHasDeadline = 0x08;
  static constexpr uint8_t kExternal = 0x10;
  static constexpr uint8_t kComplex = 0x20;  // The record has a History.
  static constexpr uint8_t kOnDisk = 0x40;   // The store may hold this key: removing it needs a tombstone.
  static constexpr uint8_t kPurge =
      0x80;  // The store may hold elements of an earlier collection of this key.

  // What a new entry is made of. `value` is copied, unless `external` is set.
  struct Parts {
    std::string_view key;
    std::string_view value;
    Type type = Type::kNone;
    Stamp stamp = 0;
    ActorIndex actor = 0;
    int64_t deadline_ms = 0;
    uint32_t access = 0;
    uint8_t flags = 0;  // kOnDisk, kPurge, kComplex.
    void* external = nullptr;
    bool counter = false;                  // `value` ends with a tail of kCounterTailBytes.
    size_t uninitialized_value_bytes = 0;  // Room for a value that the caller fills in, instead of `value`.
  };

  // Never fails (an allocation that does ends the process). Free with destroy().
  static Entry* create(const Parts& parts);
  // Frees the entry and the external value it owns.
  static void destroy(Entry* entry);
  // Overwrites stamp, actor, deadline, flags, value in place when the allocation has room and the layout's
  // sizes match (same presence of a deadline, both inline). False: nothing changed, make a new entry.
  bool assign(const Parts& parts);

  Stamp stamp() const { return load<Stamp>(0); }
  void set_stamp(Stamp stamp) { store(0, stamp); }
  ActorIndex actor() const { return load<ActorIndex>(8); }
  void set_actor(ActorIndex actor) { store(8, actor); }
  uint8_t flags() const { return bytes()[10]; }
  void set_flag(uint8_t flag) { bytes()[10] |= flag; }
  void clear_flag(uint8_t flag) { bytes()[10] &= static_cast<uint8_t>(~flag); }
  bool has(uint8_t flag) const { return (flags() & flag) != 0; }
  Type type() const {
    const uint8_t type = flags() & kTypeMask;
    return type == kCounterType ? Type::kString : static_cast<Type>(type);
  }
  bool counter() const { return (flags() & kTypeMask) == kCounterType; }
  // Precondition: counter().
  std::string_view counter_tail() const;
  bool tombstone() const { return type() == Type::kNone; }
  uint32_t access() const { return bytes()[11] | bytes()[12] << 8 | bytes()[13] << 16; }
  void set_access(uint32_t access) {
    bytes()[11] = static_cast<uint8_t>(access);
    bytes()[12] = static_cast<uint8_t>(access >> 8);
    bytes()[13] = static_cast<uint8_t>(access >> 16);
  }
  int64_t deadline_ms() const;  // 0: none.
  // Precondition: has(kHasDeadline).
  void set_deadline_ms(int64_t deadline_ms);

  std::string_view key() const {
    const uint8_t* p = bytes() + kFixedBytes;
    if (p[0] < 0x80 && p[1] < 0x80) [[likely]] {
      return {reinterpret_cast<const char*>(p) + 2 + (has(kHasDeadline) ? 8 : 0), p[0]};
    }
    return key_slow();
  }
  // The inline bytes, or the big value's; what a counter shows. Precondition: a string or an element.
  std::string_view value() const;
  BigValue* big_value() const { return static_cast<BigValue*>(external()); }
  Collection* collection() const { return static_cast<Collection*>(external()); }
  // Null unless kComplex.
  History* history() const;

  // Bytes of the allocation, as asked for; an external value's own bytes not included.
  size_t used_bytes() const;
  // The same, rounded as allocators round.
  size_t allocated_bytes() const;

 private:
  struct Layout {
    size_t key_offset, key_size, value_size;
  };
  Layout layout() const;
  std::string_view key_slow() const;
  void* external() const;
  const uint8_t* bytes() const { return reinterpret_cast<const uint8_t*>(this); }
  uint8_t* bytes() { return reinterpret_cast<uint8_t*>(this); }
  template <typename T>
  T load(size_t offset) const {
    T value;
    std::memcpy(&value, bytes() + offset, sizeof(T));  // NOLINT(bugprone-sizeof-expression): also pointers
    return value;
  }
  template <typename T>
  void store(size_t offset, T value) {
    std::memcpy(bytes() + offset, &value, sizeof(T));
  }
};

// Rounds a request up to what size-class allocators hand out for it, closely enough for accounting.
inline constexpr size_t allocation_bytes(size_t bytes) {
  if (bytes <= 128) return (bytes + 15) & ~size_t{15};
  size_t step = 16;
  while (step * 8 < bytes) step *= 2;  // Four classes to each doubling.
  return (bytes + step - 1) & ~(step - 1);
}

// In a cluster: there is no record, not even a tombstone. What the store holds of one goes with the next
// checkpoint.
inline bool forgotten(const Entry& entry) {
  return entry.tombstone() && entry.stamp() == 0 && !entry.has(Entry::kComplex);
}

}  // namespace starling::engine
