// What the parts of a record are. See README.md, "Versions".
#pragma once

#include <cstdint>

#include "engine/base/types.h"

namespace starling::engine {

// Wire and disk: never renumber; a new kind comes with a new format number. Kinds below kFirstStoredApart lie
// within the record's header on disk, the others each under a key of its own. In brackets: the element's name
// and its value. 2 and 21 were never used and are not to be.
enum class ElementKind : uint8_t {
  kValue = 0,     // The string, or the tombstone of the whole record. ["", the value]
  kDeadline = 1,  // When a collection expires. ["", "": the deadline is the sibling's]

  kField = 16,         // Of a hash. [field, value]
  kMember = 17,        // Of a set. [member, ""]
  kListItem = 18,      // [position, dense and unique by its dot; item]
  kScoredMember = 19,  // Of a sorted set. [member, score]
  kStreamPart = 20,    // [stream_part.h]
};

inline constexpr uint8_t kFirstStoredApart = 16;

inline constexpr bool is_stored_apart(ElementKind kind) {
  return static_cast<uint8_t>(kind) >= kFirstStoredApart;
}

inline constexpr bool is_element_kind(uint8_t number) {
  return number <= 1 || (number >= 16 && number <= 20);
}

// The data type an element of this kind makes its key. kNone for deadlines, which make none.
inline constexpr Type type_of(ElementKind kind) {
  switch (kind) {
    case ElementKind::kValue:
      return Type::kString;
    case ElementKind::kDeadline:
      return Type::kNone;
    case ElementKind::kField:
      return Type::kHash;
    case ElementKind::kMember:
      return Type::kSet;
    case ElementKind::kListItem:
      return Type::kList;
    case ElementKind::kScoredMember:
      return Type::kSortedSet;
    case ElementKind::kStreamPart:
      return Type::kStream;
  }
  return Type::kNone;
}

// The kind that the elements of a collection of this type have. Precondition: a collection type.
inline constexpr ElementKind element_kind_of(Type type) {
  switch (type) {
    case Type::kSet:
      return ElementKind::kMember;
    case Type::kList:
      return ElementKind::kListItem;
    case Type::kSortedSet:
      return ElementKind::kScoredMember;
    case Type::kStream:
      return ElementKind::kStreamPart;
    default:
      return ElementKind::kField;
  }
}

}  // namespace starling::engine
