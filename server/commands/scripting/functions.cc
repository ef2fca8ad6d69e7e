// FCALL and FCALL_RO; FUNCTION, as far as it changes what functions there are.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "resp/number.h"
#include "server/commands/arguments.h"
#include "server/commands/scripting/function_payload.h"
#include "server/commands/scripting/handlers.h"
#include "server/execute/dispatcher.h"
#include "server/execute/function_file.h"
#include "server/execute/library_host.h"
#include "server/execute/script/function_libraries.h"
#include "server/execute/script/library_text.h"
#include "server/execute/script/loop_functions.h"
#include "server/execute/script_run.h"
#include "server/io_thread.h"
#include "server/process/build_facts.h"
#include "server/server.h"
#include "server/session/client.h"

namespace starling::server::scripting {
namespace {

constexpr size_t kFirstFunctionKey = 3;

LoopFunctions& functions_of(CommandContext& context) {
  return LoopFunctions::of_thread(context.server.script_memory(), kRedisVersion);
}

// How many keys follow. False: an error was replied.
bool count_keys(CommandContext& context, size_t* count) {
  int64_t number = 0;
  std::string_view error;
  if (!resp::parse_integer(context.argument(2), &number)) {
    error = "ERR Bad number of keys provided";
  } else if (number > static_cast<int64_t>(context.size() - kFirstFunctionKey)) {
    error = "ERR Number of keys can't be greater than number of args";
  } else if (number < 0) {
    error = "ERR Number of keys can't be negative";
  }
  *count = static_cast<size_t>(number);
  if (!error.empty()) context.reply.error(error);
  return error.empty();
}

void call(CommandContext& context, bool read_only) {
  Server& server = context.server;
  // In front of what it calls.
  if (server.monitors().active())
    server.monitors().feed(context.client, context.client.database,
                           ShownArguments(context.spec, context.arguments), server.clock().wall_us());
  LoopFunctions& functions = functions_of(context);
  LibraryHost host(server);
  std::string error;
  const LoopScripts::Compiled* const compiled = functions.find(context.argument(1), host, &error);
  if (compiled == nullptr) return context.reply.error(error.empty() ? "ERR Function not found" : error);
  size_t count = 0;
  if (!count_keys(context, &count)) return;
  Dispatcher& dispatcher = context.client.io_thread().dispatcher();
  ScriptRun run(context, *compiled, functions.interpreter(), dispatcher.locked_keys(), read_only);
  const Arguments keys = context.arguments.subspan(kFirstFunctionKey, count);
  std::unique_ptr<ScriptNeeds> needs = run.run(keys, context.arguments.subspan(kFirstFunctionKey + count));
  if (needs != nullptr) dispatcher.start_over_with(std::move(needs));
}

void reply_subcommand_error(CommandContext& context) {
  context.reply.error("ERR unknown subcommand or wrong number of arguments for '" +
                      std::string(context.argument(1)) + "'. Try FUNCTION HELP.");
}

// Replies once the libraries are on the disk.
void reply_when_saved(CommandContext& context, std::string name) {
  context.offload([directory = function_directory(context.server), name]() -> CommandContext::Completion {
    const engine::Status status = save_functions(directory);
    return [status, name](resp::ReplyWriter& reply) {
      if (!status.ok()) return reply.error("ERR functions could not be saved: " + status.message());
      if (name.empty()) {
        reply.ok();
      } else {
        reply.bulk(name);
      }
    };
  });
}

// What a library's text says, as far as the program tells it. Returns the error; empty: there is none.
std::string examine(CommandContext& context, std::string text, FunctionLibrary* library) {
  size_t unused = 0;
  if (std::string error = read_library_header(text, &library->name, &unused); !error.empty()) return error;
  library->code = std::move(text);
  LibraryHost host(context.server);
  return functions_of(context).examine(host, library);
}

}  // namespace

void fcall(CommandContext& context) {
  call(context, false);
}

void fcall_ro(CommandContext& context) {
  call(context, true);
}

void function_load(CommandContext& context) {
  bool replace = false;
  for (size_t i = 2; i + 1 < context.size(); ++i) {
    if (!is_word(context.argument(i), "replace"))
      return context.reply.error("ERR Unknown option given: " + std::string(context.argument(i)));
    replace = true;
  }
  const std::string_view text = context.argument(context.size() - 1);
  FunctionLibraries& libraries = FunctionLibraries::of_process();
  FunctionLibrary library;
  size_t unused = 0;
  std::string error = read_library_header(text, &library.name, &unused);
  if (error.empty() && !replace && libraries.has(library.name))
    error = "ERR Library '" + library.name + "' already exists";
  if (error.empty()) error = examine(context, std::string(text), &library);
  const std::string name = library.name;
  const auto existing =
      replace ? FunctionLibraries::Existing::kReplaced : FunctionLibraries::Existing::kRefused;
  std::vector<FunctionLibrary> added;
  added.push_back(std::move(library));
  if (error.empty()) error = libraries.add(std::move(added), existing, context.now_ms());
  if (!error.empty()) return context.reply.error(error);
  reply_when_saved(context, name);
}

void function_delete(CommandContext& context) {
  if (!FunctionLibraries::of_process().remove(context.argument(2), context.now_ms()))
    return context.reply.error("ERR Library not found");
  reply_when_saved(context, {});
}

void function_flush(CommandContext& context) {
  if (context.size() > 3) return reply_subcommand_error(context);
  if (context.size() == 3 && !is_word(context.argument(2), "sync") && !is_word(context.argument(2), "async"))
    return context.reply.error("ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
  FunctionLibraries::of_process().flush(context.now_ms());
  reply_when_saved(context, {});
}

void function_dump(CommandContext& context) {
  const std::vector<FunctionLibraries::Library> all = FunctionLibraries::of_process().all();
  std::vector<std::string_view> texts;
  for (const FunctionLibraries::Library& library : all) texts.push_back(library->code);
  context.reply.bulk(encode_function_payload(texts));
}

void function_restore(CommandContext& context) {
  using Existing = FunctionLibraries::Existing;
  if (context.size() > 4) return reply_subcommand_error(context);
  Existing existing = Existing::kRefused;
  if (context.size() == 4) {
    const std::string_view policy = context.argument(3);
    if (is_word(policy, "replace")) {
      existing = Existing::kReplaced;
    } else if (is_word(policy, "flush")) {
      existing = Existing::kFlushed;
    } else if (!is_word(policy, "append")) {
      return context.reply.error(
          "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.");
    }
  }
  std::vector<std::string> texts;
  std::string error = decode_function_payload(context.argument(2), &texts);
  std::vector<FunctionLibrary> libraries;
  for (size_t i = 0; i < texts.size() && error.empty(); ++i) {
    FunctionLibrary library;
    error = examine(context, std::move(texts[i]), &library);
    for (const FunctionLibrary& other : libraries) {
      if (error.empty()) error = conflict_between(other, library);
    }
    libraries.push_back(std::move(library));
  }
  if (error.empty())
    error = FunctionLibraries::of_process().add(std::move(libraries), existing, context.now_ms());
  if (!error.empty()) return context.reply.error(error);
  reply_when_saved(context, {});
}

}  // namespace starling::server::scripting
