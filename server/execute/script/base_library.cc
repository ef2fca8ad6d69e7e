// What the sandbox has in the place of functions of Lua's: such as would change what all scripts share, load what is
// no text, or overflow the processor's stack.
#include <algorithm>
#include <string>
#include <utility>

#include "server/execute/script/sandbox.h"

namespace starling::server {
namespace {

// A pattern's items nest on the processor's stack, one frame each.
constexpr size_t kLongestPattern = 8 << 10;
constexpr int kMostUnpacked = LUAI_MAXCSTACK;
constexpr char kPrecompiled = LUA_SIGNATURE[0];

// Whether the script must end: the first upvalue of what catches errors, which then passes this one on. Otherwise each
// coroutine on the way would go on until its own hook looks, and could begin others meanwhile.
bool must_end(lua_State* lua) {
  return *static_cast<const bool*>(lua_touserdata(lua, lua_upvalueindex(1)));
}

// As Redis's: an error that is a table with a text is caught as the text.
int protected_call(lua_State* lua) {
  luaL_checkany(lua, 1);
  const int status = lua_pcall(lua, lua_gettop(lua) - 1, LUA_MULTRET, 0);
  if (status != 0 && must_end(lua)) return lua_error(lua);
  lua_pushboolean(lua, status == 0 ? 1 : 0);
  lua_insert(lua, 1);
  if (status == 0) return lua_gettop(lua);
  if (lua_istable(lua, -1)) {
    lua_getfield(lua, -1, "err");
    if (lua_isstring(lua, -1) != 0) {
      lua_replace(lua, -2);
    } else {
      lua_pop(lua, 1);
    }
  }
  return 2;
}

// A script's own handler of an error, the second upvalue. It would run within the hook that raised the error for a
// script that must end, where no hook interrupts it: then it is passed over.
int call_handler(lua_State* lua) {
  lua_settop(lua, 1);
  if (must_end(lua)) return 1;
  lua_pushvalue(lua, lua_upvalueindex(2));
  lua_insert(lua, 1);
  lua_call(lua, 1, 1);
  return 1;
}

// xpcall()
int handled_call(lua_State* lua) {
  luaL_checkany(lua, 2);
  lua_settop(lua, 2);
  if (lua_isfunction(lua, 2)) {
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_insert(lua, 2);
    lua_pushcclosure(lua, call_handler, 2);
  }
  lua_insert(lua, 1);
  const int status = lua_pcall(lua, 0, LUA_MULTRET, 1);
  if (status != 0 && must_end(lua)) return lua_error(lua);
  lua_pushboolean(lua, status == 0 ? 1 : 0);
  lua_replace(lua, 1);
  return lua_gettop(lua);
}

// coroutine.resume(), the library's own being the second upvalue.
int resume(lua_State* lua) {
  lua_pushvalue(lua, lua_upvalueindex(2));
  lua_insert(lua, 1);
  lua_call(lua, lua_gettop(lua) - 1, LUA_MULTRET);
  if (lua_toboolean(lua, 1) == 0 && must_end(lua)) return lua_error(lua);
  return lua_gettop(lua);
}

// Of a function that compiles: what it returns to the script.
int loaded(lua_State* lua, int status) {
  if (status == 0) return 1;
  lua_pushnil(lua);
  lua_insert(lua, -2);
  return 2;
}

// Text only: with a blank in front, what is precompiled is a program with an error in its first line. The name of the
// chunk stays on the stack, so that nothing collects it while it is parsed (CVE-2025-49844).
int load_string(lua_State* lua) {
  std::string text(lua_check_view(lua, 1));
  lua_pushstring(lua, luaL_optstring(lua, 2, text.c_str()));
  if (text.starts_with(kPrecompiled)) text.insert(0, 1, ' ');
  return loaded(lua, luaL_loadbuffer(lua, text.data(), text.size(), lua_tostring(lua, -1)));
}

// The next piece, which stays in slot 3; slot 1 has the function that brings it.
const char* read_piece(lua_State* lua, void* begun, size_t* size) {
  luaL_checkstack(lua, 4, "too many nested functions");
  lua_pushvalue(lua, 1);
  lua_call(lua, 0, 1);
  *size = 0;
  if (lua_isnil(lua, -1)) return nullptr;
  if (lua_isstring(lua, -1) == 0) luaL_error(lua, "reader function must return a string");
  const bool first = !std::exchange(*static_cast<bool*>(begun), true);
  if (first && lua_view(lua, -1).starts_with(kPrecompiled)) {
    lua_pushliteral(lua, " ");
    lua_insert(lua, -2);
    lua_concat(lua, 2);
  }
  lua_replace(lua, 3);
  return lua_tolstring(lua, 3, size);
}

int load_pieces(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TFUNCTION);
  lua_settop(lua, 3);
  lua_pushstring(lua, luaL_optstring(lua, 2, "=(load)"));
  lua_replace(lua, 2);
  bool begun = false;
  return loaded(lua, lua_load(lua, read_piece, &begun, lua_tostring(lua, 2)));
}

// With the number of results counted so that it cannot wrap around (CVE-2025-46817).
int unpack(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  const int first = luaL_optint(lua, 2, 1);
  const int last = lua_isnoneornil(lua, 3) ? static_cast<int>(lua_objlen(lua, 1)) : luaL_checkint(lua, 3);
  const int64_t count = static_cast<int64_t>(last) - first + 1;
  if (count <= 0) return 0;
  if (count > kMostUnpacked || lua_checkstack(lua, static_cast<int>(count)) == 0)
    return luaL_error(lua, "too many results to unpack");
  for (int64_t i = 0; i < count; ++i) lua_rawgeti(lua, 1, static_cast<int>(first + i));
  return static_cast<int>(count);
}

// What a script does to the collector would outlive it.
int collect_garbage(lua_State* lua) {
  enum { kCollect, kCount, kStep };
  static constexpr const char* kOptions[] = {"collect", "count",      "step",     "stop",
                                             "restart", "setstepmul", "setpause", nullptr};
  switch (luaL_checkoption(lua, 1, "collect", kOptions)) {
    case kCollect:
      lua_pushinteger(lua, lua_gc(lua, LUA_GCCOLLECT, 0));
      break;
    case kCount:
      lua_pushnumber(lua, lua_gc(lua, LUA_GCCOUNT, 0) + lua_gc(lua, LUA_GCCOUNTB, 0) / 1024.0);
      break;
    case kStep:
      lua_pushboolean(lua, lua_gc(lua, LUA_GCSTEP, luaL_optint(lua, 2, 0)));
      break;
    default:
      lua_pushinteger(lua, 0);
  }
  return 1;
}

int raw_set(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  luaL_checkany(lua, 2);
  luaL_checkany(lua, 3);
  lua_settop(lua, 3);
  if (push_behind_proxy(lua, 1)) refuse_change(lua);
  lua_rawset(lua, 1);
  return 1;
}

int raw_get(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  luaL_checkany(lua, 2);
  lua_settop(lua, 2);
  const bool proxy = push_behind_proxy(lua, 1);
  lua_pushvalue(lua, 2);
  lua_rawget(lua, proxy ? 3 : 1);
  return 1;
}

int set_metatable(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  if (push_behind_proxy(lua, 1)) refuse_change(lua);
  const int type = lua_type(lua, 2);
  luaL_argcheck(lua, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table expected");
  if (luaL_getmetafield(lua, 1, "__metatable") != 0)
    return luaL_error(lua, "cannot change a protected metatable");
  lua_settop(lua, 2);
  lua_setmetatable(lua, 1);
  return 1;
}

int next_entry(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  lua_settop(lua, 2);
  if (push_behind_proxy(lua, 1)) lua_replace(lua, 1);
  if (lua_next(lua, 1) != 0) return 2;
  lua_pushnil(lua);
  return 1;
}

// Of a proxy: over what it stands for, by next_entry(), which sees through it.
int pairs(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  lua_pushvalue(lua, lua_upvalueindex(1));
  lua_pushvalue(lua, 1);
  lua_pushnil(lua);
  return 3;
}

// --- Wrapped functions of the libraries: the function itself is the upvalue, called with the same arguments.

int go_on(lua_State* lua) {
  return lua_tocfunction(lua, lua_upvalueindex(1))(lua);
}

int check_table(lua_State* lua) {
  if (push_behind_proxy(lua, 1)) refuse_change(lua);
  return go_on(lua);
}

int check_pattern(lua_State* lua) {
  if (lua_type(lua, 2) == LUA_TSTRING && lua_objlen(lua, 2) > kLongestPattern)
    return luaL_error(lua, "pattern too complex");
  return go_on(lua);
}

int check_find(lua_State* lua) {
  return lua_toboolean(lua, 4) != 0 ? go_on(lua) : check_pattern(lua);
}

// The library's table is on top.
void wrap_function(lua_State* lua, const char* name, lua_CFunction wrapper) {
  lua_getfield(lua, -1, name);
  if (lua_iscfunction(lua, -1) == 0) return lua_pop(lua, 1);
  lua_pushcclosure(lua, wrapper, 1);
  lua_setfield(lua, -2, name);
}

// As lrand48(): the sequence that Redis gives scripts, so that what depends on it comes out the same.
uint32_t next_random(uint64_t* state) {
  *state = (*state * 0x5deece66d + 0xb) & 0xffffffffffff;
  return static_cast<uint32_t>(*state >> 17);
}

int random(lua_State* lua) {
  auto* const state = static_cast<uint64_t*>(lua_touserdata(lua, lua_upvalueindex(1)));
  constexpr uint32_t kMost = 0x7fffffff;
  const lua_Number part =
      static_cast<lua_Number>(next_random(state) % kMost) / static_cast<lua_Number>(kMost);
  int low = 1, high = 0;
  switch (lua_gettop(lua)) {
    case 0:
      lua_pushnumber(lua, part);
      return 1;
    case 1:
      high = luaL_checkint(lua, 1);
      luaL_argcheck(lua, 1 <= high, 1, "interval is empty");
      break;
    case 2:
      low = luaL_checkint(lua, 1);
      high = luaL_checkint(lua, 2);
      luaL_argcheck(lua, low <= high, 2, "interval is empty");
      break;
    default:
      return luaL_error(lua, "wrong number of arguments");
  }
  const lua_Number width = static_cast<lua_Number>(high) - low + 1;
  lua_pushnumber(lua, static_cast<lua_Number>(static_cast<int64_t>(part * width)) + low);
  return 1;
}

int seed_random(lua_State* lua) {
  auto* const state = static_cast<uint64_t*>(lua_touserdata(lua, lua_upvalueindex(1)));
  const auto seed = static_cast<uint32_t>(luaL_checkint(lua, 1));
  *state = static_cast<uint64_t>(seed) << 16 | kSeedBits;
  return 0;
}

}  // namespace

void replace_base_functions(lua_State* lua, const bool* stopped) {
  constexpr struct {
    const char* name;
    lua_CFunction function;
  } kFunctions[] = {{"loadstring", load_string},         {"load", load_pieces}, {"unpack", unpack},
                    {"collectgarbage", collect_garbage}, {"rawset", raw_set},   {"rawget", raw_get},
                    {"setmetatable", set_metatable},     {"next", next_entry}};
  for (const auto& [name, function] : kFunctions) {
    lua_pushcfunction(lua, function);
    lua_setglobal(lua, name);
  }
  lua_pushlightuserdata(lua, const_cast<bool*>(stopped));
  lua_pushcclosure(lua, handled_call, 1);
  lua_setglobal(lua, "xpcall");
  lua_pushlightuserdata(lua, const_cast<bool*>(stopped));
  lua_pushcclosure(lua, protected_call, 1);
  lua_setglobal(lua, "pcall");
  lua_getglobal(lua, "coroutine");
  lua_pushlightuserdata(lua, const_cast<bool*>(stopped));
  lua_getfield(lua, -2, "resume");
  lua_pushcclosure(lua, resume, 2);
  lua_setfield(lua, -2, "resume");
  lua_pop(lua, 1);
  lua_getglobal(lua, "next");
  lua_pushcclosure(lua, pairs, 1);
  lua_setglobal(lua, "pairs");
}

void replace_library_functions(lua_State* lua, uint64_t* random_state) {
  lua_getglobal(lua, "table");
  for (const char* name : {"insert", "remove", "sort", "setn"}) wrap_function(lua, name, check_table);
  lua_getglobal(lua, "string");
  wrap_function(lua, "find", check_find);
  for (const char* name : {"match", "gmatch", "gfind", "gsub"}) wrap_function(lua, name, check_pattern);
  lua_getglobal(lua, "math");
  lua_pushlightuserdata(lua, random_state);
  lua_pushcclosure(lua, random, 1);
  lua_setfield(lua, -2, "random");
  lua_pushlightuserdata(lua, random_state);
  lua_pushcclosure(lua, seed_random, 1);
  lua_setfield(lua, -2, "randomseed");
  lua_pop(lua, 3);
}

}  // namespace starling::server
