#include "server/execute/script/interpreter.h"

#include <algorithm>
#include <cstdlib>

#include "engine/base/assert.h"
#include "server/execute/script/errors.h"
#include "server/execute/script/json_library.h"
#include "server/execute/script/lua_api.h"
#include "server/execute/script/redis_library.h"
#include "server/execute/script/sandbox.h"
#include "server/execute/script/values.h"

namespace starling::server {
namespace {

// Instructions between two looks at the host.
constexpr int kLookEvery = 10'000;
// So much is told to the meter at once.
constexpr int64_t kReportBytes = 16 << 10;
// What a script leaves behind is collected at once when it is more than this.
constexpr int64_t kGarbageBytes = 8 << 20;
constexpr char kChunkName[] = "@user_script";
const char kSelf = 0;

Interpreter* self_of(lua_State* lua) {
  lua_pushlightuserdata(lua, const_cast<char*>(&kSelf));
  lua_rawget(lua, LUA_REGISTRYINDEX);
  auto* self = static_cast<Interpreter*>(lua_touserdata(lua, -1));
  lua_pop(lua, 1);
  return self;
}

void push_strings(lua_State* lua, std::span<const std::string_view> strings) {
  lua_createtable(lua, static_cast<int>(strings.size()), 0);
  for (size_t i = 0; i < strings.size(); ++i) {
    lua_push(lua, strings[i]);
    lua_rawseti(lua, -2, static_cast<int>(i) + 1);
  }
}

struct Compilation {
  std::string_view text;
  std::string error;
  int function = LUA_NOREF;
};

}  // namespace

struct Interpreter::Running {
  Interpreter& interpreter;
  const Run& run;
  resp::ReplyWriter& reply;
};

void* Interpreter::allocate(void* self, void* block, size_t old_size, size_t new_size) {
  auto& interpreter = *static_cast<Interpreter*>(self);
  const auto change = static_cast<int64_t>(new_size) - static_cast<int64_t>(block == nullptr ? 0 : old_size);
  if (change > 0 && !interpreter.unbounded_ &&
      !interpreter.meter_.has_room(interpreter.bytes_ - interpreter.reported_bytes_ + change)) [[unlikely]]
    return nullptr;
  void* moved = nullptr;
  if (new_size == 0) {
    std::free(block);
  } else {
    moved = std::realloc(block, new_size);
    // Lua counts on it that a block can be made smaller.
    if (moved == nullptr) return change <= 0 ? block : nullptr;
  }
  interpreter.bytes_ += change;
  const int64_t unreported = interpreter.bytes_ - interpreter.reported_bytes_;
  if (unreported > kReportBytes || unreported < -kReportBytes) interpreter.report_memory();
  return moved;
}

void Interpreter::report_memory() {
  meter_.add(bytes_ - reported_bytes_);
  reported_bytes_ = bytes_;
}

int Interpreter::open_protected(lua_State* lua) {
  auto* self = static_cast<Interpreter*>(lua_touserdata(lua, 1));
  lua_settop(lua, 0);
  lua_pushlightuserdata(lua, const_cast<char*>(&kSelf));
  lua_pushlightuserdata(lua, self);
  lua_rawset(lua, LUA_REGISTRYINDEX);
  // The name of every script's chunk: kept, so that nothing collects it while one is parsed (CVE-2025-49844).
  lua_pushstring(lua, kChunkName);
  (void)luaL_ref(lua, LUA_REGISTRYINDEX);
  RedisLibrary::push(lua, self);
  open_sandbox(lua, &self->random_, self->json_.get(), &self->stopped_);
  lua_pushcfunction(lua, run_protected);
  self->run_function_ = luaL_ref(lua, LUA_REGISTRYINDEX);
  lua_pushcfunction(lua, handle_error);
  self->error_handler_ = luaL_ref(lua, LUA_REGISTRYINDEX);
  return 0;
}

Interpreter::Interpreter(MemoryMeter& meter, std::string_view version)
    : meter_(meter), version_(version), random_(kFirstRandom), json_(std::make_unique<JsonSettings>()) {
  lua_ = lua_newstate(allocate, this);
  if (lua_ != nullptr && lua_cpcall(lua_, open_protected, this) != 0) {
    lua_close(lua_);
    lua_ = nullptr;
  }
  if (lua_ != nullptr) lua_sethook(lua_, look, LUA_MASKCOUNT, kLookEvery);
  report_memory();
}

Interpreter::~Interpreter() {
  if (lua_ != nullptr) lua_close(lua_);
  report_memory();
}

int Interpreter::compile_protected(lua_State* lua) {
  auto& compilation = *static_cast<Compilation*>(lua_touserdata(lua, 1));
  // With a blank in front, what is precompiled is a program with an error.
  std::string text(compilation.text);
  if (text.starts_with(LUA_SIGNATURE[0])) text.insert(0, 1, ' ');
  if (luaL_loadbuffer(lua, text.data(), text.size(), kChunkName) != 0) {
    compilation.error = "ERR Error compiling script (new function): " + std::string(lua_view(lua, -1));
    return 0;
  }
  compilation.function = luaL_ref(lua, LUA_REGISTRYINDEX);
  return 0;
}

std::string Interpreter::compile(std::string_view text, Function* function) {
  STARLING_ASSERT(usable());
  Compilation compilation{text, {}, LUA_NOREF};
  if (lua_cpcall(lua_, compile_protected, &compilation) != 0) {
    lua_settop(lua_, 0);
    collect();
    return "ERR Error compiling script (new function): not enough memory";
  }
  *function = compilation.function;
  return compilation.error;
}

// Outside a protected call Lua ends the process where memory is refused, and both of these may ask for some.
void Interpreter::release(Function function) {
  unbounded_ = true;
  luaL_unref(lua_, LUA_REGISTRYINDEX, function);
  unbounded_ = false;
}

void Interpreter::collect() {
  unbounded_ = true;
  (void)lua_gc(lua_, LUA_GCCOLLECT, 0);
  unbounded_ = false;
}

// In whatever coroutine an instruction runs, and whatever caught the error before: the next one raises it again.
void Interpreter::stop(lua_State* lua) {
  stopped_ = true;
  lua_sethook(lua, look, LUA_MASKCOUNT, 1);
  lua_sethook(lua_, look, LUA_MASKCOUNT, 1);
  raise_error(lua, host_ == nullptr || host_->why().empty() ? "stopped" : host_->why());
}

void Interpreter::look(lua_State* lua, lua_Debug*) {
  Interpreter& interpreter = *self_of(lua);
  if (!interpreter.stopped_ &&
      (interpreter.host_ == nullptr || interpreter.host_->look() != ScriptHost::Went::kStop)) {
    return;
  }
  interpreter.stop(lua);
}

int Interpreter::run_protected(lua_State* lua) {
  const auto& running = *static_cast<const Running*>(lua_touserdata(lua, 1));
  const Run& run = running.run;
  push_strings(lua, run.keys);
  set_script_global(lua, "KEYS");
  push_strings(lua, run.arguments);
  set_script_global(lua, "ARGV");
  lua_rawgeti(lua, LUA_REGISTRYINDEX, running.interpreter.error_handler_);
  lua_rawgeti(lua, LUA_REGISTRYINDEX, run.function);
  const int status = lua_pcall(lua, 0, 1, -2);
  if (running.interpreter.stopped_) {
    const std::string_view why = running.interpreter.host_->why();
    // The error may have been caught by the last thing that the script did.
    if (status == 0) push_error(lua, why);
    if (!why.empty()) running.interpreter.write_failure(lua, running);
    return 0;
  }
  if (status == 0) {
    write_value(lua, running.interpreter.protocol_, running.reply);
  } else {
    running.interpreter.write_failure(lua, running);
  }
  return 0;
}

void Interpreter::write_failure(lua_State* lua, const Running& running) {
  const std::string sha(running.run.sha);
  if (!lua_istable(lua, -1)) {
    const std::string_view text = lua_isstring(lua, -1) != 0 ? lua_view(lua, -1) : "execution failure";
    return running.reply.error("ERR Error running script " + sha + ", " + std::string(text.substr(0, 100)));
  }
  ScriptFailure failure = failure_on_top(lua);
  if (!failure.where.empty()) failure.text += " script: " + sha + ", on " + failure.where + ".";
  write_error(failure.text, failure.counted, running.reply);
}

Interpreter::Outcome Interpreter::run(const Run& run, ScriptHost& host, resp::ReplyWriter& reply) {
  STARLING_ASSERT(usable() && host_ == nullptr);
  host_ = &host;
  stopped_ = false;
  protocol_ = 2;
  *json_ = {};
  Running running{*this, run, reply};
  const uint64_t from = reply.output().position();
  const int64_t bytes_before = bytes_;
  lua_rawgeti(lua_, LUA_REGISTRYINDEX, run_function_);
  lua_pushlightuserdata(lua_, &running);
  const int status = lua_pcall(lua_, 1, 0, 0);
  const std::string why(host.why());
  host_ = nullptr;
  if (stopped_) lua_sethook(lua_, look, LUA_MASKCOUNT, kLookEvery);
  if (status != 0 && (!stopped_ || !why.empty())) {
    // No memory for its arguments or for its reply.
    reply.output().truncate_to(from);
    reply.error("ERR Error running script " + std::string(run.sha) + ", not enough memory");
  }
  lua_settop(lua_, 0);
  // Lua does not collect when memory is refused: what is left now would make the next script fail.
  const bool scarce = !meter_.has_room(std::max<int64_t>(bytes_, 0));
  if (bytes_ - bytes_before > kGarbageBytes || status != 0 || scarce) collect();
  return stopped_ ? Outcome::kStopped : Outcome::kReplied;
}

}  // namespace starling::server
