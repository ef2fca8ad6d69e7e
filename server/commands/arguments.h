// What most handlers begin with: the arguments' words and numbers, and the record of a key with its type
// checked.
//
// Functions that return false have replied with an error: the handler returns at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "engine/base/key.h"
#include "engine/base/types.h"
#include "engine/core/operation.h"
#include "server/execute/command.h"
#include "server/notify_class.h"

namespace starling::server {

// Error replies that several families share; all are part of the protocol.
inline constexpr std::string_view kWrongTypeError =
    "WRONGTYPE Operation against a key holding the wrong kind of value";
inline constexpr std::string_view kSyntaxError = "ERR syntax error";
inline constexpr std::string_view kNotIntegerError = "ERR value is not an integer or out of range";
inline constexpr std::string_view kNotPositiveError = "ERR value is out of range, must be positive";
inline constexpr std::string_view kNotRealError = "ERR value is not a valid float";
inline constexpr std::string_view kNoSuchKeyError = "ERR no such key";

// True when `argument` is `word` in any mix of cases. `word` is in lower case, letters only.
inline bool is_word(std::string_view argument, std::string_view word) {
  if (argument.size() != word.size()) return false;
  for (size_t i = 0; i < word.size(); ++i) {
    if ((argument[i] | 0x20) != word[i]) return false;
  }
  return true;
}

// Whether one of the words, as for is_word(), is among the arguments from position `from` on.
bool has_word(Arguments arguments, size_t from, std::initializer_list<std::string_view> words);

// Argument i as a number. `error` is the reply when it is none.
[[nodiscard]] bool integer_argument(const CommandContext& context, size_t i, int64_t* value,
                                    std::string_view error = kNotIntegerError);
// The same for one that lies in [minimum, maximum]. Without `error` the reply tells "no integer" from "out of
// range".
[[nodiscard]] bool integer_argument_between(const CommandContext& context, size_t i, int64_t minimum,
                                            int64_t maximum, int64_t* value, std::string_view error = {});
[[nodiscard]] bool real_argument(const CommandContext& context, size_t i, double* value,
                                 std::string_view error = kNotRealError);
[[nodiscard]] bool real_argument(const CommandContext& context, size_t i, long double* value,
                                 std::string_view error = kNotRealError);

// Argument i as a glob pattern that a match of takes no long time, whatever the name.
[[nodiscard]] bool bounded_pattern(const CommandContext& context, size_t i);

// The live record of a key that a command reads, for its access clock too. Publishes "keymiss" when there is
// none.
engine::Found find_to_read(CommandContext& context, const engine::Key& key);
// The same for one that a command only looks at, leaving its access clock alone (EXISTS, TTL, TYPE).
engine::Found find_to_look(CommandContext& context, const engine::Key& key);
// The live record of a key that a command is about to change.
engine::Found find_to_change(CommandContext& context, const engine::Key& key);
// The same for a key that must be absent or hold `type`. False: another type; WRONGTYPE was replied.
[[nodiscard]] bool find_to_read(CommandContext& context, const engine::Key& key, engine::Type type,
                                engine::Found* found);
[[nodiscard]] bool find_to_change(CommandContext& context, const engine::Key& key, engine::Type type,
                                  engine::Found* found);

// True when the key does not exist and somebody wants to hear of new keys: for `created` below, in commands
// that need not look the key up otherwise.
bool would_announce(CommandContext& context, const engine::Key& key);
// Publishes `event`; when the key did not exist before, "new" comes first.
void notify_change(const CommandContext& context, NotifyClass event_class, std::string_view event,
                   std::string_view key, bool created);

}  // namespace starling::server
