// The families of commands. Each is one table of CommandSpecs at the end of its file.
#pragma once

#include <span>

#include "server/execute/command.h"

namespace starling::server {

std::span<const CommandSpec> acl_commands();
std::span<const CommandSpec> bit_commands();
std::span<const CommandSpec> bitfield_commands();
std::span<const CommandSpec> client_subcommands();
std::span<const CommandSpec> cluster_commands();
std::span<const CommandSpec> command_commands();
std::span<const CommandSpec> config_commands();
std::span<const CommandSpec> connection_commands();
std::span<const CommandSpec> database_commands();
std::span<const CommandSpec> dump_commands();
std::span<const CommandSpec> expire_commands();
std::span<const CommandSpec> geo_commands();
std::span<const CommandSpec> hash_commands();
std::span<const CommandSpec> hyperloglog_commands();
std::span<const CommandSpec> info_commands();
std::span<const CommandSpec> key_commands();
std::span<const CommandSpec> lcs_commands();
std::span<const CommandSpec> list_commands();
std::span<const CommandSpec> object_commands();
std::span<const CommandSpec> pubsub_commands();
std::span<const CommandSpec> quorum_commands();
std::span<const CommandSpec> scan_commands();
std::span<const CommandSpec> scripting_commands();
std::span<const CommandSpec> set_commands();
std::span<const CommandSpec> sorted_set_commands();
std::span<const CommandSpec> sorting_commands();
std::span<const CommandSpec> stream_commands();
std::span<const CommandSpec> string_commands();
std::span<const CommandSpec> string_number_commands();
std::span<const CommandSpec> string_range_commands();
std::span<const CommandSpec> debug_commands();
std::span<const CommandSpec> latency_commands();
std::span<const CommandSpec> memory_commands();
std::span<const CommandSpec> persistence_commands();
std::span<const CommandSpec> slowlog_commands();
std::span<const CommandSpec> snapshot_commands();
std::span<const CommandSpec> status_commands();
std::span<const CommandSpec> transaction_commands();
std::span<const CommandSpec> unextended_commands();
std::span<const CommandSpec> vclock_commands();

// All of them: what the server's CommandTable is made of.
std::span<const std::span<const CommandSpec>> all_families();

}  // namespace starling::server
