// cjson.encode: numbers with 14 digits, '/' escaped, tables with keys from 1 on as arrays, all others as objects.
#include <cmath>
#include <cstdio>
#include <string>

#include "server/execute/script/json_library.h"
#include "server/execute/script/libraries.h"

namespace starling::server {
namespace {

class Encoder {
 public:
  Encoder(lua_State* lua, const JsonSettings& settings) : lua_(lua), settings_(settings) {}

  // The value on top, which stays there.
  void value(int depth) {
    switch (lua_type(lua_, -1)) {
      case LUA_TSTRING:
        return string(lua_view(lua_, -1));
      case LUA_TNUMBER:
        return number();
      case LUA_TBOOLEAN:
        text_ += lua_toboolean(lua_, -1) != 0 ? "true" : "false";
        return;
      case LUA_TTABLE:
        return table(depth + 1);
      case LUA_TNIL:
        text_ += "null";
        return;
      case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(lua_, -1) == nullptr) {
          text_ += "null";
          return;
        }
        [[fallthrough]];
      default:
        refuse(-1, "type not supported");
    }
  }
  const std::string& text() const { return text_; }

 private:
  void refuse(int index, const char* why) {
    luaL_error(lua_, "Cannot serialise %s: %s", lua_typename(lua_, lua_type(lua_, index)), why);
  }

  void bound() {
    if (text_.size() > kLongestText) luaL_error(lua_, "Cannot serialise, text too long");
  }

  void number() {
    const double value = lua_tonumber(lua_, -1);
    if (std::isfinite(value)) return finite(value);
    switch (settings_.encode_invalid) {
      case JsonSettings::Invalid::kRefused:
        return refuse(-1, "must not be NaN or Inf");
      case JsonSettings::Invalid::kNull:
        text_ += "null";
        return;
      case JsonSettings::Invalid::kWritten:
        text_ += std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
    }
  }

  void finite(double value) {
    char digits[40];
    text_.append(digits,
                 static_cast<size_t>(snprintf(digits, sizeof digits, "%.*g", settings_.precision, value)));
  }

  void string(std::string_view bytes) {
    text_ += '"';
    for (const char c : bytes) character(c);
    text_ += '"';
    bound();
  }

  void character(char c) {
    switch (c) {
      case '"':
      case '\\':
      case '/':
        text_ += '\\';
        text_ += c;
        return;
      case '\b':
        text_ += "\\b";
        return;
      case '\t':
        text_ += "\\t";
        return;
      case '\n':
        text_ += "\\n";
        return;
      case '\f':
        text_ += "\\f";
        return;
      case '\r':
        text_ += "\\r";
        return;
      default:
        break;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= ' ' && byte != 0x7f) {
      text_ += c;
      return;
    }
    char code[8];
    text_.append(code, static_cast<size_t>(snprintf(code, sizeof code, "\\u%04x", byte)));
  }

  void table(int depth) {
    if (depth > settings_.encode_depth || lua_checkstack(lua_, 4) == 0)
      luaL_error(lua_, "Cannot serialise, excessive nesting (%d)", depth);
    const int64_t length = array_length();
    if (length > 0) {
      array(length, depth);
    } else {
      object(depth);
    }
    bound();
  }

  // The greatest key; -1: it is no array.
  int64_t array_length() {
    double greatest = 0, count = 0;
    lua_pushnil(lua_);
    while (lua_next(lua_, -2) != 0) {
      const double key = lua_type(lua_, -2) == LUA_TNUMBER ? lua_tonumber(lua_, -2) : 0;
      if (!(key >= 1 && std::floor(key) == key && key < 2147483648.0)) {
        lua_pop(lua_, 2);
        return -1;
      }
      if (key > greatest) greatest = key;
      ++count;
      lua_pop(lua_, 1);
    }
    if (settings_.sparse_ratio > 0 && greatest > count * settings_.sparse_ratio &&
        greatest > settings_.sparse_safe) {
      if (!settings_.sparse_convert) refuse(-1, "excessively sparse array");
      return -1;
    }
    return static_cast<int64_t>(greatest);
  }

  void array(int64_t length, int depth) {
    text_ += '[';
    for (int64_t i = 1; i <= length; ++i) {
      if (i > 1) text_ += ',';
      lua_rawgeti(lua_, -1, static_cast<int>(i));
      value(depth);
      lua_pop(lua_, 1);
      if ((i & 0xfff) == 0) bound();
    }
    text_ += ']';
  }

  void object(int depth) {
    text_ += '{';
    bool first = true;
    lua_pushnil(lua_);
    while (lua_next(lua_, -2) != 0) {
      if (!first) text_ += ',';
      first = false;
      const int type = lua_type(lua_, -2);
      if (type == LUA_TNUMBER) {
        text_ += '"';
        key_number(lua_tonumber(lua_, -2));
        text_ += "\":";
      } else if (type == LUA_TSTRING) {
        string(lua_view(lua_, -2));
        text_ += ':';
      } else {
        refuse(-2, "table key must be a number or string");
      }
      value(depth);
      lua_pop(lua_, 1);
    }
    text_ += '}';
  }

  void key_number(double value) {
    lua_pushnumber(lua_, value);
    number();
    lua_pop(lua_, 1);
  }

  lua_State* const lua_;
  const JsonSettings& settings_;
  std::string text_;
};

}  // namespace

int encode_json(lua_State* lua) {
  luaL_argcheck(lua, lua_gettop(lua) == 1, 1, "expected 1 argument");
  Encoder encoder(lua, json_settings(lua));
  encoder.value(0);
  lua_push(lua, encoder.text());
  return 1;
}

}  // namespace starling::server
