// SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE and their opposites, PUBLISH, SPUBLISH, PUBSUB.
#include "server/session/pubsub.h"

#include <array>
#include <optional>

#include "resp/glob.h"
#include "server/cluster/cluster_thread.h"
#include "server/commands/arguments.h"
#include "server/commands/families.h"
#include "server/session/client.h"

namespace starling::server {
namespace {

struct Words {
  std::string_view subscribe, unsubscribe;
};

Words words_of(ChannelKind kind) {
  switch (kind) {
    case ChannelKind::kChannel:
      return {"subscribe", "unsubscribe"};
    case ChannelKind::kPattern:
      return {"psubscribe", "punsubscribe"};
    case ChannelKind::kShard:
      break;
  }
  return {"ssubscribe", "sunsubscribe"};
}

void write_confirmation(const Subscriptions& counts, ChannelKind kind, std::string_view word,
                        std::optional<std::string_view> name, resp::ReplyWriter& reply) {
  reply.push(3);
  reply.bulk(word);
  if (name) {
    reply.bulk(*name);
  } else {
    reply.null();
  }
  reply.integer(static_cast<int64_t>(kind == ChannelKind::kShard ? counts.shard_channels
                                                                 : counts.channels + counts.patterns));
}

// What the client is told of one subscription: its count is of channels and patterns together, or of shard
// channels. It is no reply: who has switched replies off is told, too.
void confirm(CommandContext& context, ChannelKind kind, std::string_view word,
             std::optional<std::string_view> name) {
  Client& client = context.client;
  if (!client.mutes_replies())
    return write_confirmation(client.subscriptions, kind, word, name, context.reply);
  if (client.pushed == nullptr) client.pushed = std::make_unique<resp::OutputBuffer>();
  resp::ReplyWriter writer(*client.pushed, context.reply.protocol());
  write_confirmation(client.subscriptions, kind, word, name, writer);
}

template <ChannelKind kind>
void subscribe(CommandContext& context) {
  for (size_t i = 1; kind == ChannelKind::kPattern && i < context.size(); ++i) {
    if (!bounded_pattern(context, i)) return;
  }
  for (size_t i = 1; i < context.size(); ++i) {
    context.server.pubsub().subscribe(context.client, kind, context.argument(i));
    confirm(context, kind, words_of(kind).subscribe, context.argument(i));
  }
}

template <ChannelKind kind>
void unsubscribe(CommandContext& context) {
  PubSub& pubsub = context.server.pubsub();
  std::vector<std::string> names(context.arguments.begin() + 1, context.arguments.end());
  if (names.empty()) names = pubsub.subscriptions(context.client, kind);
  for (const std::string& name : names) {
    pubsub.unsubscribe(context.client, kind, name);
    confirm(context, kind, words_of(kind).unsubscribe, name);
  }
  if (names.empty()) confirm(context, kind, words_of(kind).unsubscribe, std::nullopt);
}

// In a cluster the subscribers of other nodes get the message too; they are not counted.
template <bool to_shard>
void publish(CommandContext& context) {
  const std::string_view channel = context.argument(1), text = context.argument(2);
  PubSub& pubsub = context.server.pubsub();
  size_t receivers = 0;
  if (std::vector<Publication>* const unsent = context.client.unsent; unsent != nullptr) {
    receivers = pubsub.receivers(
        unsent->emplace_back(Publication{std::string(channel), std::string(text), to_shard}));
  } else {
    if (ClusterThread* cluster = context.client.io_thread().cluster(); cluster != nullptr)
      cluster->publish(channel, text, to_shard);
    receivers = to_shard ? pubsub.publish_to_shard(channel, text) : pubsub.publish(channel, text);
  }
  context.reply.integer(static_cast<int64_t>(receivers));
}

template <ChannelKind kind>
void channels(CommandContext& context) {
  if (context.size() > 3) {
    return context.reply.error("ERR unknown subcommand or wrong number of arguments for '" +
                               std::string(context.argument(1)) + "'. Try PUBSUB HELP.");
  }
  const bool all = context.size() == 2;
  if (!all && !bounded_pattern(context, 2)) return;
  const std::string_view pattern = all ? std::string_view() : context.argument(2);
  const std::vector<std::string> names = context.server.pubsub().names(
      kind, [&](std::string_view name) { return all || resp::glob_match(pattern, name); });
  context.reply.array(names.size());
  for (const std::string& name : names) context.reply.bulk(name);
}

template <ChannelKind kind>
void subscriber_counts(CommandContext& context) {
  context.reply.array((context.size() - 2) * 2);
  for (size_t i = 2; i < context.size(); ++i) {
    context.reply.bulk(context.argument(i));
    context.reply.integer(
        static_cast<int64_t>(context.server.pubsub().subscriber_count(kind, context.argument(i))));
  }
}

void pattern_count(CommandContext& context) {
  context.reply.integer(static_cast<int64_t>(context.server.pubsub().name_count(ChannelKind::kPattern)));
}

void help(CommandContext& context) {
  static constexpr std::string_view kLines[] = {
      "PUBSUB <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "CHANNELS [<pattern>]",
      "    Names of the channels somebody listens to, all or those that match.",
      "NUMPAT",
      "    How many different patterns are subscribed to.",
      "NUMSUB [<channel> ...]",
      "    For each channel its number of subscribers, patterns not counted.",
      "SHARDCHANNELS [<pattern>]",
      "    As CHANNELS, of shard channels.",
      "SHARDNUMSUB [<shardchannel> ...]",
      "    As NUMSUB, of shard channels.",
      "HELP",
      "    Prints this help.",
  };
  context.reply.array(std::size(kLines));
  for (const std::string_view line : kLines) context.reply.simple_string(line);
}

constexpr uint32_t kPlain = kPubSub | kNoScript | kLoading | kStale | kInSubscribeMode;
constexpr uint32_t kQuery = kPubSub | kLoading | kStale;
constexpr uint32_t kCategories = kCatPubSub | kCatSlow;

CommandSpec spec(std::string_view usage, int arity, uint32_t flags, uint32_t categories, Handler handler,
                 std::string_view since, std::string_view summary, const Documentation& docs = {}) {
  CommandSpec spec;
  spec.name = name_in(usage);
  spec.syntax = syntax_in(usage);
  spec.arity = arity;
  spec.flags = flags;
  spec.categories = categories;
  spec.handler = handler;
  spec.group = "pubsub";
  spec.since = since;
  spec.summary = summary;
  spec.scope = (flags & kInSubscribeMode) != 0 ? Scope::kSession : Scope::kNode;
  spec.docs = docs;
  return spec;
}

std::span<const CommandSpec> pubsub_subcommands() {
  static const std::array commands = {
      spec("channels [pattern]", -2, kQuery, kCategories, channels<ChannelKind::kChannel>, "2.8.0",
           "Lists the channels that have subscribers.", {.complexity = "O(N)", .work = Work::kOfFewThings}),
      spec("help", 2, kLoading | kStale, kCatSlow, help, "6.2.0", "Describes the subcommands."),
      spec("numpat", 2, kQuery, kCategories, pattern_count, "2.8.0", "Counts the patterns subscribed to.",
           {.complexity = "O(1)"}),
      spec("numsub [channel ...]", -2, kQuery, kCategories, subscriber_counts<ChannelKind::kChannel>, "2.8.0",
           "Counts the subscribers of channels.", {.complexity = "O(N)", .work = Work::kOfFewThings}),
      spec("shardchannels [pattern]", -2, kQuery, kCategories, channels<ChannelKind::kShard>, "7.0.0",
           "Lists the shard channels that have subscribers.",
           {.complexity = "O(N)", .work = Work::kOfFewThings}),
      spec("shardnumsub [shardchannel ...]", -2, kQuery, kCategories, subscriber_counts<ChannelKind::kShard>,
           "7.0.0", "Counts the subscribers of shard channels.",
           {.complexity = "O(N)", .work = Work::kOfFewThings}),
  };
  return commands;
}

// Shard channels stand where keys would, so that cluster clients can route by them. A message is told to all nodes.
CommandSpec with_channels(CommandSpec spec, const KeySpecification& channels) {
  spec.keys = channels;
  return spec;
}

CommandSpec about(Channels channels, CommandSpec spec) {
  spec.channels = channels;
  return spec;
}

CommandSpec with_subcommands(CommandSpec spec, std::span<const CommandSpec> subcommands) {
  spec.subcommands = subcommands;
  return spec;
}

}  // namespace

std::span<const CommandSpec> pubsub_commands() {
  static const std::array commands = {
      about(Channels::kPatterns,
            spec("psubscribe {pattern} ...", -2, kPlain, kCategories, subscribe<ChannelKind::kPattern>,
                 "2.0.0", "Listens to all channels that match the patterns.",
                 {.complexity = "O(N)", .work = Work::kOfFewThings})),
      about(Channels::kFirst,
            spec("publish channel message", 3, kPubSub | kLoading | kStale | kFast | kMayReplicate,
                 kCatPubSub | kCatFast, publish<false>, "2.0.0", "Sends a message to a channel.",
                 {.complexity = "O(N+M)", .work = Work::kOfFewThings})),
      with_subcommands(spec("pubsub", -2, 0, kCatSlow, help, "2.8.0", "Tells who listens to what."),
                       pubsub_subcommands()),
      spec("punsubscribe [pattern ...]", -1, kPlain, kCategories, unsubscribe<ChannelKind::kPattern>, "2.0.0",
           "Stops listening by patterns.", {.complexity = "O(N+M)", .work = Work::kOfFewThings}),
      about(Channels::kFirst,
            with_channels(
                spec("spublish shardchannel message", 3, kPubSub | kLoading | kStale | kFast | kMayReplicate,
                     kCatPubSub | kCatFast, publish<true>, "7.0.0", "Sends a message to a shard channel.",
                     {.complexity = "O(N)", .work = Work::kOfFewThings}),
                key_at(1, kKeyNotKey))),
      about(Channels::kAll,
            with_channels(spec("ssubscribe shardchannel ...", -2, kPlain, kCategories,
                               subscribe<ChannelKind::kShard>, "7.0.0", "Listens to shard channels.",
                               {.complexity = "O(N)", .work = Work::kOfFewThings}),
                          keys_from(1, kKeyNotKey))),
      about(Channels::kAll,
            spec("subscribe channel ...", -2, kPlain, kCategories, subscribe<ChannelKind::kChannel>, "2.0.0",
                 "Listens to channels.", {.complexity = "O(N)", .work = Work::kOfFewThings})),
      with_channels(spec("sunsubscribe [shardchannel ...]", -1, kPlain, kCategories,
                         unsubscribe<ChannelKind::kShard>, "7.0.0", "Stops listening to shard channels.",
                         {.complexity = "O(N)", .work = Work::kOfFewThings}),
                    keys_from(1, kKeyNotKey)),
      spec("unsubscribe [channel ...]", -1, kPlain, kCategories, unsubscribe<ChannelKind::kChannel>, "2.0.0",
           "Stops listening to channels.", {.complexity = "O(N)", .work = Work::kOfFewThings}),
  };
  return commands;
}

}  // namespace starling::server
