#include "server/info/sections.h"

#include <algorithm>

#include "server/execute/command_table.h"

namespace starling::server {

std::span<const InfoSection> info_sections() {
  static constexpr InfoSection kSections[] = {
      {"server", true, write_server_section},
      {"clients", true, write_clients_section},
      {"memory", true, write_memory_section},
      {"persistence", true, write_persistence_section},
      {"stats", true, write_stats_section},
      {"replication", true, write_replication_section},
      {"cpu", true, write_cpu_section},
      {"modules", true, write_modules_section},
      {"commandstats", false, write_command_section},
      {"errorstats", true, write_error_section},
      {"latencystats", false, write_latency_section},
      {"cluster", true, write_cluster_section},
      {"keyspace", true, write_keyspace_section},
      {"rocksdb", false, write_store_section},
  };
  return kSections;
}

bool shows_section(const InfoSection& section, std::span<const std::string_view> arguments) {
  if (arguments.empty()) return section.by_default;
  return std::any_of(arguments.begin(), arguments.end(), [&](std::string_view argument) {
    if (equals_ignoring_case(argument, "default")) return section.by_default;
    return equals_ignoring_case(argument, "all") || equals_ignoring_case(argument, "everything") ||
           equals_ignoring_case(argument, section.name);
  });
}

}  // namespace starling::server
