// The table that scripts call `redis`, and `server`.
#pragma once

#include "server/execute/script/lua_api.h"

namespace starling::server {

class Interpreter;

class RedisLibrary {
 public:
  // Pushes it. `interpreter` outlives the state.
  static void push(lua_State* lua, Interpreter* interpreter);

 private:
  static Interpreter& self(lua_State* lua);
  static int call(lua_State* lua);
  static int pcall(lua_State* lua);
  static void call(lua_State* lua, bool raise);
  static int log(lua_State* lua);
  static int set_protocol(lua_State* lua);
  static int knows_command(lua_State* lua);
};

}  // namespace starling::server
