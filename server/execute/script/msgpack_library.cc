// lua-cmsgpack 0.4: MessagePack, with floats for the doubles that they hold exactly, without the binary types.
//
// A table is an array when its keys are 1 to their count, else a map; an empty one is an array. Tables nested deeper
// than 16 are nil. What cannot be packed is nil.
#include <bit>
#include <climits>
#include <cstdint>
#include <cstring>
#include <string>

#include "server/execute/script/libraries.h"

namespace starling::server {
namespace {

constexpr int kDeepestPacked = 16;

void append_big_endian(uint64_t value, size_t bytes, std::string* out) {
  for (size_t i = bytes; i-- > 0;) *out += static_cast<char>(value >> (8 * i));
}

void append_tagged(uint8_t tag, uint64_t value, size_t bytes, std::string* out) {
  *out += static_cast<char>(tag);
  append_big_endian(value, bytes, out);
}

void pack_string(std::string_view bytes, std::string* out) {
  const size_t size = bytes.size();
  if (size < 32) {
    *out += static_cast<char>(0xa0 | size);
  } else if (size <= UINT8_MAX) {
    append_tagged(0xd9, size, 1, out);
  } else if (size <= UINT16_MAX) {
    append_tagged(0xda, size, 2, out);
  } else {
    append_tagged(0xdb, size, 4, out);
  }
  *out += bytes;
}

void pack_integer(int64_t number, std::string* out) {
  const auto bits = static_cast<uint64_t>(number);
  if (number >= 0) {
    if (number <= 127) return append_big_endian(bits, 1, out);
    if (number <= UINT8_MAX) return append_tagged(0xcc, bits, 1, out);
    if (number <= UINT16_MAX) return append_tagged(0xcd, bits, 2, out);
    if (number <= UINT32_MAX) return append_tagged(0xce, bits, 4, out);
    return append_tagged(0xcf, bits, 8, out);
  }
  if (number >= -32) return append_big_endian(bits, 1, out);
  if (number >= INT8_MIN) return append_tagged(0xd0, bits, 1, out);
  if (number >= INT16_MIN) return append_tagged(0xd1, bits, 2, out);
  if (number >= INT32_MIN) return append_tagged(0xd2, bits, 4, out);
  append_tagged(0xd3, bits, 8, out);
}

void pack_number(double number, std::string* out) {
  if (number >= -9223372036854775808.0 && number < 9223372036854775808.0 &&
      static_cast<double>(static_cast<int64_t>(number)) == number) {
    return pack_integer(static_cast<int64_t>(number), out);
  }
  const auto narrow = static_cast<float>(number);
  if (static_cast<double>(narrow) == number)
    return append_tagged(0xca, std::bit_cast<uint32_t>(narrow), 4, out);
  append_tagged(0xcb, std::bit_cast<uint64_t>(number), 8, out);
}

void pack_count(uint8_t few, uint8_t tag, size_t count, std::string* out) {
  if (count <= 15) {
    *out += static_cast<char>(few | count);
  } else if (count <= UINT16_MAX) {
    append_tagged(tag, count, 2, out);
  } else {
    append_tagged(static_cast<uint8_t>(tag + 1), count, 4, out);
  }
}

// Of the table on top: how many entries it has, and whether its keys are 1 to that.
bool is_array(lua_State* lua, size_t* count) {
  bool numbered = true;
  double greatest = 0;
  *count = 0;
  lua_pushnil(lua);
  for (; lua_next(lua, -2) != 0; ++*count) {
    lua_pop(lua, 1);
    const double key = lua_type(lua, -1) == LUA_TNUMBER ? lua_tonumber(lua, -1) : 0;
    numbered &= key >= 1 && key < 2147483648.0 && key == static_cast<double>(static_cast<int64_t>(key));
    if (key > greatest) greatest = key;
  }
  return numbered && greatest == static_cast<double>(*count);
}

void pack_value(lua_State* lua, int depth, std::string* out);

// The table is on top, and stays there.
void pack_table(lua_State* lua, int depth, std::string* out) {
  if (out->size() > kLongestText) luaL_error(lua, "Cannot serialise, text too long");
  size_t count = 0;
  if (is_array(lua, &count)) {
    pack_count(0x90, 0xdc, count, out);
    for (size_t i = 1; i <= count; ++i) {
      lua_rawgeti(lua, -1, static_cast<int>(i));
      pack_value(lua, depth + 1, out);
    }
    return;
  }
  pack_count(0x80, 0xde, count, out);
  lua_pushnil(lua);
  while (lua_next(lua, -2) != 0) {
    lua_pushvalue(lua, -2);
    pack_value(lua, depth + 1, out);
    pack_value(lua, depth + 1, out);
  }
}

// The value on top, which is popped.
void pack_value(lua_State* lua, int depth, std::string* out) {
  luaL_checkstack(lua, 5, "in function mp_encode");
  switch (lua_type(lua, -1)) {
    case LUA_TSTRING:
      pack_string(lua_view(lua, -1), out);
      break;
    case LUA_TBOOLEAN:
      *out += static_cast<char>(lua_toboolean(lua, -1) != 0 ? 0xc3 : 0xc2);
      break;
    case LUA_TNUMBER:
      pack_number(lua_tonumber(lua, -1), out);
      break;
    case LUA_TTABLE:
      if (depth < kDeepestPacked) {
        pack_table(lua, depth, out);
        break;
      }
      [[fallthrough]];
    default:
      *out += static_cast<char>(0xc0);
  }
  lua_pop(lua, 1);
}

int pack_message(lua_State* lua) {
  const int count = lua_gettop(lua);
  if (count == 0) return luaL_argerror(lua, 0, "MessagePack pack needs input.");
  std::string out;
  for (int i = 1; i <= count; ++i) {
    luaL_checkstack(lua, 1, "in function mp_check");
    lua_pushvalue(lua, i);
    pack_value(lua, 0, &out);
  }
  lua_push(lua, out);
  return 1;
}

// --- Back again.

// Each level takes a frame of the processor's stack.
constexpr int kDeepest = 1000;

class Unpacker {
 public:
  Unpacker(lua_State* lua, std::string_view bytes) : lua_(lua), left_(bytes) {}
  size_t left() const { return left_.size(); }

  // Pushes the next value.
  void value() {
    luaL_checkstack(lua_, 4, "too many return values at once; use unpack_one or unpack_limit instead.");
    const uint8_t tag = static_cast<uint8_t>(take(1)[0]);
    if (tag <= 0x7f || tag >= 0xe0) return number(static_cast<int8_t>(tag));
    if (tag <= 0x8f) return map(tag & 0xf);
    if (tag <= 0x9f) return array(tag & 0xf);
    if (tag <= 0xbf) return lua_push(lua_, take(tag & 0x1f));
    tagged(tag);
  }

 private:
  void tagged(uint8_t tag) {
    switch (tag) {
      case 0xc0:
        return lua_pushnil(lua_);
      case 0xc2:
      case 0xc3:
        return lua_pushboolean(lua_, tag == 0xc3 ? 1 : 0);
      case 0xca:
        return number(std::bit_cast<float>(static_cast<uint32_t>(big_endian(4))));
      case 0xcb:
        return number(std::bit_cast<double>(big_endian(8)));
      case 0xcc:
      case 0xcd:
      case 0xce:
      case 0xcf:
        return number(static_cast<double>(big_endian(size_t{1} << (tag - 0xcc))));
      case 0xd0:
        return number(static_cast<int8_t>(big_endian(1)));
      case 0xd1:
        return number(static_cast<int16_t>(big_endian(2)));
      case 0xd2:
        return number(static_cast<int32_t>(big_endian(4)));
      case 0xd3:
        return number(static_cast<double>(static_cast<int64_t>(big_endian(8))));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return lua_push(lua_, take(big_endian(size_t{1} << (tag - 0xd9))));
      case 0xdc:
      case 0xdd:
        return array(big_endian(tag == 0xdc ? 2 : 4));
      case 0xde:
      case 0xdf:
        return map(big_endian(tag == 0xde ? 2 : 4));
      default:
        luaL_error(lua_, "Bad data format in input.");
    }
  }

  void number(double value) { lua_pushnumber(lua_, value); }

  void deeper() {
    if (++depth_ > kDeepest) luaL_error(lua_, "Too many nested values in input.");
  }

  void array(uint64_t count) {
    deeper();
    lua_newtable(lua_);
    for (uint64_t i = 1; i <= count; ++i) {
      value();
      lua_rawseti(lua_, -2, static_cast<int>(i));
    }
    --depth_;
  }

  void map(uint64_t count) {
    deeper();
    lua_newtable(lua_);
    for (uint64_t i = 0; i < count; ++i) {
      value();
      value();
      lua_settable(lua_, -3);
    }
    --depth_;
  }

  std::string_view take(uint64_t size) {
    if (size > left_.size()) luaL_error(lua_, "Missing bytes in input.");
    const std::string_view bytes = left_.substr(0, size);
    left_.remove_prefix(size);
    return bytes;
  }

  uint64_t big_endian(size_t size) {
    uint64_t value = 0;
    for (const char byte : take(size)) value = value << 8 | static_cast<uint8_t>(byte);
    return value;
  }

  lua_State* const lua_;
  int depth_ = 0;
  std::string_view left_;
};

// limit 0: all there are, without the offset of what follows.
int unpack_some(lua_State* lua, lua_Integer limit, lua_Integer offset) {
  const std::string_view bytes = lua_check_view(lua, 1);
  const auto size = static_cast<lua_Integer>(bytes.size());
  if (offset < 0 || limit < 0)
    return luaL_error(lua, "Invalid request to unpack with offset of %d and limit of %d.",
                      static_cast<int>(offset), static_cast<int>(size));
  if (offset > size)
    return luaL_error(lua, "Start offset %d greater than input length %d.", static_cast<int>(offset),
                      static_cast<int>(size));
  const bool all = limit == 0 && offset == 0;
  if (all) limit = INT_MAX;
  Unpacker unpacker(lua, bytes.substr(static_cast<size_t>(offset)));
  int count = 0;
  for (; unpacker.left() > 0 && count < limit; ++count) unpacker.value();
  if (all) return count;
  luaL_checkstack(lua, 1, "in function mp_unpack_full");
  lua_pushinteger(lua, unpacker.left() == 0 ? -1 : size - static_cast<lua_Integer>(unpacker.left()));
  lua_insert(lua, 2);
  return count + 1;
}

int unpack_message(lua_State* lua) {
  return unpack_some(lua, 0, 0);
}

int unpack_one(lua_State* lua) {
  const lua_Integer offset = luaL_optinteger(lua, 2, 0);
  lua_settop(lua, 1);
  return unpack_some(lua, 1, offset);
}

int unpack_limit(lua_State* lua) {
  const lua_Integer limit = luaL_checkinteger(lua, 2);
  const lua_Integer offset = luaL_optinteger(lua, 3, 0);
  lua_settop(lua, 1);
  return unpack_some(lua, limit, offset);
}

}  // namespace

void push_msgpack_library(lua_State* lua) {
  constexpr struct {
    const char* name;
    lua_CFunction function;
  } kFunctions[] = {{"pack", pack_message},
                    {"unpack", unpack_message},
                    {"unpack_one", unpack_one},
                    {"unpack_limit", unpack_limit}};
  lua_newtable(lua);
  for (const auto& [name, function] : kFunctions) {
    lua_pushcfunction(lua, function);
    lua_setfield(lua, -2, name);
  }
  constexpr struct {
    const char *name, *text;
  } kTexts[] = {{"_NAME", "cmsgpack"},
                {"_VERSION", "lua-cmsgpack 0.4.0"},
                {"_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo"},
                {"_DESCRIPTION", "MessagePack C implementation for Lua"}};
  for (const auto& [name, text] : kTexts) {
    lua_pushstring(lua, text);
    lua_setfield(lua, -2, name);
  }
}

}  // namespace starling::server
