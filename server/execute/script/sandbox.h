// What scripts see of Lua: the tables of functions that Redis gives them, and no more.
//
// No function reads a file, loads a program or precompiled code, or sees the interpreter's insides. What is shared by
// scripts cannot be changed by one: a table of the library is an empty one in front of the real one (a proxy), whose
// metatable refuses whatever is written, and the functions that write past metatables refuse proxies.
#pragma once

#include <cstdint>

#include "server/execute/script/lua_api.h"

namespace starling::server {

struct JsonSettings;

// Opens the libraries, as the globals of everything that is compiled from here on. `random`, the state of
// math.random(), `json`, and `stopped` (whether the script that runs must end) outlive the state. The table that
// becomes `redis` is on top, and popped. In a protected call.
void open_sandbox(lua_State* lua, uint64_t* random, JsonSettings* json, const bool* stopped);

// Puts the value on top into the globals, and pops it: KEYS and ARGV.
void set_script_global(lua_State* lua, const char* name);

// Pushes such a global, and removes it.
void take_script_global(lua_State* lua, const char* name);

// The state of math.random() at first, and the low bits of every other one.
inline constexpr uint64_t kFirstRandom = 0x1234abcd330e, kSeedBits = 0x330e;

// The functions that the sandbox has in the place of Lua's own; base_library.cc.
void replace_base_functions(lua_State* lua, const bool* stopped);
void replace_library_functions(lua_State* lua, uint64_t* random);

// Of proxies: whether the value at `index` is one, and then pushes the table behind it.
bool push_behind_proxy(lua_State* lua, int index);
// Puts a proxy in the place of the table on top.
void make_proxy(lua_State* lua);
// Reading what the table on top has not raises an error from here on.
void refuse_unknown_names(lua_State* lua);
[[noreturn]] void refuse_change(lua_State* lua);

}  // namespace starling::server
