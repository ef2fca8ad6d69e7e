// One Lua state, for one thread: compiles scripts, runs them, says what came of them.
//
// A script sees the libraries that Redis gives it and nothing of the process (sandbox.h). It is bounded by what all
// interpreters may hold (MemoryMeter), and by its host, which it asks each few thousand instructions whether it may go
// on: then no pcall() of the script's holds it any more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "resp/output_buffer.h"
#include "resp/reply_writer.h"
#include "server/execute/script/memory_meter.h"
#include "server/execute/script/script_host.h"

struct lua_State;
struct lua_Debug;

namespace starling::server {

struct JsonSettings;

class Interpreter {
 public:
  // A function in the interpreter: see compile().
  using Function = int;

  struct Run {
    Function function;
    std::string_view sha;  // 40 digits: named in errors.
    std::span<const std::string_view> keys, arguments;
  };
  enum class Outcome {
    kReplied,  // Also with an error.
    kStopped,  // The host said so. Nothing was written unless it said why.
  };

  // `meter` outlives it. `version`: what the scripts take the node for, as 7.0.15.
  Interpreter(MemoryMeter& meter, std::string_view version);
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  // False: there was no memory for it. Then it can do nothing else.
  bool usable() const { return lua_ != nullptr; }

  // `text` without its shebang. Returns the error as a client is told it; empty: *function is good until release().
  [[nodiscard]] std::string compile(std::string_view text, Function* function);
  void release(Function function);
  // Replies in the protocol of `reply`.
  Outcome run(const Run& run, ScriptHost& host, resp::ReplyWriter& reply);

  int64_t memory_bytes() const { return bytes_; }

 private:
  friend class RedisLibrary;
  struct Running;
  static void* allocate(void* self, void* block, size_t old_size, size_t new_size);
  static int compile_protected(lua_State* lua);
  static int run_protected(lua_State* lua);
  static int open_protected(lua_State* lua);
  static void look(lua_State* lua, lua_Debug* activation);
  void report_memory();
  void write_failure(lua_State* lua, const Running& running);
  // Raises an error, and has every further instruction of the script raise it again.
  [[noreturn]] void stop(lua_State* lua);
  void collect();

  MemoryMeter& meter_;
  const std::string version_;
  int64_t bytes_ = 0, reported_bytes_ = 0;
  lua_State* lua_ = nullptr;
  int run_function_ = 0, error_handler_ = 0;
  uint64_t random_;  // State of math.random(): goes on from script to script.
  std::unique_ptr<JsonSettings> json_;
  // Of the script that runs.
  ScriptHost* host_ = nullptr;
  bool stopped_ = false;
  bool unbounded_ = false;  // Memory is given whatever the limit says.
  int protocol_ = 2;        // redis.setresp()
  resp::OutputBuffer output_;
  resp::ReplyWriter writer_{output_, 2};
};

}  // namespace starling::server
