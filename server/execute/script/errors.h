// Errors as scripts see them: tables {err = "CODE text", ...}, to which the handler of errors adds where they came
// from.
#pragma once

#include <string>
#include <string_view>

#include "server/execute/script/lua_api.h"

namespace starling::server {

// Pushes an error. "-CODE text" has its code; what does not begin with a dash, or has no blank, gets ERR.
void push_error(lua_State* lua, std::string_view text);
// Raises one, without saying where in the script: Redis's functions do it so.
[[noreturn]] void raise_error(lua_State* lua, std::string_view text);

// The message handler of a script's call: makes a table of whatever was raised, and adds `source` and `line`.
int handle_error(lua_State* lua);

struct ScriptFailure {
  std::string text;      // "CODE text"
  std::string where;     // "@user_script:3"; empty: it is not known.
  bool counted = false;  // By the command that it came from.
};
// Of the error on top, which stays there.
ScriptFailure failure_on_top(lua_State* lua);

}  // namespace starling::server
