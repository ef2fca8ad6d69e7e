// MEMORY: where the memory goes.
#include <array>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server/commands/arguments.h"
#include "server/commands/families.h"
#include "server/commands/help.h"
#include "server/execute/command_table.h"
#include "server/info/info_writer.h"
#include "server/metrics/memory_report.h"
#include "server/process/allocator.h"
#include "server/server.h"

namespace starling::server {
namespace {

void usage(CommandContext& context) {
  // Records know their size to the byte, so samples are not needed; they are checked all the same.
  for (size_t i = 3; i < context.size(); i += 2) {
    int64_t samples = 0;
    if (!equals_ignoring_case(context.argument(i), "samples") || i + 1 == context.size()) {
      return context.reply.error(kSyntaxError);
    }
    if (!integer_argument(context, i + 1, &samples)) return;
    if (samples < 0) return context.reply.error(kSyntaxError);
  }
  const engine::Found found = context.database.find(context.key(2), engine::Touch::kNo);
  if (!found) return context.reply.null();
  context.reply.integer(static_cast<int64_t>(found.memory_bytes()));
}

double ratio(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

uint64_t count_keys(const CommandContext& context) {
  uint64_t keys = 0;
  for (int i = 0; i < engine::kDatabaseCount; ++i) keys += context.operation.counts(i).live;
  return keys;
}

// Under Redis's names.
struct Figure {
  Figure(std::string_view called, uint64_t number) : name(called), value(static_cast<int64_t>(number)) {}
  Figure(std::string_view called, int64_t number) : name(called), value(number) {}
  Figure(std::string_view called, int zero) : name(called), value(int64_t{zero}) {}
  Figure(std::string_view called, double real) : name(called), value(real) {}

  std::string_view name;
  std::variant<int64_t, double> value;
};

int64_t difference(uint64_t whole, uint64_t part) {
  return static_cast<int64_t>(whole) - static_cast<int64_t>(part);
}

// By database what its keys take beside their records, an estimate: a place in a table, and one in the index of
// deadlines.
void reply_databases(CommandContext& context, const std::vector<int>& databases) {
  constexpr uint64_t kPlaceBytes = 8;
  for (const int index : databases) {
    const engine::KeyCounts counts = context.operation.counts(index);
    context.reply.bulk("db." + std::to_string(index));
    context.reply.map(3);
    context.reply.bulk("overhead.hashtable.main");
    context.reply.integer(static_cast<int64_t>(counts.live * kPlaceBytes));
    context.reply.bulk("overhead.hashtable.expires");
    context.reply.integer(static_cast<int64_t>(counts.with_deadline * kPlaceBytes));
    context.reply.bulk("overhead.hashtable.slot-to-keys");
    context.reply.integer(0);
  }
}

// Nothing where the allocator does not tell.
void add_allocator(const MemoryReport& report, std::vector<Figure>* figures) {
  const auto heap = allocator_figures();
  if (!heap) return;
  figures->insert(figures->end(),
                  {
                      {"allocator.allocated", heap->allocated},
                      {"allocator.active", heap->active},
                      {"allocator.resident", heap->resident},
                      {"allocator-fragmentation.ratio", ratio(heap->active, heap->allocated)},
                      {"allocator-fragmentation.bytes", difference(heap->active, heap->allocated)},
                      {"allocator-rss.ratio", ratio(heap->resident, heap->active)},
                      {"allocator-rss.bytes", difference(heap->resident, heap->active)},
                      {"rss-overhead.ratio", ratio(report.resident_bytes, heap->resident)},
                      {"rss-overhead.bytes", difference(report.resident_bytes, heap->resident)},
                  });
}

void stats(CommandContext& context) {
  if (!context.client.io_thread().dispatcher().lock_any(context)) return;
  const MemoryReport report = report_memory(context.server);
  const uint64_t keys = count_keys(context);
  std::vector<Figure> figures = {
      {"peak.allocated", report.peak_bytes},
      {"total.allocated", report.used_bytes},
      {"startup.allocated", report.startup_bytes},
      {"replication.backlog", 0},
      {"clients.slaves", 0},
      {"clients.normal", report.client_bytes},
      {"cluster.links", 0},
      {"aof.buffer", 0},
      {"lua.caches", 0},
      {"functions.caches", 0},
      {"overhead.total", report.overhead_bytes()},
      {"keys.count", keys},
      {"keys.bytes-per-key", keys == 0 ? 0 : report.record_bytes / keys},
      {"dataset.bytes", report.record_bytes},
      {"dataset.percentage", 100 * ratio(report.record_bytes, report.used_bytes)},
      {"peak.percentage", 100 * ratio(report.used_bytes, report.peak_bytes)},
      {"dirty.bytes", report.dirty_bytes},
      {"store.bytes", report.store_bytes},
  };
  add_allocator(report, &figures);
  figures.push_back({"fragmentation", report.fragmentation()});
  figures.push_back({"fragmentation.bytes", difference(report.resident_bytes, report.used_bytes)});
  std::vector<int> databases;
  for (int i = 0; i < engine::kDatabaseCount; ++i) {
    if (context.operation.counts(i).live != 0) databases.push_back(i);
  }
  context.reply.map(figures.size() + databases.size());
  for (const auto& [name, value] : figures) {
    if (name == "overhead.total") reply_databases(context, databases);
    context.reply.bulk(name);
    if (const auto* real = std::get_if<double>(&value)) {
      context.reply.real(*real);
    } else {
      context.reply.integer(std::get<int64_t>(value));
    }
  }
}

void doctor(CommandContext& context) {
  constexpr uint64_t kWorthALook = 16u << 20;
  constexpr double kFragmented = 1.5;
  const MemoryReport report = report_memory(context.server);
  const auto limit = static_cast<uint64_t>(context.server.settings().max_memory_bytes.get());
  std::string text;
  if (report.used_bytes < kWorthALook) {
    text = "There is too little data for advice.\n";
  } else {
    if (limit == 0) text += "maxmemory is 0: memory grows with the data until the system ends the process.\n";
    if (report.fragmentation() > kFragmented) {
      text += "The process holds " + decimal(report.fragmentation(), 2) +
              " times what it uses; it will use that before it asks for more.\n";
    }
    if (limit != 0 && report.dirty_bytes > limit / 4) {
      text += "Much of the memory waits for a checkpoint: writes come faster than the disk takes them.\n";
    }
    if (text.empty()) text = "Nothing stands out.\n";
  }
  context.reply.verbatim("txt", text);
}

void purge(CommandContext& context) {
  context.offload([]() -> CommandContext::Completion {
    release_free_memory();
    return [](resp::ReplyWriter& reply) { reply.ok(); };
  });
}

void malloc_stats(CommandContext& context) {
  context.reply.verbatim("txt", std::string("Allocator: ") + allocator_name() + "\nResident: " +
                                    human_bytes(report_memory(context.server).resident_bytes) + "\n");
}

void help(CommandContext& context) {
  static constexpr std::string_view kLines[] = {
      "MEMORY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "DOCTOR",
      "    Advice about the use of memory.",
      "MALLOC-STATS",
      "    Which allocator is in use, and what it holds.",
      "PURGE",
      "    Asks the allocator to give free memory back to the system.",
      "STATS",
      "    Where the memory goes, in bytes.",
      "USAGE <key> [SAMPLES <count>]",
      "    The bytes that a key and its value take.",
      "HELP",
      "    Prints this help.",
  };
  write_help(context, kLines);
}

constexpr CommandSpec subcommand(std::string_view usage, int arity, uint32_t flags, Handler handler,
                                 std::string_view summary, const Documentation& docs = {}) {
  return {.name = name_in(usage),
          .syntax = syntax_in(usage),
          .arity = arity,
          .flags = flags,
          .categories = kCatSlow,
          .handler = handler,
          .group = "server",
          .since = "4.0.0",
          .summary = summary,
          .scope = Scope::kNode,
          .docs = docs};
}

std::span<const CommandSpec> subcommands() {
  static constexpr std::array kSubcommands = {
      subcommand(
          "doctor", 2, 0, doctor, "Advice about the use of memory.",
          {.complexity = "O(1)",
           .tips = {"nondeterministic_output", "request_policy:all_shards", "response_policy:special"}}),
      subcommand("help", 2, kLoading | kStale, help, "Explains the subcommands."),
      subcommand(
          "malloc-stats", 2, 0, malloc_stats, "What the allocator holds.",
          {.tips = {"nondeterministic_output", "request_policy:all_shards", "response_policy:special"}}),
      subcommand("purge", 2, 0, purge, "Gives free memory back to the system.",
                 {.tips = {"request_policy:all_shards", "response_policy:all_succeeded"}}),
      subcommand(
          "stats", 2, 0, stats, "Where the memory goes.",
          {.complexity = "O(1)",
           .tips = {"nondeterministic_output", "request_policy:all_shards", "response_policy:special"}}),
      CommandSpec{.name = "usage",
                  .syntax = "key [SAMPLES count:integer]",
                  .arity = -3,
                  .flags = kReadOnly,
                  .categories = kCatRead | kCatSlow,
                  .keys = key_at(2, kKeyRO),
                  .handler = usage,
                  .group = "server",
                  .since = "4.0.0",
                  .summary = "The bytes that a key takes.",
                  .docs = {.complexity = "O(N)", .work = Work::kHoldsLoop}},
  };
  return kSubcommands;
}

}  // namespace

std::span<const CommandSpec> memory_commands() {
  static const std::array commands = {
      CommandSpec{.name = "memory",
                  .arity = -2,
                  .categories = kCatSlow,
                  .group = "server",
                  .since = "4.0.0",
                  .summary = "Groups the commands about memory.",
                  .subcommands = subcommands(),
                  .difference = "figures are of Starling's own parts; USAGE is exact and ignores SAMPLES"},
  };
  return commands;
}

}  // namespace starling::server
