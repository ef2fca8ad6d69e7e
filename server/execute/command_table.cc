#include "server/execute/command_table.h"

#include <algorithm>
#include <cstring>

#include "engine/base/assert.h"

namespace starling::server {
namespace {

constexpr uint64_t kOnes = 0x0101010101010101ull;

uint64_t to_lower(uint64_t word) {
  const uint64_t low_bits = word & (0x7f * kOnes);
  const uint64_t above_z = low_bits + (0x7f - 'Z') * kOnes;
  const uint64_t from_a = low_bits + (0x80 - 'A') * kOnes;
  const uint64_t ascii = ~word & (0x80 * kOnes);
  return word | ((ascii & (from_a ^ above_z)) >> 2);
}

template <typename Word>
uint64_t load(const char* from) {
  Word word;
  memcpy(&word, from, sizeof word);
  return word;
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

CommandTable::Slot CommandTable::words_of(std::string_view name) {
  const char* p = name.data();
  const size_t n = name.size();
  Slot slot;
  slot.length = static_cast<uint32_t>(n);
  if (n >= 8) {
    slot.low = load<uint64_t>(p);
    slot.high = load<uint64_t>(p + n - 8);
  } else if (n >= 4) {
    slot.low = load<uint32_t>(p);
    slot.high = load<uint32_t>(p + n - 4);
  } else {
    for (size_t i = 0; i < n; ++i) slot.low = slot.low << 8 | static_cast<unsigned char>(p[i]);
  }
  slot.low = to_lower(slot.low);
  slot.high = to_lower(slot.high);
  return slot;
}

size_t CommandTable::home_of(const Slot& slot) const {
  const uint64_t mixed =
      (slot.low ^ (slot.high << 7 | slot.high >> 57) ^ slot.length) * 0x9e3779b97f4a7c15ull;
  return (mixed >> 32) & (slots_.size() - 1);
}

Command* CommandTable::add(const CommandSpec& spec, const Command* parent) {
  auto command = std::make_unique<Command>();
  command->spec = &spec;
  command->parent = parent;
  command->id = static_cast<uint32_t>(all_.size());
  command->has_keys = names_keys(spec);
  if (command->has_keys && spec.find_keys == nullptr && spec.keys.size() == 1) {
    const KeySpecification& keys = spec.keys.front();
    if (!keys.counted && (keys.last == 0 || keys.last == -1)) {
      command->key_position = static_cast<size_t>(keys.first);
      command->key_step = keys.last == 0 ? 0 : static_cast<size_t>(keys.step);
    }
  }
  command->executes = spec.in_multi == InMulti::kExecutes;
  command->full_name =
      parent ? std::string(parent->full_name) + "|" + std::string(spec.name) : std::string(spec.name);
  const bool understood = parse_argument_syntax(spec.syntax, &command->arguments);
  STARLING_ASSERT(understood);
  all_.push_back(std::move(command));
  Command* added = all_.back().get();
  for (const CommandSpec& subcommand : spec.subcommands) added->subcommands.push_back(add(subcommand, added));
  return added;
}

CommandTable::CommandTable(std::span<const std::span<const CommandSpec>> families) {
  for (const auto& family : families) {
    for (const CommandSpec& spec : family) top_level_.push_back(add(spec, nullptr));
  }
  size_t capacity = 64;
  while (capacity < 4 * top_level_.size()) capacity *= 2;
  slots_.resize(capacity);
  for (const Command* command : top_level_) {
    STARLING_ASSERT(find(command->spec->name) == nullptr);
    if (command->spec->name.size() > kShortName) {
      long_names_.push_back(command);
      continue;
    }
    Slot slot = words_of(command->spec->name);
    slot.command = command;
    size_t at = home_of(slot);
    while (slots_[at].command != nullptr) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = slot;
  }
}

const Command* CommandTable::find(std::string_view name) const {
  if (name.size() > kShortName) {
    for (const Command* command : long_names_) {
      if (equals_ignoring_case(command->spec->name, name)) return command;
    }
    return nullptr;
  }
  const Slot wanted = words_of(name);
  for (size_t at = home_of(wanted);; at = (at + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[at];
    if (slot.command == nullptr) return nullptr;
    if (slot.low == wanted.low && slot.high == wanted.high && slot.length == wanted.length)
      return slot.command;
  }
}

const Command* CommandTable::find_subcommand(const Command& parent, std::string_view name) {
  for (const Command* command : parent.subcommands) {
    if (equals_ignoring_case(command->spec->name, name)) return command;
  }
  return nullptr;
}

const Command* CommandTable::find_full(std::string_view full_name) const {
  const size_t bar = full_name.find('|');
  const Command* command = find(full_name.substr(0, bar));
  if (command == nullptr || bar == std::string_view::npos) return command;
  return find_subcommand(*command, full_name.substr(bar + 1));
}

bool find_keys(const CommandSpec& spec, Arguments arguments, std::vector<int>* positions) {
  positions->clear();
  if (spec.find_keys != nullptr) return spec.find_keys(arguments, positions);
  return std::all_of(spec.keys.begin(), spec.keys.end(), [&](const KeySpecification& specification) {
    return specification.find(arguments, positions);
  });
}

bool names_keys(const CommandSpec& spec) {
  return spec.find_keys != nullptr || spec.keys.are_keys();
}

uint16_t key_use_at(const CommandSpec& spec, Arguments arguments, int position) {
  const auto found = std::find_if(spec.keys.begin(), spec.keys.end(), [&](const KeySpecification& each) {
    // One key behind a word may stand where that of another word does not.
    const bool behind_word = !each.keyword.empty() && !each.halves;
    return each.covers(position, arguments.size()) &&
           (!behind_word || equals_ignoring_case(arguments[static_cast<size_t>(position) - 1], each.keyword));
  });
  // Only a command's own finder finds keys of which nothing is declared.
  if (found == spec.keys.end()) return 0;
  return (found->use & kKeyVariable) != 0 ? spec.exact_use(arguments) : found->use;
}

std::string_view flag_name(int bit) {
  static constexpr std::string_view kNames[] = {"write",
                                                "readonly",
                                                "denyoom",
                                                "admin",
                                                "pubsub",
                                                "noscript",
                                                "blocking",
                                                "loading",
                                                "stale",
                                                "fast",
                                                "no_auth",
                                                "",  // Of PUBLISH; Redis does not show it.
                                                "no_multi",
                                                "movablekeys",
                                                "allow_busy",
                                                "skip_monitor",
                                                "skip_slowlog",
                                                "no_async_loading",
                                                "",
                                                "",
                                                "asking",
                                                "no_mandatory_keys"};
  return bit >= 0 && bit < static_cast<int>(std::size(kNames)) ? kNames[bit] : std::string_view();
}

std::string_view category_name(int bit) {
  static constexpr std::string_view kNames[] = {
      "keyspace", "read",   "write",       "set",       "sortedset",  "list",        "hash",
      "string",   "bitmap", "hyperloglog", "geo",       "stream",     "pubsub",      "admin",
      "fast",     "slow",   "blocking",    "dangerous", "connection", "transaction", "scripting"};
  return bit >= 0 && bit < static_cast<int>(std::size(kNames)) ? kNames[bit] : std::string_view();
}

}  // namespace starling::server
