// The sections of INFO.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "engine/core/operation.h"
#include "server/info/info_writer.h"

namespace starling::server {

class Server;

struct InfoContext {
  Server& server;
  engine::Operation& operation;  // Has something locked.
};

void write_server_section(InfoContext& context, InfoWriter& writer);
void write_clients_section(InfoContext& context, InfoWriter& writer);
void write_memory_section(InfoContext& context, InfoWriter& writer);
void write_persistence_section(InfoContext& context, InfoWriter& writer);
void write_stats_section(InfoContext& context, InfoWriter& writer);
void write_replication_section(InfoContext& context, InfoWriter& writer);
void write_cpu_section(InfoContext& context, InfoWriter& writer);
void write_modules_section(InfoContext& context, InfoWriter& writer);
void write_command_section(InfoContext& context, InfoWriter& writer);
void write_error_section(InfoContext& context, InfoWriter& writer);
void write_latency_section(InfoContext& context, InfoWriter& writer);
void write_cluster_section(InfoContext& context, InfoWriter& writer);
void write_keyspace_section(InfoContext& context, InfoWriter& writer);
void write_store_section(InfoContext& context, InfoWriter& writer);

struct InfoSection {
  std::string_view name;  // As INFO's argument.
  bool by_default;
  void (*write)(InfoContext& context, InfoWriter& writer);
};

std::span<const InfoSection> info_sections();

// True when INFO with these arguments (without its own name) shows the section.
bool shows_section(const InfoSection& section, std::span<const std::string_view> arguments);

}  // namespace starling::server
