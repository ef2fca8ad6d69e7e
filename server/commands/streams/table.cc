// What the commands on streams are.
#include <array>

#include "server/commands/families.h"
#include "server/commands/streams/handlers.h"

namespace starling::server {
namespace {

constexpr std::string_view kGroup = "stream";
constexpr uint32_t kSlowRead = kCatRead | kCatStream | kCatSlow;
constexpr uint32_t kSlowWrite = kCatWrite | kCatStream | kCatSlow;
constexpr uint32_t kFastRead = kCatRead | kCatStream | kCatFast;
constexpr uint32_t kFastWrite = kCatWrite | kCatStream | kCatFast;

constexpr int kReads = kKeyRO | kKeyAccess;

constexpr CommandChange kExclusive[] = {{"6.2.0", "Bounds that exclude."}};
constexpr CommandChange kAddHistory[] = {{"6.2.0", "NOMKSTREAM, MINID and LIMIT."},
                                         {"7.0.0", "ms-* for an id."}};
constexpr CommandChange kTrimHistory[] = {{"6.2.0", "MINID and LIMIT."}};
constexpr CommandChange kClaimHistory[] = {{"7.0.0", "The entries that are gone."}};
constexpr CommandChange kPendingHistory[] = {{"6.2.0", "IDLE, and bounds that exclude."}};
constexpr CommandChange kSetIdHistory[] = {{"7.0.0", "ENTRIESADDED and MAXDELETEDID."}};
constexpr CommandChange kEntriesRead[] = {{"7.0.0", "ENTRIESREAD."}};
constexpr CommandChange kStreamInfoHistory[] = {{"6.0.0", "FULL."},
                                                {"7.0.0", "What was deleted and added, and groups' lags."}};
constexpr CommandChange kGroupsInfoHistory[] = {{"7.0.0", "entries-read and lag."}};

constexpr std::string_view kIds =
    "in a cluster ids are Redis's where the first node of the key's preference list gives them; those of "
    "others have "
    "sequence numbers of their own. ~ counts entries, not nodes of bytes";
constexpr std::string_view kElsewhere =
    "In a cluster it takes keys of several slots only where one node holds them all.";
constexpr std::string_view kSeen =
    "when a consumer was seen last is kept to the second; after a cut a group is given what came late, too";

// Of one key, in argument 1.
constexpr CommandSpec of_key(std::string_view usage, int arity, uint32_t flags, uint32_t categories, int use,
                             Handler handler, std::string_view since, std::string_view summary,
                             const Documentation& docs, std::string_view difference = {}) {
  return {.name = name_in(usage),
          .syntax = syntax_in(usage),
          .arity = arity,
          .flags = flags,
          .categories = categories,
          .keys = key_at(1, use),
          .handler = handler,
          .group = kGroup,
          .since = since,
          .summary = summary,
          .difference = difference,
          .docs = docs};
}

// Of the key in argument 2.
constexpr CommandSpec subcommand(std::string_view usage, int arity, uint32_t flags, int use, Handler handler,
                                 std::string_view since, std::string_view summary, const Documentation& docs,
                                 std::string_view difference = {}) {
  CommandSpec spec = of_key(usage, arity, flags, (flags & kWrite) != 0 ? kSlowWrite : kSlowRead, use, handler,
                            since, summary, docs, difference);
  spec.keys = key_at(2, use);
  return spec;
}

constexpr CommandSpec help(Handler handler) {
  return {.name = "help",
          .arity = 2,
          .flags = kLoading | kStale,
          .categories = kCatStream | kCatSlow,
          .handler = handler,
          .group = kGroup,
          .since = "5.0.0",
          .summary = "Explains the subcommands.",
          .scope = Scope::kNode,
          .docs = {.complexity = "O(1)"}};
}

std::span<const CommandSpec> group_subcommands() {
  static constexpr std::array kSubcommands = {
      subcommand("create key groupname (id= id | (new_id= $)) [MKSTREAM] [ENTRIESREAD entries_read:integer]",
                 -5, kWrite | kDenyOom, kKeyRW | kKeyInsert, streams::create_group, "5.0.0", "Makes a group.",
                 {.complexity = "O(1)", .history = kEntriesRead}),
      subcommand("createconsumer key groupname consumername", 5, kWrite | kDenyOom, kKeyRW | kKeyInsert,
                 streams::create_consumer, "6.2.0", "Makes a consumer of a group.", {.complexity = "O(1)"}),
      subcommand("delconsumer key groupname consumername", 5, kWrite, kKeyRW | kKeyDelete,
                 streams::delete_consumer, "5.0.0", "Removes a consumer and what is pending for it.",
                 {.complexity = "O(1)", .work = Work::kHoldsLoop}),
      subcommand("destroy key groupname", 4, kWrite, kKeyRW | kKeyDelete, streams::destroy_group, "5.0.0",
                 "Removes a group.", {.complexity = "O(N)", .work = Work::kHoldsLoop}),
      help(streams::group_help),
      subcommand("setid key groupname (id= id | (new_id= $)) [ENTRIESREAD entries_read:integer]", -5, kWrite,
                 kKeyRW | kKeyUpdate, streams::set_group_id, "5.0.0", "Has a group go on from an id.",
                 {.complexity = "O(1)", .history = kEntriesRead}),
  };
  return kSubcommands;
}

std::span<const CommandSpec> info_subcommands() {
  static constexpr std::array kSubcommands = {
      subcommand("consumers key groupname", 4, kReadOnly, kReads, streams::consumers_info, "5.0.0",
                 "The consumers of a group.",
                 {.complexity = "O(1)", .work = Work::kHoldsLoop, .tips = {"nondeterministic_output"}},
                 kSeen),
      subcommand("groups key", 3, kReadOnly, kReads, streams::groups_info, "5.0.0", "The groups of a stream.",
                 {.complexity = "O(1)", .history = kGroupsInfoHistory}),
      help(streams::info_help),
      subcommand("stream key [FULL {full= [COUNT count:integer]}]", -3, kReadOnly, kReads,
                 streams::stream_info, "5.0.0", "What is known of a stream.",
                 {.complexity = "O(1)", .work = Work::kHoldsLoop, .history = kStreamInfoHistory},
                 "the numbers of the radix tree are as if each node had its most entries"),
  };
  return kSubcommands;
}

constexpr CommandSpec container(std::string_view name, std::string_view summary,
                                std::span<const CommandSpec> subcommands) {
  return {.name = name,
          .arity = -2,
          .categories = kCatSlow,
          .group = kGroup,
          .since = "5.0.0",
          .summary = summary,
          .subcommands = subcommands,
          .docs = {.complexity = "Depends on subcommand."}};
}

constexpr CommandSpec reader(std::string_view usage, int arity, uint32_t flags, uint32_t categories,
                             int streams_from, Handler handler, std::string_view summary) {
  CommandSpec spec =
      of_key(usage, arity, flags | kBlocking | kMovableKeys, categories | kCatBlocking, kReads, handler,
             "5.0.0", summary, {.complexity = "O(N)", .work = Work::kHoldsLoop}, kElsewhere);
  spec.keys = keys_behind("STREAMS", streams_from, kReads);
  spec.find_keys = streams::find_streams;
  spec.timeout_in_option = true;
  return spec;
}

}  // namespace

std::span<const CommandSpec> stream_commands() {
  static const std::array commands = {
      of_key("xack key group id ...", -4, kWrite | kFast, kFastWrite, kKeyRW | kKeyUpdate, streams::xack,
             "5.0.0", "Acknowledges entries that a consumer was given.",
             {.complexity = "O(1)", .work = Work::kOfFewThings}),
      of_key("xadd key [NOMKSTREAM]@6.2.0 [trim= (strategy= MAXLEN | MINID@6.2.0) "
             "[operator= (equal= '=') | (approximately= '~')] threshold [LIMIT count:integer]@6.2.0] "
             "(id_or_auto= (auto_id= *) | id) {field_value= field value} ...",
             -5, kWrite | kDenyOom | kFast, kFastWrite, kKeyRW | kKeyUpdate, streams::xadd, "5.0.0",
             "Adds an entry to a stream.",
             {.complexity = "O(1)",
              .work = Work::kHoldsLoop,
              .tips = {"nondeterministic_output"},
              .history = kAddHistory},
             kIds),
      of_key("xautoclaim key group consumer min-idle-time start [COUNT count:integer] [JUSTID]", -6,
             kWrite | kFast, kFastWrite, kKeyRW | kKeyDelete, streams::xautoclaim, "6.2.0",
             "Has a consumer take over what others have not acknowledged in time.",
             {.complexity = "O(1)",
              .work = Work::kHoldsLoop,
              .tips = {"nondeterministic_output"},
              .history = kClaimHistory}),
      of_key("xclaim key group consumer min-idle-time id ... [IDLE ms:integer] "
             "[TIME unix-time-milliseconds:unix-time] [RETRYCOUNT count:integer] [FORCE] [JUSTID] [LASTID "
             "id]",
             -6, kWrite | kFast, kFastWrite, kKeyRW | kKeyUpdate, streams::xclaim, "5.0.0",
             "Has a consumer take over entries that others have not acknowledged.",
             {.complexity = "O(log N)", .work = Work::kOfFewThings, .tips = {"nondeterministic_output"}}),
      of_key("xdel key id ...", -3, kWrite | kFast, kFastWrite, kKeyRW | kKeyDelete, streams::xdel, "5.0.0",
             "Removes entries.", {.complexity = "O(1)", .work = Work::kOfFewThings}),
      container("xgroup", "Makes, changes and removes groups of consumers.", group_subcommands()),
      container("xinfo", "Shows streams and their groups.", info_subcommands()),
      of_key("xlen key", 2, kReadOnly | kFast, kFastRead, kKeyRO, streams::xlen, "5.0.0",
             "How many entries a stream has.", {.complexity = "O(1)"}),
      of_key("xpending key group [filters= [IDLE min-idle-time:integer]@6.2.0 start end count:integer "
             "[consumer]]",
             -3, kReadOnly, kSlowRead, kReads, streams::xpending, "5.0.0",
             "What a group was given and has not acknowledged.",
             {.complexity = "O(N)",
              .work = Work::kHoldsLoop,
              .tips = {"nondeterministic_output"},
              .history = kPendingHistory}),
      of_key("xrange key start end [COUNT count:integer]", -4, kReadOnly, kSlowRead, kReads, streams::xrange,
             "5.0.0", "The entries of a range of ids.",
             {.complexity = "O(N)", .work = Work::kHoldsLoop, .history = kExclusive}),
      reader("xread [COUNT count:integer] [BLOCK milliseconds:integer] STREAMS {streams= key ... id ...}", -4,
             kReadOnly, kSlowRead, 1, streams::xread,
             "The entries of streams behind ids, at once or when there are some."),
      reader("xreadgroup GROUP {group_consumer= group consumer} [COUNT count:integer] "
             "[BLOCK milliseconds:integer] [NOACK] STREAMS {streams= key ... id ...}",
             -7, kWrite, kSlowWrite, 4, streams::xreadgroup,
             "What a group's consumer is given of streams, at once or when there is something."),
      of_key("xrevrange key end start [COUNT count:integer]", -4, kReadOnly, kSlowRead, kReads,
             streams::xrevrange, "5.0.0", "The entries of a range of ids, backwards.",
             {.complexity = "O(N)", .work = Work::kHoldsLoop, .history = kExclusive}),
      of_key("xsetid key last-id [ENTRIESADDED entries_added:integer]@7.0.0 [MAXDELETEDID "
             "max_deleted_entry_id]@7.0.0",
             -3, kWrite | kDenyOom | kFast, kFastWrite, kKeyRW | kKeyUpdate, streams::xsetid, "5.0.0",
             "Says what a stream's last id is.", {.complexity = "O(1)", .history = kSetIdHistory}),
      of_key(
          "xtrim key {trim= (strategy= MAXLEN | MINID@6.2.0) [operator= (equal= '=') | (approximately= '~')] "
          "threshold "
          "[LIMIT count:integer]@6.2.0}",
          -4, kWrite, kSlowWrite, kKeyRW | kKeyDelete, streams::xtrim, "5.0.0", "Removes the oldest entries.",
          {.complexity = "O(N)",
           .work = Work::kHoldsLoop,
           .tips = {"nondeterministic_output"},
           .history = kTrimHistory}),
  };
  return commands;
}

}  // namespace starling::server
