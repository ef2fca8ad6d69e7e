// What the commands on groups begin with.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "engine/types/stream/stream_group.h"
#include "server/execute/command.h"

namespace starling::server::streams {

// The group named in argument key_at + 1 of the stream in argument key_at, for a command that changes it; *found is
// the stream. False: an error was replied.
[[nodiscard]] bool find_group(CommandContext& context, size_t key_at, engine::Found* found, bool* there);
// An argument as Redis quotes it in errors: up to a NUL.
std::string quoted(std::string_view argument);
// "NOGROUP No such key ... or consumer group ...".
void reply_no_group(const CommandContext& context, size_t key_at);
// "NOGROUP No such consumer group ... for key name ...".
void reply_no_such_group(const CommandContext& context, size_t key_at);
// The consumer was heard of; it is made if it is new.
void see_consumer(CommandContext& context, const engine::Key& key, engine::StreamGroupChange& group,
                  std::string_view consumer, bool active);

}  // namespace starling::server::streams
