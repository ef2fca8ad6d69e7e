#include "server/cluster/announced_address.h"

#include <algorithm>

#include "cluster/wire/node_id.h"
#include "server/settings.h"

namespace starling::server {
namespace {

constexpr int64_t kBusOffset = 10000;

bool is_letter_or_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool consists_of(std::string_view text, std::string_view others) {
  return text.size() <= cluster::kMaxHostBytes && std::all_of(text.begin(), text.end(), [others](char c) {
           return is_letter_or_digit(c) || others.find(c) != std::string_view::npos;
         });
}

std::string host_of(const Settings& settings) {
  std::string announced = settings.cluster_announce_host.get();
  if (!announced.empty()) return announced;
  for (std::string address : settings.bind) {
    if (address.starts_with('-')) address.erase(0, 1);
    if (address != "*" && address != "::*" && address != "0.0.0.0" && address != "::") return address;
  }
  return {};
}

}  // namespace

bool is_hostname(std::string_view text) {
  return consists_of(text, ".-");
}

bool is_nodename(std::string_view text) {
  return consists_of(text, ".-_");
}

int64_t own_bus_port(const Settings& settings) {
  return settings.cluster_port != 0 ? settings.cluster_port
                                    : (settings.port != 0 ? settings.port : settings.tls_port) + kBusOffset;
}

AnnouncedAddress announced_address(const Settings& settings) {
  const int64_t port = settings.cluster_announce_port, bus_port = settings.cluster_announce_bus_port;
  AnnouncedAddress address;
  address.host = host_of(settings);
  const int64_t tls_port = settings.cluster_announce_tls_port;
  if (settings.tls_port != 0)
    address.tls_port = static_cast<uint16_t>(tls_port != 0 ? tls_port : settings.tls_port);
  address.port = static_cast<uint16_t>(port != 0 ? port : settings.port);
  if (settings.port == 0 && settings.tls_port != 0) address.port = address.tls_port;
  address.bus_port = static_cast<uint16_t>(bus_port != 0 ? bus_port : own_bus_port(settings));
  address.hostname = settings.cluster_announce_hostname.get();
  address.nodename = settings.cluster_announce_nodename.get();
  return address;
}

}  // namespace starling::server
