// All commands, found by name. Built once from the families' tables; read-only afterwards, any thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/execute/argument_syntax.h"
#include "server/execute/command_spec.h"

namespace starling::server {

// A CommandSpec with its place in the table.
struct Command {
  const CommandSpec* spec = nullptr;
  const Command* parent = nullptr;  // Of a subcommand.
  uint32_t id = 0;                  // Dense, subcommands included: indexes the counters.
  // What stands where its keys would are names of records: not of channels, nor of what is only asked about. Only such
  // names are locked, read from the disk and asked of replicas.
  bool has_keys = false;
  // Where the keys begin, if it has one only, or if all that follows is keys (with what belongs to each); else 0.
  size_t key_position = 0;
  size_t key_step = 0;    // Of the latter; 0: there is one key.
  bool executes = false;  // InMulti::kExecutes.
  std::string full_name;  // "get", "client|getname".
  std::vector<ArgumentDescription> arguments;
  std::vector<const Command*> subcommands;

  // The position of the key, if it names one only; 0: it may name several, or none.
  size_t only_key(size_t argument_count) const {
    return key_step == 0 || argument_count == key_position + key_step ? key_position : 0;
  }
};

class CommandTable {
 public:
  // Aborts when two commands have the same name or a syntax is none: those are defects of the program.
  explicit CommandTable(std::span<const std::span<const CommandSpec>> families);

  // Case-insensitive. Null when unknown.
  const Command* find(std::string_view name) const;
  static const Command* find_subcommand(const Command& parent, std::string_view name);
  // "client|getname" or "get". Null when unknown.
  const Command* find_full(std::string_view full_name) const;

  // Commands and subcommands, by id.
  std::span<const std::unique_ptr<Command>> all() const { return all_; }
  // Without subcommands, in the order of registration.
  std::span<const Command* const> top_level() const { return top_level_; }

 private:
  // A name of up to 16 bytes as two overlapping words, in lower case, and its length: equal if and only if
  // the names are.
  struct Slot {
    uint64_t low = 0, high = 0;
    uint32_t length = 0;
    const Command* command = nullptr;
  };
  static constexpr size_t kShortName = 16;
  static Slot words_of(std::string_view name);
  size_t home_of(const Slot& slot) const;
  Command* add(const CommandSpec& spec, const Command* parent);

  std::vector<std::unique_ptr<Command>> all_;
  std::vector<const Command*> top_level_;
  std::vector<Slot> slots_;  // Open addressing; a power of two, at most a quarter full.
  std::vector<const Command*> long_names_;
};

bool equals_ignoring_case(std::string_view a, std::string_view b);

// The positions of the keys in `arguments`, in order. False when the arguments make no sense for the command.
bool find_keys(const CommandSpec& spec, Arguments arguments, std::vector<int>* positions);

// Whether what stands where its keys would are keys.
bool names_keys(const CommandSpec& spec);

// KeyUse bits of the key at `position`; those of a command whose use of it depends on the other arguments are exact.
uint16_t key_use_at(const CommandSpec& spec, Arguments arguments, int position);

// Names as COMMAND INFO and ACL CAT show them, by bit.
std::string_view flag_name(int bit);      // Empty: not shown.
std::string_view category_name(int bit);  // Without the '@'.

}  // namespace starling::server
