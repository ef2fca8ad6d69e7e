#include "server/execute/script/json_library.h"

#include <climits>
#include <cstdio>
#include <iterator>
#include <new>

#include "server/execute/script/libraries.h"

namespace starling::server {
namespace {

// At most so many arguments; those that are missing are nil.
void arrange_arguments(lua_State* lua, int most) {
  luaL_argcheck(lua, lua_gettop(lua) <= most, most + 1, "found too many arguments");
  lua_settop(lua, most);
}

void integer_option(lua_State* lua, int index, int* setting, int least, int most) {
  if (!lua_isnil(lua, index)) {
    const lua_Integer value = luaL_checkinteger(lua, index);
    char message[64];
    snprintf(message, sizeof message, "expected integer between %d and %d", least, most);
    luaL_argcheck(lua, least <= value && value <= most, 1, message);
    *setting = static_cast<int>(value);
  }
  lua_pushinteger(lua, *setting);
}

// "off", "on", or further ones by their number; or a boolean.
void enum_option(lua_State* lua, int index, int* setting, const char* const options[], int boolean_true) {
  if (!lua_isnil(lua, index)) {
    if (boolean_true != 0 && lua_isboolean(lua, index)) {
      *setting = lua_toboolean(lua, index) * boolean_true;
    } else {
      *setting = luaL_checkoption(lua, index, nullptr, options);
    }
  }
  if (boolean_true != 0 && (*setting == 0 || *setting == boolean_true)) {
    lua_pushboolean(lua, *setting);
  } else {
    lua_pushstring(lua, options[*setting]);
  }
}

constexpr const char* kOffOn[] = {"off", "on", nullptr};
constexpr const char* kOffOnNull[] = {"off", "on", "null", nullptr};

void switch_option(lua_State* lua, bool* setting) {
  int value = *setting ? 1 : 0;
  enum_option(lua, 1, &value, kOffOn, 1);
  *setting = value != 0;
}

int encode_sparse_array(lua_State* lua) {
  JsonSettings& settings = json_settings(lua);
  arrange_arguments(lua, 3);
  switch_option(lua, &settings.sparse_convert);
  integer_option(lua, 2, &settings.sparse_ratio, 0, INT_MAX);
  integer_option(lua, 3, &settings.sparse_safe, 0, INT_MAX);
  return 3;
}

int encode_max_depth(lua_State* lua) {
  arrange_arguments(lua, 1);
  integer_option(lua, 1, &json_settings(lua).encode_depth, 1, INT_MAX);
  return 1;
}

int decode_max_depth(lua_State* lua) {
  arrange_arguments(lua, 1);
  integer_option(lua, 1, &json_settings(lua).decode_depth, 1, INT_MAX);
  return 1;
}

int encode_number_precision(lua_State* lua) {
  arrange_arguments(lua, 1);
  integer_option(lua, 1, &json_settings(lua).precision, 1, 14);
  return 1;
}

int encode_keep_buffer(lua_State* lua) {
  arrange_arguments(lua, 1);
  switch_option(lua, &json_settings(lua).keep_buffer);
  return 1;
}

int encode_invalid_numbers(lua_State* lua) {
  JsonSettings& settings = json_settings(lua);
  arrange_arguments(lua, 1);
  int value = static_cast<int>(settings.encode_invalid);
  enum_option(lua, 1, &value, kOffOnNull, 1);
  settings.encode_invalid = static_cast<JsonSettings::Invalid>(value);
  return 1;
}

int decode_invalid_numbers(lua_State* lua) {
  arrange_arguments(lua, 1);
  switch_option(lua, &json_settings(lua).decode_invalid);
  return 1;
}

int fresh_library(lua_State* lua);

// The settings are on top, and popped.
void push_library(lua_State* lua) {
  constexpr struct {
    const char* name;
    lua_CFunction function;
  } kFunctions[] = {{"encode", encode_json},
                    {"decode", decode_json},
                    {"encode_sparse_array", encode_sparse_array},
                    {"encode_max_depth", encode_max_depth},
                    {"decode_max_depth", decode_max_depth},
                    {"encode_number_precision", encode_number_precision},
                    {"encode_keep_buffer", encode_keep_buffer},
                    {"encode_invalid_numbers", encode_invalid_numbers},
                    {"decode_invalid_numbers", decode_invalid_numbers},
                    {"new", fresh_library}};
  lua_newtable(lua);
  for (const auto& [name, function] : kFunctions) {
    lua_pushvalue(lua, -2);
    lua_pushcclosure(lua, function, 1);
    lua_setfield(lua, -2, name);
  }
  lua_pushlightuserdata(lua, nullptr);
  lua_setfield(lua, -2, "null");
  lua_pushliteral(lua, "cjson");
  lua_setfield(lua, -2, "_NAME");
  lua_pushliteral(lua, "2.1.0");
  lua_setfield(lua, -2, "_VERSION");
  lua_remove(lua, -2);
}

// cjson.new(): one with settings of its own.
int fresh_library(lua_State* lua) {
  new (lua_newuserdata(lua, sizeof(JsonSettings))) JsonSettings();
  push_library(lua);
  return 1;
}

}  // namespace

void push_json_library(lua_State* lua, JsonSettings* settings) {
  lua_pushlightuserdata(lua, settings);
  push_library(lua);
}

}  // namespace starling::server
