// The table that scripts call `redis`, and `server`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/execute/script/library_function.h"
#include "server/execute/script/lua_api.h"

namespace starling::server {

class Interpreter;
class ScriptHost;

class RedisLibrary {
 public:
  // Pushes it. `interpreter` outlives the state.
  static void push(lua_State* lua, Interpreter* interpreter);

  // Runs the program of a library of functions, for which `redis` is another table: one that registers them. `host` is
  // asked whether it may go on. Returns the error as a client is told it; empty: each of *functions can be run until
  // it is released. function_loader.cc.
  [[nodiscard]] static std::string load(Interpreter& interpreter, ScriptHost& host, std::string_view program,
                                        std::vector<LoadedFunction>* functions);

 private:
  static Interpreter& self(lua_State* lua);
  static int call(lua_State* lua);
  static int pcall(lua_State* lua);
  static void call(lua_State* lua, bool raise);
  static int log(lua_State* lua);
  static int set_protocol(lua_State* lua);
  static int knows_command(lua_State* lua);
  struct Loading;
  static int load_protected(lua_State* lua);
  static int register_function(lua_State* lua);
};

}  // namespace starling::server
