// Libraries of functions: their programs run once in each interpreter, to register what is called later.
//
// All that a library's program and its functions see as globals is one table, their environment, which nobody can
// change. While the program runs it shows a table `redis` that registers functions and logs, and nothing else; from
// then on it shows the globals that scripts have.
#include <array>
#include <utility>

#include "engine/base/assert.h"
#include "server/execute/script/errors.h"
#include "server/execute/script/interpreter.h"
#include "server/execute/script/library_text.h"
#include "server/execute/script/redis_library.h"
#include "server/execute/script/sandbox.h"
#include "server/execute/script/script_text.h"

namespace starling::server {
namespace {

constexpr char kLibraryChunkName[] = "@user_function";
constexpr int kLibraryLookEvery = 10'000;
// The key of the registry behind which the loading lies that runs, by its address.
const char kLoadingKey = 0;

void* loading_key() {
  return const_cast<char*>(&kLoadingKey);
}

// What a call of register_function() says. The callback is at that index of the stack.
struct Registration {
  std::optional<std::string> name, description;
  int callback = 0;
  uint32_t flags = 0;
};

uint32_t read_flags(lua_State* lua, int index) {
  if (!lua_istable(lua, index))
    raise_error(lua, "flags argument to redis.register_function must be a table representing function flags");
  uint32_t flags = 0;
  for (int i = 1;; ++i) {
    lua_rawgeti(lua, index, i);
    if (lua_isnil(lua, -1)) break;
    const uint32_t flag = lua_isstring(lua, -1) != 0 ? script_flag(lua_view(lua, -1)) : 0;
    if (flag == 0) raise_error(lua, "unknown flag given");
    flags |= flag;
    lua_pop(lua, 1);
  }
  lua_pop(lua, 1);
  return flags;
}

std::string read_text(lua_State* lua, int index, const char* error) {
  if (lua_isstring(lua, index) == 0) raise_error(lua, error);
  // A copy: a number would become a string where it lies, in the table that is walked through.
  lua_pushvalue(lua, index);
  std::string text(lua_view(lua, -1));
  lua_pop(lua, 1);
  return text;
}

Registration read_named_arguments(lua_State* lua) {
  if (!lua_istable(lua, 1))
    raise_error(lua,
                "calling redis.register_function with a single argument is only applicable to Lua table "
                "(representing named arguments).");
  Registration registration;
  // The callback's place.
  lua_pushnil(lua);
  lua_pushnil(lua);
  while (lua_next(lua, 1) != 0) {
    const int value = lua_gettop(lua);
    const std::string key = folded(
        read_text(lua, value - 1, "named argument key given to redis.register_function is not a string"));
    if (key == "function_name") {
      registration.name =
          read_text(lua, value, "function_name argument given to redis.register_function must be a string");
    } else if (key == "description") {
      registration.description =
          read_text(lua, value, "description argument given to redis.register_function must be a string");
    } else if (key == "callback") {
      if (!lua_isfunction(lua, value))
        raise_error(lua, "callback argument given to redis.register_function must be a function");
      registration.callback = 2;
      lua_pushvalue(lua, value);
      lua_replace(lua, 2);
    } else if (key == "flags") {
      registration.flags = read_flags(lua, value);
    } else {
      raise_error(lua, "unknown argument given to redis.register_function");
    }
    lua_pop(lua, 1);
  }
  if (!registration.name) raise_error(lua, "redis.register_function must get a function name argument");
  if (registration.callback == 0) raise_error(lua, "redis.register_function must get a callback argument");
  return registration;
}

Registration read_arguments(lua_State* lua) {
  const int count = lua_gettop(lua);
  if (count < 1 || count > 2) raise_error(lua, "wrong number of arguments to redis.register_function");
  if (count == 1) return read_named_arguments(lua);
  Registration registration;
  registration.name = read_text(lua, 1, "first argument to redis.register_function must be a string");
  if (!lua_isfunction(lua, 2))
    raise_error(lua, "second argument to redis.register_function must be a function");
  registration.callback = 2;
  return registration;
}

// In front of the callback: it gets as arguments what a script finds as globals, and finds no such globals.
int call_with_arguments(lua_State* lua) {
  lua_settop(lua, 0);
  lua_pushvalue(lua, lua_upvalueindex(1));
  take_script_global(lua, "KEYS");
  take_script_global(lua, "ARGV");
  lua_call(lua, 2, 1);
  return 1;
}

// What the program sees while it runs. The globals' proxy is what scripts see.
void push_environment(lua_State* lua, lua_CFunction register_function) {
  constexpr std::array kFields = {"log",         "LOG_DEBUG",     "LOG_VERBOSE",      "LOG_NOTICE",
                                  "LOG_WARNING", "REDIS_VERSION", "REDIS_VERSION_NUM"};
  lua_newtable(lua);
  lua_newtable(lua);
  lua_getglobal(lua, "redis");
  for (const char* field : kFields) {
    lua_getfield(lua, -1, field);
    lua_setfield(lua, -3, field);
  }
  lua_pop(lua, 1);
  lua_pushcfunction(lua, register_function);
  lua_setfield(lua, -2, "register_function");
  refuse_unknown_names(lua);
  make_proxy(lua);
  lua_setfield(lua, -2, "redis");
  refuse_unknown_names(lua);
  make_proxy(lua);
}

// The proxy at `index` shows the globals from here on.
void show_globals(lua_State* lua, int index) {
  lua_getmetatable(lua, index);
  lua_pushvalue(lua, LUA_GLOBALSINDEX);
  lua_setfield(lua, -2, "__index");
  lua_pop(lua, 1);
}

}  // namespace

struct RedisLibrary::Loading {
  Interpreter& interpreter;
  std::string_view program;
  std::vector<LoadedFunction>* functions;
  std::string error;
};

int RedisLibrary::register_function(lua_State* lua) {
  lua_pushlightuserdata(lua, loading_key());
  lua_rawget(lua, LUA_REGISTRYINDEX);
  auto* const loading = static_cast<Loading*>(lua_touserdata(lua, -1));
  lua_pop(lua, 1);
  if (loading == nullptr)
    raise_error(lua, "redis.register_function can only be called on FUNCTION LOAD command");
  Registration registration = read_arguments(lua);
  if (!is_library_name(*registration.name)) raise_error(lua, kLibraryNameError);
  for (const LoadedFunction& other : *loading->functions) {
    if (folded(other.function.name) == folded(*registration.name))
      raise_error(lua, "Function already exists in the library");
  }
  lua_pushvalue(lua, registration.callback);
  lua_pushcclosure(lua, call_with_arguments, 1);
  const int reference = luaL_ref(lua, LUA_REGISTRYINDEX);
  loading->functions->push_back(
      {{*std::move(registration.name), std::move(registration.description), registration.flags}, reference});
  return 0;
}

int RedisLibrary::load_protected(lua_State* lua) {
  auto& loading = *static_cast<Loading*>(lua_touserdata(lua, 1));
  lua_settop(lua, 0);
  push_environment(lua, register_function);
  lua_rawgeti(lua, LUA_REGISTRYINDEX, loading.interpreter.error_handler_);
  // Kept while it is parsed (CVE-2025-49844).
  lua_pushstring(lua, kLibraryChunkName);
  std::string text(loading.program);
  // With a blank in front, what is precompiled is a program with an error.
  if (text.starts_with(LUA_SIGNATURE[0])) text.insert(0, 1, ' ');
  if (luaL_loadbuffer(lua, text.data(), text.size(), kLibraryChunkName) != 0) {
    loading.error = "ERR Error compiling function: " + std::string(lua_view(lua, -1));
    return 0;
  }
  lua_pushvalue(lua, 1);
  lua_setfenv(lua, -2);
  const int status = lua_pcall(lua, 0, 0, 2);
  if (loading.interpreter.stopped_) {
    loading.error = "ERR Error registering functions: ERR " + std::string(loading.interpreter.host_->why());
  } else if (status != 0) {
    const std::string why =
        lua_istable(lua, -1) ? failure_on_top(lua).text : "ERR " + std::string(lua_view(lua, -1));
    loading.error = "ERR Error registering functions: " + why;
  }
  show_globals(lua, 1);
  return 0;
}

std::string RedisLibrary::load(Interpreter& interpreter, ScriptHost& host, std::string_view program,
                               std::vector<LoadedFunction>* functions) {
  STARLING_ASSERT(interpreter.usable() && interpreter.host_ == nullptr);
  lua_State* const lua = interpreter.lua_;
  Loading loading{interpreter, program, functions, {}};
  interpreter.host_ = &host;
  interpreter.stopped_ = false;
  // Before the protected call: room for the key is there from the first time on.
  const auto set_loading = [&](void* current) {
    interpreter.unbounded_ = true;
    lua_pushlightuserdata(lua, loading_key());
    lua_pushlightuserdata(lua, current);
    lua_rawset(lua, LUA_REGISTRYINDEX);
    interpreter.unbounded_ = false;
  };
  set_loading(&loading);
  const int status = lua_cpcall(lua, load_protected, &loading);
  set_loading(nullptr);
  interpreter.host_ = nullptr;
  if (interpreter.stopped_) lua_sethook(lua, Interpreter::look, LUA_MASKCOUNT, kLibraryLookEvery);
  if (status != 0 && loading.error.empty())
    loading.error = "ERR Error registering functions: ERR not enough memory";
  lua_settop(lua, 0);
  if (loading.error.empty()) return {};
  for (const LoadedFunction& function : *functions) interpreter.release(function.reference);
  functions->clear();
  interpreter.collect();
  return loading.error;
}

}  // namespace starling::server
