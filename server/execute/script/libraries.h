// The libraries that scripts find beside Lua's own, each as Redis has it. All push their table; all run in a
// protected call, and bound what they make by what the interpreter may hold.
#pragma once

#include <cstddef>

#include "server/execute/script/lua_api.h"

namespace starling::server {

struct JsonSettings;

// What they make is no longer. A table that is in itself, or many times in others, would have no end, and what shares
// its parts is longer than what a script holds.
inline constexpr size_t kLongestText = 512 << 20;

void push_bit_library(lua_State* lua);     // LuaBitOp: 32-bit integers.
void push_struct_library(lua_State* lua);  // Binary layouts: struct_library.cc.
// lua-cjson 2.1. `settings`, as it stands at the beginning of a script, outlives the state.
void push_json_library(lua_State* lua, JsonSettings* settings);
void push_msgpack_library(lua_State* lua);  // lua-cmsgpack 0.4: msgpack_library.cc.

}  // namespace starling::server
