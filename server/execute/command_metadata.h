// What COMMAND tells of a command that the server itself has no use for: complexity, tips, and what happens
// to each of several keys. Facts of Redis's protocol, by the command's full name.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "server/execute/command.h"
#include "server/execute/command_table.h"

namespace starling::server {

// Which arguments are keys, and what is done with them.
struct KeySpecification {
  uint16_t use = 0;  // KeyUse bits.
  int first = 0;     // Position of the first one or, when counted, of their number, which precedes them.
  int last = 0;      // Relative to the first one; negative: counts from the end of the arguments.
  int step = 1;
  bool counted = false;  // The argument at `first` says how many keys follow.

  bool covers(int position, size_t argument_count) const;
};

struct CommandMetadata {
  static constexpr size_t kMaxTips = 3;

  std::string_view name;
  std::string_view complexity = {};
  std::string_view tips[kMaxTips] = {};
};

// Replaced by a better command.
struct Deprecation {
  std::string_view name;
  std::string_view since;
  std::string_view replaced_by;
};

// Null for a command of which nothing is known.
const CommandMetadata* find_metadata(std::string_view full_name);
const Deprecation* find_deprecation(std::string_view full_name);
// It runs to its end on its client's loop, for a time that grows with what it works on: with some tens of thousands of
// keys or elements, or some megabytes, that is more than 5 ms, in which the loop's other clients wait.
bool may_hold_loop(std::string_view full_name);
// Not meant for users.
bool is_system_command(std::string_view full_name);

// All of the command's, in Redis's order. Empty: it has no keys.
std::vector<KeySpecification> key_specifications(const Command& command);

// KeyUse bits of the key at `position`; those of a command whose use of it depends on the other arguments are
// exact.
uint16_t key_use_at(const Command& command, Arguments arguments, int position);

std::string_view key_use_name(int bit);  // As COMMAND INFO shows it. Empty: not shown.

}  // namespace starling::server
