// What XADD and XTRIM share: their options, and trimming.
#pragma once

#include <cstdint>

#include "engine/types/stream/stream.h"
#include "server/execute/command.h"

namespace starling::server::streams {

// Redis's nodes have so many entries by default: trimming with ~ removes whole ones.
inline constexpr uint64_t kNodeEntries = 100;

enum class TrimBy { kNothing, kLength, kId };

struct TrimOptions {
  TrimBy by = TrimBy::kNothing;
  int64_t most = 0;        // Entries that stay.
  engine::StreamId least;  // The id from which on they stay.
  bool about = false;      // Only as many as are cheap to remove.
  int64_t limit = 0;       // Removed at once; 0: all.
};

struct AddOptions {
  TrimOptions trim;
  bool only_present = false;
  bool id_given = false;
  bool sequence_given = true;
  engine::StreamId id;
};

// Reads options from argument 2 on. Returns the position of the id; of XTRIM, one behind all. 0: an error was replied.
size_t trim_options(const CommandContext& context, bool adds, AddOptions* options);

// How many of the first entries the options say are to go.
uint64_t to_be_trimmed(const engine::StreamView& stream, const TrimOptions& options);

}  // namespace starling::server::streams
