#include <array>

#include "server/commands/families.h"

namespace starling::server {

std::span<const std::span<const CommandSpec>> all_families() {
  static const std::array families = {
      bit_commands(),           bitfield_commands(),     cluster_commands(),     command_commands(),
      config_commands(),        connection_commands(),   database_commands(),    debug_commands(),
      dump_commands(),          expire_commands(),       hash_commands(),        info_commands(),
      key_commands(),           latency_commands(),      lcs_commands(),         memory_commands(),
      object_commands(),        persistence_commands(),  pubsub_commands(),      scan_commands(),
      set_commands(),           slowlog_commands(),      status_commands(),      string_commands(),
      string_number_commands(), string_range_commands(), transaction_commands(), quorum_commands(),
      vclock_commands(),        snapshot_commands(),     unextended_commands(),  sorted_set_commands(),
      geo_commands(),           scripting_commands(),    list_commands(),        hyperloglog_commands(),
      sorting_commands(),       stream_commands(),       acl_commands(),
  };
  return families;
}

}  // namespace starling::server
