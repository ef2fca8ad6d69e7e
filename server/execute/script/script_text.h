// What a script's text says of itself in its first line.
//
//   text    := [shebang] lua
//   shebang := "#!" engine (SP+ option)* LF        engine is "lua"
//   option  := "flags=" [flag ("," flag)*]
//
// Without a shebang it is one of the old kind: it may do what it does until it is refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace starling::server {

enum ScriptFlag : uint32_t {
  kScriptNoWrites = 1u << 0,
  kScriptAllowOom = 1u << 1,
  kScriptAllowStale = 1u << 2,
  kScriptNoCluster = 1u << 3,
  kScriptAllowCrossSlot = 1u << 4,
  kScriptOldKind = 1u << 5,  // It has no shebang.
};

// The flag of that name; 0: there is none.
uint32_t script_flag(std::string_view name);

// The names of the flags, in the order of their bits: from kScriptNoWrites on.
std::vector<std::string_view> script_flag_names(uint32_t flags);

// `lua_from`: where the program begins, at the shebang's line end, so that lines count as they do in the text. Returns
// the error; empty: there is none.
[[nodiscard]] std::string read_shebang(std::string_view text, uint32_t* flags, size_t* lua_from);

}  // namespace starling::server
