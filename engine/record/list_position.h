// Where in its list an item stands: the name of its element. Names are made once and never change, their bytes sort as
// the items do, and no two nodes ever make the same one, so lists merge without tombstones and without asking anybody:
// an item's place says the whole way to it.
//
//   position := root (side child)* 0x80
//   root     := 0x40 ~stamp u64 actor u64 ~index    pushed at the front: later ones, and greater indexes, come first
//             | 0x80 stamp u64 actor u64 index       pushed at the back
//   side     := 0x00 left of what the bytes so far say | 0x80 right of it
//   child    := stamp u64 actor u64 index               of the insertion that began a run: a right child, of one from
//             | stamp u64 actor u64 ~index              left to right; a left child, of one from right to left
//   index    := 0xxxxxxx | 10xxxxxx x{8} | 110xxxxx x{16} | 1110xxxx x{24} | 11110000 x{32}
//               of the item in its push or run; shortest form only; complemented bit by bit where it says ~
//
// All big-endian. Since stamps rise above all that their node has seen, a push comes before or behind everything that
// was in the list; pushes made apart are ordered by time, and those of one command are never parted.
//
// Insertions follow Weidner and Kleppmann, "The Art of the Fugue" (2023), with the whole path in the name as in
// Weidner's position-strings: right child of the neighbour before, unless the one behind descends from that; then left
// child of the one behind. So what two nodes insert at one place apart stands one behind the other, not mixed. Who
// goes on behind (or before) an item of its own takes the next index instead of a level more: names of a run stay as
// short as its first one's. (An index whose item was removed may be taken again; the dot tells the two apart.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/dot.h"

namespace starling::engine {

// Longer ones are not made.
inline constexpr size_t kMaxPositionBytes = 8192;

enum class ListEnd { kFront, kBack };

// Of the item with this index in a push; the greater the index, the further out.
std::string pushed_position(ListEnd end, const Dot& push, uint32_t index);

// Between two neighbours, of which either may be empty: then it is the list's end. Nothing when the name would be too
// long: the list's items need new positions first. Preconditions: one of them is not empty, before < behind, the dot
// is a new event of the node.
std::optional<std::string> position_between(std::string_view before, std::string_view behind,
                                            const Dot& insertion);

// Whether it is one by the grammar.
bool is_position(std::string_view name);

}  // namespace starling::engine
