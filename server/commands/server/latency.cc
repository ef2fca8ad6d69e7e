// LATENCY: what took longer than latency-monitor-threshold, and how long commands take.
#include <algorithm>
#include <array>
#include <string>

#include "server/commands/arguments.h"
#include "server/commands/families.h"
#include "server/commands/help.h"
#include "server/commands/server/admin_container.h"
#include "server/metrics/latency_histogram.h"
#include "server/metrics/latency_report.h"
#include "server/server.h"

namespace starling::server {
namespace {

std::optional<LatencyMonitor::History> history_of(CommandContext& context, std::string_view name) {
  const auto event = find_latency_event(name);
  return event ? context.server.latency().history(*event) : std::nullopt;
}

void latest(CommandContext& context) {
  const auto histories = context.server.latency().all();
  context.reply.array(histories.size());
  for (const LatencyMonitor::History& history : histories) {
    context.reply.array(4);
    context.reply.bulk(latency_event_name(history.event));
    context.reply.integer(history.samples.back().time_s);
    context.reply.integer(history.samples.back().latency_ms);
    context.reply.integer(history.max_ms);
  }
}

void history(CommandContext& context) {
  const auto found = history_of(context, context.argument(2));
  if (!found) return context.reply.array(0);
  context.reply.array(found->samples.size());
  for (const LatencyMonitor::Sample& sample : found->samples) {
    context.reply.array(2);
    context.reply.integer(sample.time_s);
    context.reply.integer(sample.latency_ms);
  }
}

void reset(CommandContext& context) {
  int64_t count = 0;
  for (size_t i = 0; i < kLatencyEvents; ++i) {
    const auto event = static_cast<LatencyEvent>(i);
    const auto names = context.arguments.subspan(2);
    const bool named =
        names.empty() || std::find(names.begin(), names.end(), latency_event_name(event)) != names.end();
    if (named && context.server.latency().reset(event)) ++count;
  }
  context.reply.integer(count);
}

void graph(CommandContext& context) {
  const auto found = history_of(context, context.argument(2));
  if (!found) {
    return context.reply.error("ERR No samples available for event '" + std::string(context.argument(2)) +
                               "'");
  }
  context.reply.verbatim("txt", latency_graph(*found, context.now_ms() / 1000));
}

void doctor(CommandContext& context) {
  context.reply.verbatim(
      "txt", latency_advice(context.server.latency().all(), context.server.settings().latency_threshold_ms));
}

void histogram(CommandContext& context) {
  std::vector<const Command*> commands;
  if (context.size() == 2) {
    for (const auto& command : context.server.commands().all()) commands.push_back(command.get());
  }
  for (const std::string_view name : context.arguments.subspan(2)) {
    const Command* command = context.server.commands().find_full(name);
    if (command == nullptr) continue;
    commands.push_back(command);
    // A container stands for what it contains.
    for (const Command* subcommand : command->subcommands) commands.push_back(subcommand);
  }
  std::vector<std::pair<const Command*, CommandTotals>> called;
  for (const Command* command : commands) {
    const CommandTotals totals = context.server.totals(command->id);
    if (totals.calls != 0) called.emplace_back(command, totals);
  }
  resp::ReplyWriter& reply = context.reply;
  reply.map(called.size());
  for (const auto& [command, totals] : called) {
    reply.bulk(command->full_name);
    reply.map(2);
    reply.bulk("calls");
    reply.integer(static_cast<int64_t>(totals.calls));
    reply.bulk("histogram_usec");
    const auto buckets = cumulative_latency(totals.latency);
    reply.map(buckets.size());
    for (const auto& [microseconds, calls] : buckets) {
      reply.integer(static_cast<int64_t>(microseconds));
      reply.integer(static_cast<int64_t>(calls));
    }
  }
}

void help(CommandContext& context) {
  static constexpr std::string_view kLines[] = {
      "LATENCY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "DOCTOR",
      "    Advice about the events that were recorded.",
      "GRAPH <event>",
      "    The samples of an event, drawn.",
      "HISTORY <event>",
      "    The samples of an event: times and milliseconds.",
      "LATEST",
      "    The last and the longest sample of every event.",
      "RESET [<event> ...]",
      "    Forgets the samples of these events, or of all.",
      "HISTOGRAM [<command> ...]",
      "    How many calls of each command ended within how many microseconds.",
      "HELP",
      "    Prints this help.",
  };
  write_help(context, kLines);
}

constexpr CommandSpec subcommand(std::string_view usage, int arity, Handler handler, std::string_view since,
                                 std::string_view summary, const Documentation& docs = {}) {
  return admin_subcommand(usage, arity, kNoScript | kLoading | kStale, handler, since, summary, docs);
}

std::span<const CommandSpec> subcommands() {
  static constexpr std::array kSubcommands = {
      subcommand(
          "doctor", 2, doctor, "2.8.13", "Advice about slow events.",
          {.complexity = "O(1)",
           .tips = {"nondeterministic_output", "request_policy:all_nodes", "response_policy:special"}}),
      subcommand(
          "graph event", 3, graph, "2.8.13", "The samples of an event, drawn.",
          {.complexity = "O(1)",
           .tips = {"nondeterministic_output", "request_policy:all_nodes", "response_policy:special"}}),
      help_subcommand(help, "2.8.13"),
      subcommand(
          "histogram [command ...]", -2, histogram, "7.0.0", "How long the calls of commands took.",
          {.complexity = "O(N)",
           .work = Work::kOfFewThings,
           .tips = {"nondeterministic_output", "request_policy:all_nodes", "response_policy:special"}}),
      subcommand(
          "history event", 3, history, "2.8.13", "The samples of an event.",
          {.complexity = "O(1)",
           .tips = {"nondeterministic_output", "request_policy:all_nodes", "response_policy:special"}}),
      subcommand(
          "latest", 2, latest, "2.8.13", "The last sample of every event.",
          {.complexity = "O(1)",
           .tips = {"nondeterministic_output", "request_policy:all_nodes", "response_policy:special"}}),
      subcommand(
          "reset [event ...]", -2, reset, "2.8.13", "Forgets samples.",
          {.complexity = "O(1)", .tips = {"request_policy:all_nodes", "response_policy:all_succeeded"}}),
  };
  return kSubcommands;
}

}  // namespace

std::span<const CommandSpec> latency_commands() {
  static const std::array commands = {
      CommandSpec{.name = "latency",
                  .arity = -2,
                  .categories = kCatSlow,
                  .group = "server",
                  .since = "2.8.13",
                  .summary = "Groups the commands about slow events.",
                  .subcommands = subcommands(),
                  .difference = "the events are command, fast-command, commit and checkpoint"},
  };
  return commands;
}

}  // namespace starling::server
