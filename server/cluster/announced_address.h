// Where others are to reach this node, by its settings: as it is, or as the settings of 'cluster-announce-*' have it
// behind a port mapping. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace starling::server {

struct Settings;

struct AnnouncedAddress {
  std::string host;       // Empty: 'bind' is every address, and none is announced.
  uint16_t port = 0;      // For clients; the one for TLS where there is no other.
  uint16_t tls_port = 0;  // 0: none.
  uint16_t bus_port = 0;
  std::string hostname;  // For clients that check names. Empty: none.
  std::string nodename;  // For people who read the logs. Empty: none.
};

AnnouncedAddress announced_address(const Settings& settings);

// Where the bus listens. More than 65535: the settings make no sense.
int64_t own_bus_port(const Settings& settings);

// Of 'cluster-announce-hostname' and 'cluster-announce-human-nodename': letters, digits, dots, hyphens; in a name for
// people underscores as well.
[[nodiscard]] bool is_hostname(std::string_view text);
[[nodiscard]] bool is_nodename(std::string_view text);

}  // namespace starling::server
