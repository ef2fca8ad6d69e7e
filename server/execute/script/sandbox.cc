#include "server/execute/script/sandbox.h"

#include "server/execute/script/errors.h"
#include "server/execute/script/libraries.h"

namespace starling::server {
namespace {

// Keys of the registry, and the mark of a proxy's metatable, by their addresses.
const char kGlobals = 0, kProxyMark = 0;

void* address(const char& key) {
  return const_cast<char*>(&key);
}

int missing_global(lua_State* lua) {
  const std::string_view name = lua_type(lua, 2) == LUA_TSTRING ? lua_view(lua, 2) : "?";
  return luaL_error(lua, "Script attempted to access nonexistent global variable '%s'", name.data());
}

int refuse_assignment(lua_State* lua) {
  return luaL_error(lua, "Attempt to modify a readonly table");
}

void open_library(lua_State* lua, lua_CFunction open, const char* name) {
  lua_pushcfunction(lua, open);
  lua_pushstring(lua, name);
  lua_call(lua, 1, 0);
}

void remove_field(lua_State* lua, const char* table, const char* field) {
  lua_getglobal(lua, table);
  lua_pushnil(lua);
  lua_setfield(lua, -2, field);
  lua_pop(lua, 1);
}

void remove_what_reaches_out(lua_State* lua) {
  for (const char* name :
       {"dofile", "loadfile", "print", "newproxy", "getfenv", "setfenv", "require", "module"}) {
    lua_pushnil(lua);
    lua_setglobal(lua, name);
  }
  remove_field(lua, "string", "dump");
}

// In place of each table of a library its proxy.
void protect_libraries(lua_State* lua) {
  for (const char* name :
       {"string", "table", "math", "coroutine", "bit", "cjson", "cmsgpack", "struct", "redis"}) {
    lua_getglobal(lua, name);
    make_proxy(lua);
    lua_setglobal(lua, name);
  }
  lua_getglobal(lua, "redis");
  lua_setglobal(lua, "server");
}

// The metatable that all strings share can be looked at, through a proxy whose __index is one, too.
void protect_strings(lua_State* lua) {
  lua_pushliteral(lua, "");
  if (lua_getmetatable(lua, -1) == 0) return lua_pop(lua, 1);
  lua_newtable(lua);
  lua_getglobal(lua, "string");
  lua_setfield(lua, -2, "__index");
  make_proxy(lua);
  lua_setfield(lua, -2, "__metatable");
  lua_pop(lua, 2);
}

// The real table of globals goes to the registry, behind a proxy.
void protect_globals(lua_State* lua) {
  lua_pushvalue(lua, LUA_GLOBALSINDEX);
  refuse_unknown_names(lua);
  lua_pushlightuserdata(lua, address(kGlobals));
  lua_pushvalue(lua, -2);
  lua_rawset(lua, LUA_REGISTRYINDEX);
  lua_pushvalue(lua, -1);
  make_proxy(lua);
  lua_pushvalue(lua, -1);
  lua_setfield(lua, -3, "_G");
  lua_replace(lua, LUA_GLOBALSINDEX);
  lua_pop(lua, 1);
}

}  // namespace

void refuse_unknown_names(lua_State* lua) {
  lua_newtable(lua);
  lua_pushcfunction(lua, missing_global);
  lua_setfield(lua, -2, "__index");
  lua_setmetatable(lua, -2);
}

void make_proxy(lua_State* lua) {
  lua_newtable(lua);
  lua_createtable(lua, 0, 4);
  lua_pushvalue(lua, -3);
  lua_setfield(lua, -2, "__index");
  lua_pushcfunction(lua, refuse_assignment);
  lua_setfield(lua, -2, "__newindex");
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
  lua_pushlightuserdata(lua, address(kProxyMark));
  lua_pushboolean(lua, 1);
  lua_rawset(lua, -3);
  lua_setmetatable(lua, -2);
  lua_replace(lua, -2);
}

bool push_behind_proxy(lua_State* lua, int index) {
  if (lua_type(lua, index) != LUA_TTABLE || lua_getmetatable(lua, index) == 0) return false;
  lua_pushlightuserdata(lua, address(kProxyMark));
  lua_rawget(lua, -2);
  const bool proxy = lua_toboolean(lua, -1) != 0;
  lua_pop(lua, 1);
  if (proxy) {
    lua_pushliteral(lua, "__index");
    lua_rawget(lua, -2);
    lua_replace(lua, -2);
  } else {
    lua_pop(lua, 1);
  }
  return proxy;
}

void refuse_change(lua_State* lua) {
  raise_error(lua, "Attempt to modify a readonly table");
}

void open_sandbox(lua_State* lua, uint64_t* random, JsonSettings* json, const bool* stopped) {
  lua_setglobal(lua, "redis");
  open_library(lua, luaopen_base, "");
  open_library(lua, luaopen_table, LUA_TABLIBNAME);
  open_library(lua, luaopen_string, LUA_STRLIBNAME);
  open_library(lua, luaopen_math, LUA_MATHLIBNAME);
  remove_what_reaches_out(lua);
  lua_pushcfunction(lua, handle_error);
  lua_setglobal(lua, "__redis__err__handler");
  replace_base_functions(lua, stopped);
  replace_library_functions(lua, random);
  push_bit_library(lua);
  lua_setglobal(lua, "bit");
  push_struct_library(lua);
  lua_setglobal(lua, "struct");
  push_json_library(lua, json);
  lua_setglobal(lua, "cjson");
  push_msgpack_library(lua);
  lua_setglobal(lua, "cmsgpack");
  protect_libraries(lua);
  protect_strings(lua);
  protect_globals(lua);
}

void set_script_global(lua_State* lua, const char* name) {
  lua_pushlightuserdata(lua, address(kGlobals));
  lua_rawget(lua, LUA_REGISTRYINDEX);
  lua_pushstring(lua, name);
  lua_pushvalue(lua, -3);
  lua_rawset(lua, -3);
  lua_pop(lua, 2);
}

void take_script_global(lua_State* lua, const char* name) {
  lua_pushlightuserdata(lua, address(kGlobals));
  lua_rawget(lua, LUA_REGISTRYINDEX);
  lua_pushstring(lua, name);
  lua_rawget(lua, -2);
  lua_pushstring(lua, name);
  lua_pushnil(lua);
  lua_rawset(lua, -4);
  lua_replace(lua, -2);
}

}  // namespace starling::server
