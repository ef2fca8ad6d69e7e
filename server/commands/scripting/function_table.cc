// FUNCTION: what its subcommands are declared to be.
#include <array>

#include "server/commands/scripting/handlers.h"

namespace starling::server::scripting {
namespace {

constexpr uint32_t kScripting = kCatSlow | kCatScripting;

constexpr CommandSpec reader(std::string_view usage, int arity, uint32_t flags, Handler handler,
                             std::string_view summary, const Documentation& docs) {
  return {.name = name_in(usage),
          .syntax = syntax_in(usage),
          .arity = arity,
          .flags = flags,
          .categories = kScripting,
          .handler = handler,
          .group = "scripting",
          .since = "7.0.0",
          .summary = summary,
          .scope = Scope::kNode,
          .docs = docs};
}

// Done by all nodes that can be reached; the others are told when they are back.
constexpr CommandSpec writer(std::string_view usage, int arity, uint32_t flags, Handler handler,
                             std::string_view summary, std::string_view complexity) {
  CommandSpec spec = reader(usage, arity, kWrite | kNoScript | flags, handler, summary,
                            {.complexity = complexity,
                             .work = Work::kOfFewThings,
                             .tips = {"request_policy:all_shards", "response_policy:all_succeeded"}});
  spec.categories |= kCatWrite;
  spec.scope = Scope::kEveryNode;
  spec.join = Join::kStatus;
  return spec;
}

constexpr CommandSpec killer() {
  CommandSpec spec =
      reader("kill", 2, kNoScript | kAllowBusy, kill, "Ends a function that runs for too long.",
             {.complexity = "O(1)", .tips = {"request_policy:all_shards", "response_policy:one_succeeded"}});
  spec.difference = "ends scripts, too, as SCRIPT KILL ends functions, and as it says there";
  spec.scope = Scope::kEveryNode;
  spec.join = Join::kAnyOk;
  return spec;
}

constexpr CommandSpec teller() {
  CommandSpec spec = reader(
      "stats", 2, kNoScript | kAllowBusy, function_stats, "How many libraries and functions there are.",
      {.complexity = "O(1)",
       .tips = {"nondeterministic_output", "request_policy:all_shards", "response_policy:special"}});
  spec.difference = "does not tell which function runs; in a cluster it tells of this node";
  return spec;
}

}  // namespace

std::span<const CommandSpec> function_subcommands() {
  static constexpr std::array kSubcommands = {
      writer("delete library-name", 3, 0, function_delete, "Deletes a library of functions.", "O(1)"),
      reader("dump", 2, kNoScript, function_dump, "All libraries of functions as one value.",
             {.complexity = "O(N)", .work = Work::kOfFewThings}),
      writer("flush [async= ASYNC | SYNC]", -2, 0, function_flush, "Deletes all libraries of functions.",
             "O(N)"),
      reader("help", 2, kLoading | kStale, function_help, "Explains the subcommands.",
             {.complexity = "O(1)"}),
      killer(),
      reader("list [LIBRARYNAME library-name-pattern:string] [WITHCODE]", -2, kNoScript, function_list,
             "The libraries of functions.",
             {.complexity = "O(N)", .work = Work::kHoldsLoop, .tips = {"nondeterministic_output_order"}}),
      writer("load [REPLACE] function-code:string", -3, kDenyOom, function_load,
             "Makes a library of functions.", "O(1)"),
      writer("restore serialized-value [policy= FLUSH | APPEND | REPLACE]", -3, kDenyOom, function_restore,
             "Takes libraries of functions from a value of FUNCTION DUMP.", "O(N)"),
      teller(),
  };
  return kSubcommands;
}

}  // namespace starling::server::scripting
