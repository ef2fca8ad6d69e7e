// lua-cjson 2.1 as Redis has it: what it can be told, in parts.
#pragma once

#include "server/execute/script/lua_api.h"

namespace starling::server {

// Each script begins with these: what one sets, no other sees. (In Redis it stays set.)
struct JsonSettings {
  enum class Invalid { kRefused, kWritten, kNull };

  bool sparse_convert = false;
  int sparse_ratio = 2, sparse_safe = 10;
  int encode_depth = 1000, decode_depth = 1000;
  int precision = 14;
  bool keep_buffer = true;  // Without effect.
  Invalid encode_invalid = Invalid::kRefused;
  bool decode_invalid = true;
};

// Functions of Lua's whose first upvalue is a JsonSettings: json_encode.cc, json_decode.cc.
int encode_json(lua_State* lua);
int decode_json(lua_State* lua);

inline JsonSettings& json_settings(lua_State* lua) {
  return *static_cast<JsonSettings*>(lua_touserdata(lua, lua_upvalueindex(1)));
}

}  // namespace starling::server
