// Ids of a stream's entries as clients write them, and entries as they are shown.
//
//   id       = milliseconds ["-" sequence] | "-" | "+"
//   interval = id | "(" id                     what is next to it
//
// Functions that return false have replied with an error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/types/stream/stream.h"
#include "server/execute/command.h"

namespace starling::server::streams {

enum class Edges { kMeant, kRefused };  // "-" and "+".

// Nothing: it is none. `sequence`: where none is given.
std::optional<engine::StreamId> parse_id(std::string_view text, uint64_t sequence, Edges edges);
// The same for XADD: *sequence_given is false for "milliseconds-*".
std::optional<engine::StreamId> parse_new_id(std::string_view text, bool* sequence_given);

[[nodiscard]] bool id_argument(const CommandContext& context, size_t i, engine::StreamId* id,
                               Edges edges = Edges::kRefused);
// Inclusive bounds. `start_at`, `end_at`: of the arguments with the lower and the upper one.
[[nodiscard]] bool start_argument(const CommandContext& context, size_t start_at, engine::StreamId* id);
[[nodiscard]] bool end_argument(const CommandContext& context, size_t end_at, engine::StreamId* id);

std::string to_string(engine::StreamId id);
void reply_id(resp::ReplyWriter& reply, engine::StreamId id);
// The id, and fields and values.
void reply_entry(resp::ReplyWriter& reply, const engine::StreamEntry& entry);
void reply_invalid_id(const CommandContext& context);

// What ids this node gives in the stream.
engine::StreamIdGiver id_giver(const CommandContext& context, const engine::Key& key);

}  // namespace starling::server::streams
