// PFADD, PFCOUNT, PFMERGE.
#include <string>

#include "engine/record/hyperloglog.h"
#include "server/commands/arguments.h"
#include "server/commands/hyperloglog/estimate.h"
#include "server/commands/hyperloglog/handlers.h"
#include "server/server.h"
#include "server/settings.h"

namespace starling::server::hyperloglog {
namespace {

using engine::Raise;
using engine::Registers;

constexpr std::string_view kNotOneError = "WRONGTYPE Key is not a valid HyperLogLog string value.";

bool find_value_to_read(CommandContext& context, const engine::Key& key, engine::Found* found) {
  return find_to_read(context, key, engine::Type::kString, found) &&
         (!*found || check_value(context, *found));
}

bool find_value_to_change(CommandContext& context, const engine::Key& key, engine::Found* found) {
  return find_to_change(context, key, engine::Type::kString, found) &&
         (!*found || check_value(context, *found));
}

// A dense value is changed where it is. True when an element raises a register.
bool add_to_dense(CommandContext& context, const engine::Key& key, std::string_view value) {
  bool raises = false;
  for (size_t i = 2; i < context.size() && !raises; ++i) {
    const Observation seen = observe(context.argument(i));
    raises = engine::dense_register(value, seen.index) < seen.height;
  }
  if (!raises) return false;
  context.database.edit_string(key, value.size(), [&](std::span<char> edited) {
    const std::string_view now(edited.data(), edited.size());
    for (size_t i = 2; i < context.size(); ++i) {
      const Observation seen = observe(context.argument(i));
      if (engine::dense_register(now, seen.index) < seen.height)
        engine::set_dense_register(edited.data(), seen.index, seen.height);
    }
    engine::forget_count(edited.data());
  });
  return true;
}

// Of one that is sparse, or new. kDamaged: nothing changed.
Raise add_to_sparse(CommandContext& context, const engine::Key& key, const engine::Found& found) {
  std::string value = found ? std::string(found.string()) : engine::empty_hyperloglog();
  bool raised = !found;
  for (size_t i = 2; i < context.size(); ++i) {
    const Observation seen = observe(context.argument(i));
    const Raise outcome = engine::raise(seen.index, seen.height, &value);
    if (outcome == Raise::kDamaged) return outcome;
    raised |= outcome == Raise::kRaised;
  }
  if (!raised) return Raise::kNot;
  engine::forget_count(value.data());
  context.database.put_string(key, value, found ? engine::kKeepDeadline : engine::kNoDeadline);
  return Raise::kRaised;
}

// Of the keys from argument `first` on. False: an error was replied.
bool read_all(CommandContext& context, size_t first, Registers* registers, bool* dense) {
  for (size_t i = first; i < context.size(); ++i) {
    engine::Found found;
    if (!find_value_to_read(context, context.key(i), &found)) return false;
    if (!found) continue;
    *dense |= engine::is_dense(found.string());
    if (engine::raise_all(found.string(), registers)) continue;
    context.reply.error(kDamagedError);
    return false;
  }
  return true;
}

}  // namespace

bool check_value(CommandContext& context, const engine::Found& found) {
  if (engine::is_hyperloglog(found.string())) return true;
  context.reply.error(kNotOneError);
  return false;
}

void add(CommandContext& context) {
  const engine::Key key = context.key(1);
  engine::Found found;
  if (!find_value_to_change(context, key, &found)) return;
  const bool dense = found && engine::is_dense(found.string());
  Raise outcome;
  if (dense) {
    outcome = add_to_dense(context, key, found.string()) ? Raise::kRaised : Raise::kNot;
  } else {
    outcome = add_to_sparse(context, key, found);
  }
  if (outcome == Raise::kDamaged) return context.reply.error(kDamagedError);
  if (outcome == Raise::kRaised) notify_change(context, kNotifyString, "pfadd", key.name, !found);
  context.reply.integer(outcome == Raise::kRaised ? 1 : 0);
}

void count(CommandContext& context) {
  Registers registers{};
  bool dense = false;
  if (context.size() > 2) {
    if (!read_all(context, 1, &registers, &dense)) return;
    return context.reply.integer(static_cast<int64_t>(estimate(registers)));
  }
  const engine::Key key = context.key(1);
  engine::Found found;
  if (!find_value_to_read(context, key, &found)) return;
  if (!found) return context.reply.integer(0);
  if (const auto cached = engine::cached_count(found.string()))
    return context.reply.integer(static_cast<int64_t>(*cached));
  if (!engine::raise_all(found.string(), &registers)) return context.reply.error(kDamagedError);
  const uint64_t count = estimate(registers);
  // In a cluster it would be an event by whoever is asked, to be shipped to the others. A node that writes nothing
  // answers all the same.
  if (!context.server.settings().cluster_enabled && context.server.engine().writable()) {
    context.database.edit_string(key, found.string().size(),
                                 [&](std::span<char> edited) { engine::cache_count(count, edited.data()); });
  }
  context.reply.integer(static_cast<int64_t>(count));
}

void merge(CommandContext& context) {
  Registers registers{};
  bool dense = false;
  if (!read_all(context, 1, &registers, &dense)) return;
  const engine::Key key = context.key(1);
  engine::Found found;
  if (!find_value_to_change(context, key, &found)) return;
  std::string value = found ? std::string(found.string()) : engine::empty_hyperloglog();
  if (dense && !engine::make_dense(&value)) return context.reply.error(kDamagedError);
  for (size_t i = 0; i < registers.size(); ++i) {
    if (registers[i] != 0 && engine::raise(i, registers[i], &value) == Raise::kDamaged)
      return context.reply.error(kDamagedError);
  }
  engine::forget_count(value.data());
  context.database.put_string(key, value, found ? engine::kKeepDeadline : engine::kNoDeadline);
  // Redis tells of it so, too.
  notify_change(context, kNotifyString, "pfadd", key.name, !found);
  context.reply.ok();
}

}  // namespace starling::server::hyperloglog
