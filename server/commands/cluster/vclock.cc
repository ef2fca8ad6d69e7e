// VCLOCK: the versions of a string, for clients that resolve conflicts themselves.
#include <algorithm>

#include "engine/replica/replication.h"
#include "server/cluster/context_token.h"
#include "server/commands/arguments.h"
#include "server/commands/cluster/handlers.h"
#include "server/commands/help.h"
#include "server/server.h"

namespace starling::server::vclock_command {
namespace {

// A key's values that nobody has seen together; a blind write that would make more is refused.
constexpr size_t kMaxSiblings = 1024;

bool in_cluster(CommandContext& context) {
  if (context.server.cluster() != nullptr) return true;
  context.reply.error("ERR VCLOCK needs a cluster: a node on its own keeps one version of each key");
  return false;
}

bool token_argument(CommandContext& context, size_t i, Token* token) {
  const auto read = read_token(context.server.settings().cluster_secret, context.argument(i));
  if (!read) {
    context.reply.error("ERR not a context of this cluster: hand back what VCLOCK answered, unchanged");
    return false;
  }
  *token = *read;
  return true;
}

uint64_t scope_of(const CommandContext& context) {
  return token_scope(context.database.index(), context.argument(2));
}

// Of the key in argument 2.
bool context_argument(CommandContext& context, size_t i, engine::VersionVector* seen) {
  Token token;
  if (!token_argument(context, i, &token)) return false;
  if (token.scope != 0 && token.scope != scope_of(context)) {
    context.reply.error("ERR the context is of another key");
    return false;
  }
  *seen = token.context;
  return true;
}

std::string token_of(const CommandContext& context, const engine::VersionVector& version) {
  return make_token(context.server.settings().cluster_secret, scope_of(context), version);
}

engine::Replica replica_of(CommandContext& context) {
  return {context.operation, context.database.index()};
}

bool live(const engine::Sibling& sibling, int64_t now_ms) {
  return sibling.live(now_ms);
}

}  // namespace

void get(CommandContext& context) {
  if (!in_cluster(context)) return;
  const engine::Versions versions = replica_of(context).versions(context.key(2));
  if (versions.type != engine::Type::kString && versions.type != engine::Type::kNone) {
    return context.reply.error(kWrongTypeError);
  }
  const int64_t now_ms = context.now_ms();
  context.reply.map(2);
  context.reply.bulk("context");
  context.reply.bulk(versions.context.empty() ? std::string() : token_of(context, versions.context));
  context.reply.bulk("siblings");
  const auto count =
      std::count_if(versions.siblings.begin(), versions.siblings.end(),
                    [now_ms](const engine::Sibling& sibling) { return live(sibling, now_ms); });
  context.reply.array(static_cast<size_t>(count));
  for (const engine::Sibling& sibling : versions.siblings) {
    if (live(sibling, now_ms)) context.reply.bulk(sibling.value);
  }
}

namespace {

// What the client has seen now. While siblings are left that it has not seen, no context can name its own
// write alone (a context covers all that an actor did up to some point), so it keeps the one it had: its next
// write leaves this one as a sibling, which is one too many and loses nothing.
void answer(CommandContext& context, engine::VclockOutcome outcome, const engine::VersionVector& seen) {
  switch (outcome) {
    case engine::VclockOutcome::kApplied: {
      const engine::Versions after = replica_of(context).versions(context.key(2));
      return context.reply.bulk(token_of(context, after.siblings.size() > 1 ? seen : after.context));
    }
    case engine::VclockOutcome::kUnknownEvents:
      return context.reply.error("ERR the context claims events that this node never made");
    case engine::VclockOutcome::kTooManySiblings:
      return context.reply.error("ERR the key has too many siblings: read them and write with their context");
  }
}

bool deadline_argument(CommandContext& context, int64_t* deadline_ms) {
  *deadline_ms = engine::kNoDeadline;
  if (context.size() == 5) return true;
  const std::string_view option = context.argument(5);
  const bool seconds = is_word(option, "ex") || is_word(option, "exat");
  const bool absolute = is_word(option, "exat") || is_word(option, "pxat");
  if (context.size() != 7 || (!seconds && !absolute && !is_word(option, "px"))) {
    context.reply.error(kSyntaxError);
    return false;
  }
  int64_t value;
  if (!integer_argument(context, 6, &value)) return false;
  const bool fits = value > 0 && (!seconds || !__builtin_mul_overflow(value, int64_t{1000}, &value)) &&
                    (absolute || !__builtin_add_overflow(value, context.now_ms(), &value));
  if (!fits || value <= context.now_ms()) {
    context.reply.error("ERR invalid expire time in 'vclock|set' command");
    return false;
  }
  *deadline_ms = value;
  return true;
}

bool is_string_or_absent(CommandContext& context) {
  const engine::Found found = context.database.find(context.key(2), engine::Touch::kNo);
  if (!found || found.type() == engine::Type::kString) return true;
  context.reply.error(kWrongTypeError);
  return false;
}

}  // namespace

void set(CommandContext& context) {
  engine::VersionVector seen;
  int64_t deadline_ms;
  if (!in_cluster(context) || !context_argument(context, 3, &seen) ||
      !deadline_argument(context, &deadline_ms) || !is_string_or_absent(context)) {
    return;
  }
  answer(context,
         replica_of(context).set(context.key(2), seen, context.argument(4), deadline_ms, kMaxSiblings), seen);
  context.notify(kNotifyString, "set", context.argument(2));
}

void del(CommandContext& context) {
  engine::VersionVector seen;
  if (!in_cluster(context) || !context_argument(context, 3, &seen) || !is_string_or_absent(context)) return;
  answer(context, replica_of(context).remove(context.key(2), seen, kMaxSiblings), seen);
  context.notify(kNotifyGeneric, "del", context.argument(2));
}

void compare(CommandContext& context) {
  Token first, second;
  if (!in_cluster(context) || !token_argument(context, 2, &first) || !token_argument(context, 3, &second))
    return;
  if (first.scope != 0 && second.scope != 0 && first.scope != second.scope) {
    return context.reply.error("ERR the contexts are of different keys");
  }
  switch (first.context.compare(second.context)) {
    case engine::Order::kEqual:
      return context.reply.simple_string("EQUAL");
    case engine::Order::kBefore:
      return context.reply.simple_string("BEFORE");
    case engine::Order::kAfter:
      return context.reply.simple_string("AFTER");
    case engine::Order::kConcurrent:
      return context.reply.simple_string("CONCURRENT");
  }
}

void inspect(CommandContext& context) {
  if (!in_cluster(context)) return;
  const engine::Versions versions = replica_of(context).versions(context.key(2));
  context.reply.map(2);
  context.reply.bulk("context");
  context.reply.array(versions.context.size());
  for (const engine::VersionVector::Entry& entry : versions.context.entries()) {
    context.reply.array(2);
    context.reply.bulk(actor_name(entry.actor));
    context.reply.integer(static_cast<int64_t>(entry.stamp));
  }
  context.reply.bulk("siblings");
  context.reply.array(versions.siblings.size());
  for (const engine::Sibling& sibling : versions.siblings) {
    context.reply.map(6);
    context.reply.bulk("actor");
    context.reply.bulk(actor_name(sibling.dot.actor));
    context.reply.bulk("counter");
    context.reply.integer(static_cast<int64_t>(sibling.dot.stamp));
    context.reply.bulk("written-ms");
    context.reply.integer(engine::stamp_wall_ms(sibling.dot.stamp));
    context.reply.bulk("deadline-ms");
    context.reply.integer(sibling.deadline_ms == 0 ? -1 : sibling.deadline_ms);
    context.reply.bulk("tombstone");
    context.reply.boolean(sibling.tombstone);
    context.reply.bulk("bytes");
    context.reply.integer(static_cast<int64_t>(sibling.value.size()));
  }
}

void help(CommandContext& context) {
  static constexpr std::string_view kLines[] = {
      "VCLOCK <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "COMPARE <context> <context>",
      "    BEFORE, AFTER, EQUAL or CONCURRENT: whether one context has seen another.",
      "DEL <key> <context>",
      "    Deletes the values that the context covers; others stay.",
      "GET <key>",
      "    All values that no later write has seen, and the context to write with.",
      "INSPECT <key>",
      "    Every sibling with who wrote it and when, tombstones included.",
      "SET <key> <context> <value> [EX <s>|PX <ms>|EXAT <s>|PXAT <ms>]",
      "    Replaces the values that the context covers; others stay as siblings.",
      "    An empty context covers none.",
      "HELP",
      "    Prints this help.",
  };
  write_help(context, kLines);
}

}  // namespace starling::server::vclock_command
