// FUNCTION, as far as it tells what functions there are.
#include <optional>
#include <string>
#include <vector>

#include "resp/glob.h"
#include "server/commands/arguments.h"
#include "server/commands/help.h"
#include "server/commands/scripting/handlers.h"
#include "server/execute/script/function_libraries.h"
#include "server/execute/script/script_text.h"

namespace starling::server::scripting {
namespace {

struct Request {
  std::optional<size_t> pattern_at;
  bool code = false;
};

// As Redis reads it: both words once, in any order. False: an error was replied.
bool read_request(CommandContext& context, Request* request) {
  for (size_t i = 2; i < context.size(); ++i) {
    const std::string_view word = context.argument(i);
    if (!request->code && is_word(word, "withcode")) {
      request->code = true;
    } else if (!request->pattern_at && is_word(word, "libraryname")) {
      if (++i == context.size()) {
        context.reply.error("ERR library name argument was not given");
        return false;
      }
      request->pattern_at = i;
    } else {
      context.reply.error("ERR Unknown argument " + std::string(word));
      return false;
    }
  }
  return !request->pattern_at || bounded_pattern(context, *request->pattern_at);
}

void write_function(resp::ReplyWriter& reply, const LibraryFunction& function) {
  reply.map(3);
  reply.bulk("name");
  reply.bulk(function.name);
  reply.bulk("description");
  if (function.description) {
    reply.bulk(*function.description);
  } else {
    reply.null();
  }
  reply.bulk("flags");
  const std::vector<std::string_view> flags = script_flag_names(function.flags);
  reply.set(flags.size());
  for (const std::string_view flag : flags) reply.simple_string(flag);
}

void write_library(resp::ReplyWriter& reply, const FunctionLibrary& library, bool code) {
  reply.map(code ? 4 : 3);
  reply.bulk("library_name");
  reply.bulk(library.name);
  reply.bulk("engine");
  reply.bulk("LUA");
  reply.bulk("functions");
  reply.array(library.functions.size());
  for (const LibraryFunction& function : library.functions) write_function(reply, function);
  if (!code) return;
  reply.bulk("library_code");
  reply.bulk(library.code);
}

}  // namespace

void function_list(CommandContext& context) {
  Request request;
  if (!read_request(context, &request)) return;
  std::vector<FunctionLibraries::Library> found;
  for (const FunctionLibraries::Library& library : FunctionLibraries::of_process().all()) {
    if (!request.pattern_at || resp::glob_match(context.argument(*request.pattern_at), library->name, true))
      found.push_back(library);
  }
  context.reply.array(found.size());
  for (const FunctionLibraries::Library& library : found)
    write_library(context.reply, *library, request.code);
}

// Of what runs Redis tells the name; here nobody else's loop knows it.
void function_stats(CommandContext& context) {
  const FunctionLibraries& libraries = FunctionLibraries::of_process();
  resp::ReplyWriter& reply = context.reply;
  reply.map(2);
  reply.bulk("running_script");
  reply.null();
  reply.bulk("engines");
  reply.map(1);
  reply.bulk("LUA");
  reply.map(2);
  reply.bulk("libraries_count");
  reply.integer(static_cast<int64_t>(libraries.all().size()));
  reply.bulk("functions_count");
  reply.integer(static_cast<int64_t>(libraries.function_count()));
}

void function_help(CommandContext& context) {
  static constexpr std::string_view kLines[] = {
      "FUNCTION <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "DELETE <library-name>",
      "    Deletes a library.",
      "DUMP",
      "    All libraries as one value, for RESTORE.",
      "FLUSH [ASYNC|SYNC]",
      "    Deletes all libraries.",
      "KILL",
      "    Ends the function that runs for too long; what it has changed is taken back.",
      "LIST [LIBRARYNAME <pattern>] [WITHCODE]",
      "    The libraries, with their functions.",
      "LOAD [REPLACE] <code>",
      "    Makes a library of the text, and answers its name.",
      "RESTORE <value> [FLUSH|APPEND|REPLACE]",
      "    Takes the libraries of a DUMP: in place of all others (FLUSH), or beside them; one of the same",
      "    name is then an error (APPEND) or replaced.",
      "STATS",
      "    How many libraries and functions there are.",
      "HELP",
      "    Prints this help.",
  };
  write_help(context, kLines);
}

}  // namespace starling::server::scripting
