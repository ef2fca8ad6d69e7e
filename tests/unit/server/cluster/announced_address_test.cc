#include "server/cluster/announced_address.h"

#include <doctest/doctest.h>

#include "server/settings.h"

namespace starling::server {

TEST_CASE("a node announces where it is, unless the settings say otherwise") {
  Settings settings;
  settings.port = 7000;
  settings.bind = {"*", "-::*", "-10.0.0.1", "127.0.0.1"};
  AnnouncedAddress address = announced_address(settings);
  CHECK(address.host == "10.0.0.1");
  CHECK(address.port == 7000);
  CHECK(address.bus_port == 17000);
  CHECK(address.hostname.empty());
  settings.cluster_port = 8000;
  CHECK(announced_address(settings).bus_port == 8000);
  settings.bind = {"*", "0.0.0.0", "-::"};
  CHECK(announced_address(settings).host.empty());

  settings.cluster_announce_host.set("192.0.2.1");
  settings.cluster_announce_port.set(1);
  settings.cluster_announce_bus_port.set(65535);
  settings.cluster_announce_hostname.set("a.example");
  settings.cluster_announce_nodename.set("left_one");
  address = announced_address(settings);
  CHECK(address.host == "192.0.2.1");
  CHECK(address.port == 1);
  CHECK(address.bus_port == 65535);
  CHECK(address.hostname == "a.example");
  CHECK(address.nodename == "left_one");
  CHECK(own_bus_port(settings) == 8000);
}

TEST_CASE("the port for TLS, and the only one") {
  Settings settings;
  settings.port = 7000;
  CHECK(announced_address(settings).tls_port == 0);
  settings.cluster_announce_tls_port.set(7443);
  CHECK(announced_address(settings).tls_port == 0);  // There is none to announce.
  settings.tls_port = 7001;
  CHECK(announced_address(settings).tls_port == 7443);
  CHECK(announced_address(settings).port == 7000);
  settings.cluster_announce_tls_port.set(0);
  CHECK(announced_address(settings).tls_port == 7001);
  settings.port = 0;
  CHECK(announced_address(settings).tls_port == 7001);
  CHECK(announced_address(settings).port == 7001);
  CHECK(announced_address(settings).bus_port == 17001);
}

TEST_CASE("host names and names for people") {
  for (const char* name : {"", "a", "node-1.example", "A9", "1.2.3.4"}) {
    CHECK(is_hostname(name));
    CHECK(is_nodename(name));
  }
  CHECK_FALSE(is_hostname("a_b"));
  CHECK(is_nodename("a_b"));
  for (const char* name : {"a b", "a:1", "a,b", "é", "a\n", "\"", "[::1]"}) {
    CHECK_FALSE(is_hostname(name));
    CHECK_FALSE(is_nodename(name));
  }
  CHECK(is_hostname(std::string(255, 'a')));
  CHECK_FALSE(is_hostname(std::string(256, 'a')));
}

}  // namespace starling::server
