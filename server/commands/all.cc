#include <array>

#include "server/commands/families.h"

namespace starling::server {

std::span<const std::span<const CommandSpec>> all_families() {
  static const std::array families = {
      config_commands(),
      connection_commands(),
      string_commands(),
      transaction_commands(),
  };
  return families;
}

}  // namespace starling::server
