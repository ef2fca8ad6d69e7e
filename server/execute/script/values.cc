#include "server/execute/script/values.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "server/execute/script/errors.h"

namespace starling::server {
namespace {

std::string_view take_line(std::string_view* bytes) {
  const std::string_view line = bytes->substr(0, bytes->find("\r\n"));
  bytes->remove_prefix(std::min(line.size() + 2, bytes->size()));
  return line;
}

int64_t number_in(std::string_view digits) {
  int64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

double real_in(std::string_view text) {
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  double number = std::numeric_limits<double>::quiet_NaN();
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string_view take_bulk(std::string_view* bytes, int64_t size) {
  const std::string_view bulk = bytes->substr(0, static_cast<size_t>(size));
  bytes->remove_prefix(std::min(bulk.size() + 2, bytes->size()));
  return bulk;
}

// {name = value}, of the value on top.
void wrap(lua_State* lua, const char* name) {
  lua_createtable(lua, 0, 1);
  lua_insert(lua, -2);
  lua_setfield(lua, -2, name);
}

void push_elements(lua_State* lua, std::string_view* bytes, int64_t count, bool counted) {
  lua_createtable(lua, static_cast<int>(std::min<int64_t>(count, 1 << 20)), 0);
  for (int64_t i = 1; i <= count; ++i) {
    push_reply(lua, bytes, counted);
    lua_rawseti(lua, -2, static_cast<int>(i));
  }
}

void push_map(lua_State* lua, std::string_view* bytes, int64_t count, bool counted) {
  lua_createtable(lua, 0, static_cast<int>(std::min<int64_t>(count, 1 << 20)));
  for (int64_t i = 0; i < count; ++i) {
    push_reply(lua, bytes, counted);
    push_reply(lua, bytes, counted);
    lua_rawset(lua, -3);
  }
  wrap(lua, "map");
}

void push_set(lua_State* lua, std::string_view* bytes, int64_t count, bool counted) {
  lua_createtable(lua, 0, static_cast<int>(std::min<int64_t>(count, 1 << 20)));
  for (int64_t i = 0; i < count; ++i) {
    push_reply(lua, bytes, counted);
    lua_pushboolean(lua, 1);
    lua_rawset(lua, -3);
  }
  wrap(lua, "set");
}

void push_verbatim(lua_State* lua, std::string_view text) {
  lua_createtable(lua, 0, 2);
  lua_push(lua, text.substr(0, 3));
  lua_setfield(lua, -2, "format");
  lua_push(lua, text.substr(std::min<size_t>(4, text.size())));
  lua_setfield(lua, -2, "string");
  wrap(lua, "verbatim_string");
}

void push_failure(lua_State* lua, std::string_view text, bool counted) {
  std::string dashed = "-";
  dashed += text;
  push_error(lua, dashed);
  if (!counted) return;
  lua_pushliteral(lua, "ignore_error_stats_update");
  lua_pushboolean(lua, 1);
  lua_rawset(lua, -3);
}

// --- The other way.

// Pushes the table's field; `table` is on top.
int raw_field(lua_State* lua, const char* name) {
  lua_pushstring(lua, name);
  lua_rawget(lua, -2);
  return lua_type(lua, -1);
}

std::string one_line(std::string_view text) {
  std::string line(text);
  for (char& c : line) {
    if (c == '\r' || c == '\n') c = ' ';
  }
  return line;
}

constexpr int kDeepestReply = 1000;

int64_t integer_of(double number) {
  // What does not fit, as the processor has it.
  if (!(number >= -9223372036854775808.0 && number < 9223372036854775808.0)) return INT64_MIN;
  return static_cast<int64_t>(number);
}

size_t count_entries(lua_State* lua) {
  size_t count = 0;
  lua_pushnil(lua);
  for (; lua_next(lua, -2) != 0; ++count) lua_pop(lua, 1);
  return count;
}

// The table's field is on top.
void write_map(lua_State* lua, int protocol, resp::ReplyWriter& reply) {
  reply.map(count_entries(lua));
  lua_pushnil(lua);
  while (lua_next(lua, -2) != 0) {
    lua_pushvalue(lua, -2);
    write_value(lua, protocol, reply);
    write_value(lua, protocol, reply);
  }
}

void write_set(lua_State* lua, int protocol, resp::ReplyWriter& reply) {
  reply.set(count_entries(lua));
  lua_pushnil(lua);
  while (lua_next(lua, -2) != 0) {
    lua_pop(lua, 1);
    lua_pushvalue(lua, -1);
    write_value(lua, protocol, reply);
  }
}

bool write_verbatim(lua_State* lua, resp::ReplyWriter& reply) {
  const bool has_format = raw_field(lua, "format") == LUA_TSTRING;
  lua_pushstring(lua, "string");
  lua_rawget(lua, -3);
  const bool complete = has_format && lua_type(lua, -1) == LUA_TSTRING;
  if (complete) {
    std::string format(lua_view(lua, -2));
    format.resize(3, ' ');
    reply.verbatim(format, lua_view(lua, -1));
  }
  lua_pop(lua, 2);
  return complete;
}

// A table with one of the fields that say what it stands for. False: it is an array. It stays on top.
bool write_special(lua_State* lua, int protocol, resp::ReplyWriter& reply) {
  bool written = true;
  if (raw_field(lua, "err") == LUA_TSTRING) {
    lua_pop(lua, 1);
    const ScriptFailure failure = failure_on_top(lua);
    write_error(failure.text, failure.counted, reply);
    return true;
  }
  lua_pop(lua, 1);
  if (raw_field(lua, "ok") == LUA_TSTRING) {
    reply.simple_string(one_line(lua_view(lua, -1)));
  } else if (lua_pop(lua, 1), raw_field(lua, "double") == LUA_TNUMBER) {
    reply.real(lua_tonumber(lua, -1));
  } else if (lua_pop(lua, 1), raw_field(lua, "map") == LUA_TTABLE) {
    write_map(lua, protocol, reply);
  } else if (lua_pop(lua, 1), raw_field(lua, "set") == LUA_TTABLE) {
    write_set(lua, protocol, reply);
  } else if (lua_pop(lua, 1), raw_field(lua, "big_number") == LUA_TSTRING) {
    reply.big_number(one_line(lua_view(lua, -1)));
  } else if (lua_pop(lua, 1), raw_field(lua, "verbatim_string") == LUA_TTABLE) {
    written = write_verbatim(lua, reply);
  } else {
    written = false;
  }
  lua_pop(lua, 1);
  return written;
}

size_t length_to_nil(lua_State* lua) {
  for (int count = 0;; ++count) {
    lua_rawgeti(lua, -1, count + 1);
    const bool end = lua_isnil(lua, -1);
    lua_pop(lua, 1);
    if (end) return static_cast<size_t>(count);
  }
}

void write_table(lua_State* lua, int protocol, resp::ReplyWriter& reply) {
  if (write_special(lua, protocol, reply)) return;
  const size_t count = length_to_nil(lua);
  reply.array(count);
  for (size_t i = 1; i <= count; ++i) {
    lua_rawgeti(lua, -1, static_cast<int>(i));
    write_value(lua, protocol, reply);
  }
}

}  // namespace

void write_error(std::string_view text, bool counted, resp::ReplyWriter& reply) {
  if (!counted) return reply.error(text);
  reply.raw("-");
  reply.raw(one_line(text));
  reply.raw("\r\n");
}

void push_reply(lua_State* lua, std::string_view* bytes, bool counted) {
  luaL_checkstack(lua, 6, "reply with too many levels");
  const std::string_view line = take_line(bytes);
  if (line.empty()) return lua_pushnil(lua);
  const std::string_view rest = line.substr(1);
  switch (line[0]) {
    case ':':
      return lua_pushnumber(lua, static_cast<lua_Number>(number_in(rest)));
    case '$': {
      const int64_t size = number_in(rest);
      if (size < 0) return lua_pushboolean(lua, 0);
      return lua_push(lua, take_bulk(bytes, size));
    }
    case '+':
      lua_push(lua, rest);
      return wrap(lua, "ok");
    case '-':
      return push_failure(lua, rest, counted);
    case '*': {
      const int64_t count = number_in(rest);
      if (count < 0) return lua_pushboolean(lua, 0);
      return push_elements(lua, bytes, count, counted);
    }
    case '_':
      return lua_pushnil(lua);
    case '#':
      return lua_pushboolean(lua, rest == "t" ? 1 : 0);
    case ',':
      lua_pushnumber(lua, real_in(rest));
      return wrap(lua, "double");
    case '(':
      lua_push(lua, rest);
      return wrap(lua, "big_number");
    case '=':
      return push_verbatim(lua, take_bulk(bytes, number_in(rest)));
    case '%':
      return push_map(lua, bytes, number_in(rest), counted);
    case '~':
      return push_set(lua, bytes, number_in(rest), counted);
    default:
      lua_pushnil(lua);
  }
}

void write_value(lua_State* lua, int protocol, resp::ReplyWriter& reply) {
  // Each level has one value there, and frames on the processor's stack.
  if (lua_gettop(lua) > kDeepestReply || lua_checkstack(lua, 6) == 0) {
    reply.error("ERR reached lua stack limit");
    return lua_pop(lua, 1);
  }
  switch (lua_type(lua, -1)) {
    case LUA_TSTRING:
      reply.bulk(lua_view(lua, -1));
      break;
    case LUA_TNUMBER:
      reply.integer(integer_of(lua_tonumber(lua, -1)));
      break;
    case LUA_TBOOLEAN:
      if (protocol >= 3) {
        reply.boolean(lua_toboolean(lua, -1) != 0);
      } else if (lua_toboolean(lua, -1) != 0) {
        reply.integer(1);
      } else {
        reply.null();
      }
      break;
    case LUA_TTABLE:
      write_table(lua, protocol, reply);
      break;
    default:
      reply.null();
  }
  lua_pop(lua, 1);
}

}  // namespace starling::server
