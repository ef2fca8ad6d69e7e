// A set of permissions: commands, the keys they may be used on, and channels. A user has one, and others beside it;
// what one of them allows as a whole is allowed.
//
// A plain value. The rules that change it are Redis's:
//
//   +command  -command  +container|subcommand  -container|subcommand  +@category  -@category
//   +command|word         only with that first argument      allcommands = +@all      nocommands = -@all
//   ~pattern  %R~pattern  %W~pattern  %RW~pattern            allkeys = ~*             resetkeys
//   &pattern                                                 allchannels = &*         resetchannels
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "server/acl/catalogue.h"

namespace starling::server::acl {

// Why a rule is none.
enum class RuleError : uint8_t {
  kNone,
  kSyntax,
  kUnknownCommand,
  kAfterAllKeys,
  kAfterAllChannels,
  kNoSuchPassword,
  kNoHash,
  kWordOfSubcommand,
};
// As Redis says it.
std::string_view text_of_error(RuleError error);

enum KeyAccess : uint8_t { kReads = 1, kWrites = 2 };

struct KeyPattern {
  std::string text;
  uint8_t access;  // KeyAccess bits.
};

struct Selector {
  bool all_commands = false;     // Nothing was taken from them since.
  bool future_commands = false;  // Began with all: what is not taken is allowed.
  bool all_keys = false;
  bool all_channels = false;
  std::vector<bool> commands;  // By number; shorter than there are commands: not.
  std::map<uint32_t, std::vector<std::string>>
      first_arguments;                     // Of commands that are not allowed otherwise.
  std::vector<std::string> command_rules;  // Behind +@all or -@all, as describe_commands().
  std::vector<KeyPattern> keys;            // Unless all_keys.
  std::vector<std::string> channels;       // Patterns, unless all_channels.

  bool allows_everything() const { return all_commands && all_keys && all_channels; }
  bool allows(uint32_t command) const { return command < commands.size() && commands[command]; }
};

[[nodiscard]] RuleError apply_rule(std::string_view rule, const Catalogue& catalogue, Selector* selector);

// As ACL GETUSER shows them. "~*"; "-@all +get".
std::string describe_keys(const Selector& selector);
std::string describe_channels(const Selector& selector);
std::string describe_commands(const Selector& selector);
// All three, as rules that make it of an empty selector.
std::string describe(const Selector& selector);

}  // namespace starling::server::acl
