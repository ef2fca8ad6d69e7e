#include "server/commands/server/replica_of.h"

#include <string>

#include "server/commands/arguments.h"
#include "server/replica_of/follower.h"
#include "server/server.h"

namespace starling::server {
namespace {

// Runs on the follower's loop; `what` is told it.
void ask_follower(CommandContext& context, std::function<void(Follower&, PendingReply)> what) {
  const PendingReply reply = context.suspend();
  context.server.io_threads().front()->loop().post([reply, what = std::move(what)] {
    Follower* const follower = Follower::of_process();
    if (follower != nullptr) return what(*follower, reply);
    reply.complete([](resp::ReplyWriter& writer) { writer.error("ERR the server is stopping"); });
  });
}

void replica_of(CommandContext& context) {
  if (context.in_exec) return context.reply.error("ERR REPLICAOF isn't possible inside a transaction");
  if (is_word(context.argument(1), "no") && is_word(context.argument(2), "one")) {
    return ask_follower(context, [](Follower& follower, PendingReply reply) {
      follower.stop([reply](const std::string& failure) {
        reply.complete([failure](resp::ReplyWriter& writer) {
          failure.empty() ? writer.ok() : writer.error("ERR " + failure);
        });
      });
    });
  }
  LeaderAddress leader;
  const std::string text = std::string(context.argument(1)) + " " + std::string(context.argument(2));
  if (!parse_leader(text, &leader)) return context.reply.error("ERR Invalid master port");
  ask_follower(context, [leader](Follower& follower, PendingReply reply) {
    bool already = false;
    const std::string failure = follower.follow(leader, &already);
    reply.complete([failure, already](resp::ReplyWriter& writer) {
      if (!failure.empty()) return writer.error("ERR " + failure);
      already ? writer.simple_string("OK Already connected to specified master") : writer.ok();
    });
  });
}

constexpr std::string_view kSlave = "slave", kOldName = "slaveof";

std::string_view role_state(const FollowerReport& report) {
  using Stage = FollowerReport::Stage;
  switch (report.stage) {
    case Stage::kConnecting:
      return "connect";
    case Stage::kGreeting:
      return "connecting";
    case Stage::kReceiving:
    case Stage::kLoading:
      return "sync";
    case Stage::kFollowing:
      return "connected";
  }
  return {};
}

}  // namespace

CommandSpec replica_of_command(std::string_view name, std::string_view since) {
  CommandSpec spec{
      .name = name,
      .syntax = "(args= {host-port= host port:integer} | {no-one= NO ONE})",
      .arity = 3,
      .flags = kAdmin | kNoScript | kStale | kNoAsyncLoading,
      .categories = kCatAdmin | kCatSlow | kCatDangerous,
      .handler = replica_of,
      .group = "server",
      .since = since,
      .summary = "Makes the server the replica of a Redis or Valkey, or ends that (NO ONE).",
      .difference =
          "not inside a transaction; also for a node of a cluster. While a copy is loaded reads are "
          "answered LOADING",
      .scope = Scope::kNode,
      .docs = {.complexity = "O(1)"}};
  if (name == kOldName) spec.docs.deprecated = {.since = "5.0.0", .replaced_by = "REPLICAOF"};
  return spec;
}

void role(CommandContext& context) {
  if (FollowerRole::of_process().state() == FollowerRole::State::kNone) {
    context.reply.array(3);
    context.reply.bulk("master");
    context.reply.integer(0);
    context.reply.array(0);
    return;
  }
  const FollowerReport report = FollowerRole::of_process().report();
  context.reply.array(5);
  context.reply.bulk(kSlave);
  context.reply.bulk(report.host);
  context.reply.integer(report.port);
  context.reply.bulk(role_state(report));
  context.reply.integer(report.applied_offset);
}

}  // namespace starling::server
