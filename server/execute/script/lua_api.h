// Lua 5.1, the interpreter that Redis has: only this room includes it.
//
// It is Debian's build of it as C++ (lua5.1-c++): lua_error() and errors of memory are C++ exceptions there. So they
// run destructors on their way, and a C function of this room may have objects that own memory in its frame. Two
// things follow for whoever writes one:
//   - never catch (...) around calls of the interpreter: what is caught is an error of the script's;
//   - throw nothing of one's own: the interpreter would take it for one of its errors, without a message.
#pragma once

#include <lua.hpp>

#include <cstddef>
#include <string_view>

namespace starling::server {

// The bytes of a string, or of a number, which becomes one where it lies. Valid while it stays there.
inline std::string_view lua_view(lua_State* lua, int index) {
  size_t size = 0;
  const char* bytes = lua_tolstring(lua, index, &size);
  return bytes == nullptr ? std::string_view() : std::string_view(bytes, size);
}

inline void lua_push(lua_State* lua, std::string_view bytes) {
  lua_pushlstring(lua, bytes.data(), bytes.size());
}

// Of argument `index`; raises an error when it is neither a string nor a number.
inline std::string_view lua_check_view(lua_State* lua, int index) {
  size_t size = 0;
  const char* bytes = luaL_checklstring(lua, index, &size);
  return {bytes, size};
}

}  // namespace starling::server
