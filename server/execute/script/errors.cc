#include "server/execute/script/errors.h"

#include <algorithm>

namespace starling::server {
namespace {

constexpr std::string_view kLineEnds = "\r\n";

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kLineEnds);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kLineEnds) - first + 1);
}

// tostring(), without the table of globals.
void push_text(lua_State* lua, int index) {
  if (luaL_callmeta(lua, index, "__tostring") != 0 && lua_isstring(lua, -1) != 0) return;
  switch (lua_type(lua, index)) {
    case LUA_TNUMBER:
    case LUA_TSTRING:
      lua_pushvalue(lua, index);
      break;
    case LUA_TBOOLEAN:
      lua_pushstring(lua, lua_toboolean(lua, index) != 0 ? "true" : "false");
      break;
    case LUA_TNIL:
    case LUA_TNONE:
      lua_pushliteral(lua, "nil");
      break;
    default:
      lua_pushfstring(lua, "%s: %p", luaL_typename(lua, index), lua_topointer(lua, index));
  }
}

bool field_text(lua_State* lua, const char* name, std::string* text) {
  lua_pushstring(lua, name);
  lua_rawget(lua, -2);
  const bool found = lua_isstring(lua, -1) != 0;
  if (found) *text = lua_view(lua, -1);
  lua_pop(lua, 1);
  return found;
}

}  // namespace

void push_error(lua_State* lua, std::string_view text) {
  std::string_view code = "ERR";
  if (text.starts_with('-')) {
    text.remove_prefix(1);
    const size_t blank = text.find(' ');
    if (blank != std::string_view::npos) {
      code = text.substr(0, blank);
      text.remove_prefix(blank + 1);
    }
  }
  text = trimmed(text);
  lua_createtable(lua, 0, 2);
  lua_pushliteral(lua, "err");
  {
    std::string whole(code);
    whole += ' ';
    whole += text;
    lua_push(lua, whole);
  }
  lua_rawset(lua, -3);
}

void raise_error(lua_State* lua, std::string_view text) {
  push_error(lua, text);
  lua_error(lua);
  __builtin_unreachable();
}

int handle_error(lua_State* lua) {
  lua_settop(lua, 1);
  lua_Debug place;
  bool placed = lua_getstack(lua, 1, &place) != 0 && lua_getinfo(lua, "nSl", &place) != 0;
  if (placed && std::string_view(place.what) == "C")
    placed = lua_getstack(lua, 2, &place) != 0 && lua_getinfo(lua, "nSl", &place) != 0;
  if (!lua_istable(lua, 1)) {
    push_text(lua, 1);
    std::string text = "ERR ";
    text += lua_view(lua, -1);
    lua_createtable(lua, 0, 3);
    lua_pushliteral(lua, "err");
    lua_push(lua, text);
    lua_rawset(lua, -3);
    lua_replace(lua, 1);
    lua_settop(lua, 1);
  }
  if (!placed) return 1;
  lua_pushliteral(lua, "source");
  lua_pushstring(lua, place.source);
  lua_rawset(lua, 1);
  lua_pushliteral(lua, "line");
  lua_pushinteger(lua, place.currentline);
  lua_rawset(lua, 1);
  return 1;
}

ScriptFailure failure_on_top(lua_State* lua) {
  ScriptFailure failure;
  if (!field_text(lua, "err", &failure.text)) failure.text = "ERR unknown error";
  std::string line;
  if (field_text(lua, "source", &failure.where) && field_text(lua, "line", &line)) {
    failure.where += ':' + line;
  } else {
    failure.where.clear();
  }
  lua_pushliteral(lua, "ignore_error_stats_update");
  lua_rawget(lua, -2);
  failure.counted = lua_toboolean(lua, -1) != 0;
  lua_pop(lua, 1);
  return failure;
}

}  // namespace starling::server
