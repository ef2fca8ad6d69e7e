#include "server/execute/script/redis_library.h"

#include <sys/uio.h>

#include <charconv>
#include <cstdio>
#include <string>
#include <vector>

#include "resp/number.h"
#include "server/execute/script/errors.h"
#include "server/execute/script/interpreter.h"
#include "server/execute/script/sha1.h"
#include "server/execute/script/values.h"

namespace starling::server {
namespace {

constexpr size_t kNumberBytes = 32;
constexpr int kLogLevels = 4;
constexpr lua_Number kReplicateAll = 3;

struct CallArguments {
  std::vector<std::string_view> views;
  std::vector<char> numbers;
};

// As "%.17g" prints it.
size_t print_number(double number, char* into) {
  const auto whole = static_cast<int64_t>(number >= -9e15 && number <= 9e15 ? number : 0);
  if (whole != 0 && static_cast<double>(whole) == number)
    return static_cast<size_t>(resp::format_integer(whole, into) - into);
  return static_cast<size_t>(snprintf(into, kNumberBytes, "%.17g", number));
}

// The arguments of the C function that runs. False: one is neither a string nor a number. The views are good as long as
// those stay on the stack, and until the next call.
bool read_arguments(lua_State* lua, CallArguments* read) {
  const auto count = static_cast<size_t>(lua_gettop(lua));
  read->views.clear();
  read->numbers.resize(count * kNumberBytes);
  for (size_t i = 0; i < count; ++i) {
    const int index = static_cast<int>(i) + 1;
    const int type = lua_type(lua, index);
    if (type == LUA_TSTRING) {
      read->views.push_back(lua_view(lua, index));
    } else if (type == LUA_TNUMBER) {
      char* const into = read->numbers.data() + i * kNumberBytes;
      read->views.emplace_back(into, print_number(lua_tonumber(lua, index), into));
    } else {
      return false;
    }
  }
  return true;
}

// A thread runs one script at a time, and a call no other.
CallArguments& thread_arguments() {
  static thread_local CallArguments arguments;
  return arguments;
}

std::string_view whole_of(const resp::OutputBuffer& output, std::string* joined) {
  iovec pieces[2];
  const size_t count = output.gather(pieces, 2);
  if (count == 0) return {};
  if (count == 1) return {static_cast<const char*>(pieces[0].iov_base), pieces[0].iov_len};
  std::vector<iovec> all(2);
  do {
    all.resize(all.size() * 2);
  } while (output.gather(all.data(), all.size()) == all.size());
  all.resize(output.gather(all.data(), all.size()));
  for (const iovec& piece : all) joined->append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  return *joined;
}

int single_field(lua_State* lua, const char* field) {
  if (lua_gettop(lua) != 1 || lua_type(lua, 1) != LUA_TSTRING) {
    push_error(lua, "wrong number or type of arguments");
    return 1;
  }
  lua_createtable(lua, 0, 1);
  lua_pushvalue(lua, 1);
  lua_setfield(lua, -2, field);
  return 1;
}

int status_reply(lua_State* lua) {
  return single_field(lua, "ok");
}

int error_reply(lua_State* lua) {
  if (lua_gettop(lua) != 1 || lua_type(lua, 1) != LUA_TSTRING) {
    push_error(lua, "wrong number or type of arguments");
    return 1;
  }
  std::string text(lua_view(lua, 1));
  if (!text.starts_with('-')) text.insert(0, 1, '-');
  push_error(lua, text);
  return 1;
}

int sha1_hex(lua_State* lua) {
  if (lua_gettop(lua) != 1) raise_error(lua, "wrong number of arguments");
  lua_push(lua, to_hex(sha1_of(lua_view(lua, 1))));
  return 1;
}

// Effects are what is sent to other nodes, always.
int replicate_commands(lua_State* lua) {
  lua_pushboolean(lua, 1);
  return 1;
}

int set_replication(lua_State* lua) {
  if (lua_gettop(lua) != 1) raise_error(lua, "redis.set_repl() requires one argument.");
  const lua_Number flags = lua_tonumber(lua, 1);
  if (!(flags >= 0 && flags <= kReplicateAll))
    raise_error(lua, "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.");
  return 0;
}

// There is no debugger.
int breakpoint(lua_State* lua) {
  lua_pushboolean(lua, 0);
  return 1;
}
int debug_output(lua_State*) {
  return 0;
}

struct NamedNumber {
  const char* name;
  int number;
};
constexpr NamedNumber kNumbers[] = {{"LOG_DEBUG", 0},    {"LOG_VERBOSE", 1}, {"LOG_NOTICE", 2},
                                    {"LOG_WARNING", 3},  {"REPL_NONE", 0},   {"REPL_AOF", 1},
                                    {"REPL_REPLICA", 2}, {"REPL_SLAVE", 2},  {"REPL_ALL", 3}};

// 7.0.15 as 0x00070015 is written: a byte for each part.
int version_number(std::string_view version) {
  int number = 0;
  for (int part = 0; part < 3; ++part) {
    const std::string_view digits = version.substr(0, version.find('.'));
    int value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    number = number << 8 | value;
    version.remove_prefix(std::min(digits.size() + 1, version.size()));
  }
  return number;
}

}  // namespace

Interpreter& RedisLibrary::self(lua_State* lua) {
  return *static_cast<Interpreter*>(lua_touserdata(lua, lua_upvalueindex(1)));
}

void RedisLibrary::call(lua_State* lua, bool raise) {
  Interpreter& interpreter = self(lua);
  const auto refuse = [&](std::string_view text) {
    push_error(lua, text);
    if (raise) lua_error(lua);
  };
  if (lua_gettop(lua) == 0) return refuse("Please specify at least one argument for this redis lib call");
  CallArguments& arguments = thread_arguments();
  if (!read_arguments(lua, &arguments))
    return refuse("Lua redis lib command arguments must be strings or integers");
  resp::OutputBuffer& output = interpreter.output_;
  output.truncate_to(output.consumed_position());
  interpreter.writer_.set_protocol(interpreter.protocol_);
  ScriptHost::Went went = ScriptHost::Went::kStop;
  if (!interpreter.stopped_ && interpreter.host_ != nullptr)
    went = interpreter.host_->call(arguments.views, interpreter.writer_);
  if (went == ScriptHost::Went::kStop) interpreter.stop(lua);
  std::string joined;
  std::string_view bytes = whole_of(output, &joined);
  const bool failed = bytes.starts_with('-');
  push_reply(lua, &bytes, went != ScriptHost::Went::kRefused);
  if (failed && raise) lua_error(lua);
}

int RedisLibrary::call(lua_State* lua) {
  call(lua, true);
  return 1;
}

int RedisLibrary::pcall(lua_State* lua) {
  call(lua, false);
  return 1;
}

int RedisLibrary::log(lua_State* lua) {
  const int count = lua_gettop(lua);
  if (count < 2) raise_error(lua, "redis.log() requires two arguments or more.");
  if (lua_isnumber(lua, 1) == 0) raise_error(lua, "First argument must be a number (log level).");
  const auto level = static_cast<int>(lua_tonumber(lua, 1));
  if (level < 0 || level >= kLogLevels) raise_error(lua, "Invalid debug level.");
  std::string text;
  for (int i = 2; i <= count; ++i) {
    if (i > 2) text += ' ';
    text += lua_view(lua, i);
  }
  if (ScriptHost* host = self(lua).host_; host != nullptr) host->log(level, text);
  return 0;
}

int RedisLibrary::set_protocol(lua_State* lua) {
  if (lua_gettop(lua) != 1) raise_error(lua, "redis.setresp() requires one argument.");
  const auto protocol = static_cast<int>(lua_tonumber(lua, 1));
  if (protocol != 2 && protocol != 3) raise_error(lua, "RESP version must be 2 or 3.");
  self(lua).protocol_ = protocol;
  return 0;
}

int RedisLibrary::knows_command(lua_State* lua) {
  CallArguments& arguments = thread_arguments();
  if (lua_gettop(lua) == 0)
    raise_error(lua, "Please specify at least one argument for this redis.acl_check_cmd() call");
  if (!read_arguments(lua, &arguments))
    raise_error(lua, "redis.acl_check_cmd() command arguments must be strings or integers");
  ScriptHost* const host = self(lua).host_;
  const ScriptHost::May may = host == nullptr ? ScriptHost::May::kUnknown : host->may_call(arguments.views);
  if (may == ScriptHost::May::kUnknown) raise_error(lua, "Invalid command passed to redis.acl_check_cmd()");
  lua_pushboolean(lua, may == ScriptHost::May::kYes ? 1 : 0);
  return 1;
}

void RedisLibrary::push(lua_State* lua, Interpreter* interpreter) {
  constexpr struct {
    const char* name;
    lua_CFunction function;
  } kFunctions[] = {{"call", call},
                    {"pcall", pcall},
                    {"log", log},
                    {"setresp", set_protocol},
                    {"acl_check_cmd", knows_command},
                    {"status_reply", status_reply},
                    {"error_reply", error_reply},
                    {"sha1hex", sha1_hex},
                    {"replicate_commands", replicate_commands},
                    {"set_repl", set_replication},
                    {"breakpoint", breakpoint},
                    {"debug", debug_output}};
  lua_newtable(lua);
  for (const auto& [name, function] : kFunctions) {
    lua_pushlightuserdata(lua, interpreter);
    lua_pushcclosure(lua, function, 1);
    lua_setfield(lua, -2, name);
  }
  for (const NamedNumber& named : kNumbers) {
    lua_pushinteger(lua, named.number);
    lua_setfield(lua, -2, named.name);
  }
  lua_push(lua, interpreter->version_);
  lua_setfield(lua, -2, "REDIS_VERSION");
  lua_pushinteger(lua, version_number(interpreter->version_));
  lua_setfield(lua, -2, "REDIS_VERSION_NUM");
}

}  // namespace starling::server
