// LuaBitOp 1.0.2: operations on the low 32 bits of numbers, whose results are signed.
#include <bit>
#include <cmath>
#include <cstdint>

#include "server/execute/script/libraries.h"

namespace starling::server {
namespace {

uint32_t argument(lua_State* lua, int index) {
  // To this every double of less than 2^51 is added in units of 1, rounded to even: its low bits are the integer's.
  constexpr double kAlign = 6755399441055744.0;
  const double number = luaL_checknumber(lua, index);
  return static_cast<uint32_t>(std::bit_cast<uint64_t>(number + kAlign));
}

int result(lua_State* lua, uint32_t bits) {
  lua_pushnumber(lua, static_cast<lua_Number>(static_cast<int32_t>(bits)));
  return 1;
}

int to_bit(lua_State* lua) {
  return result(lua, argument(lua, 1));
}

int bit_not(lua_State* lua) {
  return result(lua, ~argument(lua, 1));
}

template <typename Operation>
int fold(lua_State* lua, Operation operation) {
  uint32_t bits = argument(lua, 1);
  for (int i = lua_gettop(lua); i > 1; --i) bits = operation(bits, argument(lua, i));
  return result(lua, bits);
}

int bit_and(lua_State* lua) {
  return fold(lua, [](uint32_t a, uint32_t b) { return a & b; });
}
int bit_or(lua_State* lua) {
  return fold(lua, [](uint32_t a, uint32_t b) { return a | b; });
}
int bit_xor(lua_State* lua) {
  return fold(lua, [](uint32_t a, uint32_t b) { return a ^ b; });
}

template <typename Shift>
int shift(lua_State* lua, Shift by) {
  const uint32_t bits = argument(lua, 1);
  return result(lua, by(bits, static_cast<int>(argument(lua, 2) & 31)));
}

int left_shift(lua_State* lua) {
  return shift(lua, [](uint32_t bits, int count) { return bits << count; });
}
int right_shift(lua_State* lua) {
  return shift(lua, [](uint32_t bits, int count) { return bits >> count; });
}
int arithmetic_shift(lua_State* lua) {
  return shift(lua, [](uint32_t bits, int count) {
    return static_cast<uint32_t>(static_cast<int32_t>(bits) >> count);
  });
}
int rotate_left(lua_State* lua) {
  return shift(lua, [](uint32_t bits, int count) { return std::rotl(bits, count); });
}
int rotate_right(lua_State* lua) {
  return shift(lua, [](uint32_t bits, int count) { return std::rotr(bits, count); });
}

int swap_bytes(lua_State* lua) {
  return result(lua, __builtin_bswap32(argument(lua, 1)));
}

int to_hex_digits(lua_State* lua) {
  uint32_t bits = argument(lua, 1);
  int64_t count = lua_isnone(lua, 2) ? 8 : static_cast<int32_t>(argument(lua, 2));
  const char* digits = "0123456789abcdef";
  if (count < 0) {
    count = -count;
    digits = "0123456789ABCDEF";
  }
  if (count > 8) count = 8;
  char text[8];
  for (int64_t i = count; --i >= 0; bits >>= 4) text[i] = digits[bits & 15];
  lua_push(lua, {text, static_cast<size_t>(count)});
  return 1;
}

}  // namespace

void push_bit_library(lua_State* lua) {
  constexpr struct {
    const char* name;
    lua_CFunction function;
  } kFunctions[] = {
      {"tobit", to_bit},    {"bnot", bit_not},      {"band", bit_and},       {"bor", bit_or},
      {"bxor", bit_xor},    {"lshift", left_shift}, {"rshift", right_shift}, {"arshift", arithmetic_shift},
      {"rol", rotate_left}, {"ror", rotate_right},  {"bswap", swap_bytes},   {"tohex", to_hex_digits}};
  lua_newtable(lua);
  for (const auto& [name, function] : kFunctions) {
    lua_pushcfunction(lua, function);
    lua_setfield(lua, -2, name);
  }
}

}  // namespace starling::server
