// struct.pack, unpack and size: values as bytes, by a format.
//
//   format  := item*
//   item    := "b" | "B" | "h" | "H" | "l" | "L" | "T"     integers of 1, 2, 8 and 8 bytes; upper case: unsigned
//            | ("i" | "I") [number]                        an integer of so many bytes, 4 by default, 32 at most
//            | "f" | "d"                                   a float, a double
//            | "s"                                         a string up to its zero byte
//            | "c" [number]                                so many bytes, 1 by default; 0: as the number before says
//            | "x"                                         a zero byte
//            | ">" | "<"                                   big, little endian from here on
//            | "!" [number]                                align from here on, to a power of two, 8 by default
//            | " "
#include <algorithm>
#include <cctype>
#include <climits>
#include <cstdint>
#include <cstring>
#include <string>

#include "server/execute/script/libraries.h"

namespace starling::server {
namespace {

constexpr int kLongestInteger = 32, kGreatestAlignment = 8;

class Format {
 public:
  Format(lua_State* lua, const char* text) : lua_(lua), text_(text) {}

  // The next item. False: there is none.
  bool next(size_t position) {
    if (*text_ == '\0') return false;
    item_ = *text_++;
    size_ = size_of_item();
    padding_ = padding_at(position);
    return true;
  }
  char item() const { return item_; }
  size_t size() const { return size_; }
  size_t padding() const { return padding_; }
  bool little() const { return little_; }
  bool integer() const { return std::strchr("bBhHlLTiI", item_) != nullptr; }

  // The item stands for nothing but itself.
  void control() {
    switch (item_) {
      case ' ':
        return;
      case '>':
        little_ = false;
        return;
      case '<':
        little_ = true;
        return;
      case '!': {
        const int alignment = number(kGreatestAlignment);
        if (alignment <= 0 || (alignment & (alignment - 1)) != 0)
          luaL_error(lua_, "alignment %d is not a power of 2", alignment);
        alignment_ = static_cast<size_t>(alignment);
        return;
      }
      default:
        luaL_argerror(lua_, 1, lua_pushfstring(lua_, "invalid format option '%c'", item_));
    }
  }

 private:
  int number(int otherwise) {
    if (isdigit(static_cast<unsigned char>(*text_)) == 0) return otherwise;
    int64_t value = 0;
    do {
      value = value * 10 + (*text_++ - '0');
      if (value > INT_MAX) luaL_error(lua_, "integral size overflow");
    } while (isdigit(static_cast<unsigned char>(*text_)) != 0);
    return static_cast<int>(value);
  }

  size_t size_of_item() {
    switch (item_) {
      case 'b':
      case 'B':
      case 'x':
        return 1;
      case 'h':
      case 'H':
        return 2;
      case 'f':
        return 4;
      case 'l':
      case 'L':
      case 'T':
      case 'd':
        return 8;
      case 'c':
        return static_cast<size_t>(number(1));
      case 'i':
      case 'I': {
        const int size = number(4);
        if (size > kLongestInteger)
          luaL_error(lua_, "integral size %d is larger than limit of %d", size, kLongestInteger);
        return static_cast<size_t>(size);
      }
      default:
        return 0;
    }
  }

  size_t padding_at(size_t position) const {
    size_t alignment = size_;
    if (alignment == 0 || item_ == 'c') return 0;
    if (alignment > alignment_) alignment = alignment_;
    if (alignment <= 1) return 0;
    return (alignment - (position & (alignment - 1))) & (alignment - 1);
  }

  lua_State* const lua_;
  const char* text_;
  char item_ = 0;
  size_t size_ = 0, padding_ = 0, alignment_ = 1;
  bool little_ = true;
};

void append_integer(lua_State* lua, int index, size_t size, bool little, std::string* out) {
  const lua_Number number = luaL_checknumber(lua, index);
  uint64_t value = 0;
  if (number < 0) {
    value = number >= -9223372036854775808.0 ? static_cast<uint64_t>(static_cast<int64_t>(number))
                                             : uint64_t{1} << 63;
  } else if (number < 18446744073709551616.0) {
    value = static_cast<uint64_t>(number);
  }
  char bytes[kLongestInteger];
  for (size_t i = 0; i < size; ++i) {
    bytes[little ? i : size - 1 - i] = static_cast<char>(value);
    value >>= 8;
  }
  out->append(bytes, size);
}

lua_Number integer_in(std::string_view bytes, bool little, bool is_signed) {
  uint64_t value = 0;
  const size_t size = bytes.size();
  for (size_t i = 0; i < size; ++i)
    value = value << 8 | static_cast<uint8_t>(bytes[little ? size - 1 - i : i]);
  if (!is_signed) return static_cast<lua_Number>(value);
  if (size > 0 && size < 8 && (value >> (size * 8 - 1) & 1) != 0) value |= ~uint64_t{0} << (size * 8 - 1);
  return static_cast<lua_Number>(static_cast<int64_t>(value));
}

template <typename Real>
void append_real(Real real, bool little, std::string* out) {
  char bytes[sizeof real];
  std::memcpy(bytes, &real, sizeof real);
  if (!little) std::reverse(bytes, bytes + sizeof real);
  out->append(bytes, sizeof real);
}

template <typename Real>
lua_Number real_in(std::string_view bytes, bool little) {
  char copy[sizeof(Real)];
  std::memcpy(copy, bytes.data(), sizeof copy);
  if (!little) std::reverse(copy, copy + sizeof copy);
  Real real;
  std::memcpy(&real, copy, sizeof real);
  return static_cast<lua_Number>(real);
}

int pack_format(lua_State* lua) {
  Format format(lua, luaL_checkstring(lua, 1));
  // Behind the arguments, as Redis has it: one that is missing is nil.
  lua_pushnil(lua);
  std::string out;
  int index = 2;
  while (format.next(out.size())) {
    luaL_argcheck(lua, out.size() <= kLongestText, 1, "result too long");
    out.append(format.padding(), '\0');
    if (format.integer()) {
      append_integer(lua, index++, format.size(), format.little(), &out);
      continue;
    }
    switch (format.item()) {
      case 'x':
        out += '\0';
        break;
      case 'f':
        append_real(static_cast<float>(luaL_checknumber(lua, index++)), format.little(), &out);
        break;
      case 'd':
        append_real(luaL_checknumber(lua, index++), format.little(), &out);
        break;
      case 'c':
      case 's': {
        const std::string_view bytes = lua_check_view(lua, index++);
        const size_t size = format.size() == 0 ? bytes.size() : format.size();
        luaL_argcheck(lua, bytes.size() >= size, index, "string too short");
        out.append(bytes.data(), size);
        if (format.item() == 's') out += '\0';
        break;
      }
      default:
        format.control();
    }
  }
  lua_push(lua, out);
  return 1;
}

int unpack_format(lua_State* lua) {
  Format format(lua, luaL_checkstring(lua, 1));
  const std::string_view data = lua_check_view(lua, 2);
  const lua_Integer from = luaL_optinteger(lua, 3, 1);
  luaL_argcheck(lua, from != 0, 3, "offset must be 1 or greater");
  auto position = static_cast<size_t>(from) - 1;
  int results = 0;
  const auto need = [&](size_t size) {
    luaL_argcheck(lua, size <= data.size() && position <= data.size() - size, 2, "data string too short");
  };
  while (format.next(position)) {
    position += format.padding();
    size_t size = format.size();
    need(size);
    luaL_checkstack(lua, 3, "too many results");
    if (format.integer()) {
      const bool is_signed = islower(static_cast<unsigned char>(format.item())) != 0;
      lua_pushnumber(lua, integer_in(data.substr(position, size), format.little(), is_signed));
      ++results;
      position += size;
      continue;
    }
    switch (format.item()) {
      case 'x':
        break;
      case 'f':
        lua_pushnumber(lua, real_in<float>(data.substr(position, size), format.little()));
        ++results;
        break;
      case 'd':
        lua_pushnumber(lua, real_in<double>(data.substr(position, size), format.little()));
        ++results;
        break;
      case 'c':
        if (size == 0) {
          if (results == 0 || lua_isnumber(lua, -1) == 0)
            return luaL_error(lua, "format 'c0' needs a previous size");
          const lua_Number told = lua_tonumber(lua, -1);
          size = told >= 0 && told < 1e15 ? static_cast<size_t>(told) : SIZE_MAX;
          lua_pop(lua, 1);
          --results;
          need(size);
        }
        lua_push(lua, data.substr(position, size));
        ++results;
        break;
      case 's': {
        const size_t end = data.find('\0', position);
        if (end == std::string_view::npos) return luaL_error(lua, "unfinished string in data");
        lua_push(lua, data.substr(position, end - position));
        ++results;
        size = end - position + 1;
        break;
      }
      default:
        format.control();
    }
    position += size;
  }
  lua_pushinteger(lua, static_cast<lua_Integer>(position) + 1);
  return results + 1;
}

int size(lua_State* lua) {
  Format format(lua, luaL_checkstring(lua, 1));
  size_t position = 0;
  while (format.next(position)) {
    position += format.padding();
    if (format.item() == 's') return luaL_argerror(lua, 1, "option 's' has no fixed size");
    if (format.item() == 'c' && format.size() == 0)
      return luaL_argerror(lua, 1, "option 'c0' has no fixed size");
    if (isalnum(static_cast<unsigned char>(format.item())) == 0) format.control();
    position += format.size();
  }
  lua_pushinteger(lua, static_cast<lua_Integer>(position));
  return 1;
}

}  // namespace

void push_struct_library(lua_State* lua) {
  lua_newtable(lua);
  lua_pushcfunction(lua, pack_format);
  lua_setfield(lua, -2, "pack");
  lua_pushcfunction(lua, unpack_format);
  lua_setfield(lua, -2, "unpack");
  lua_pushcfunction(lua, size);
  lua_setfield(lua, -2, "size");
}

}  // namespace starling::server
