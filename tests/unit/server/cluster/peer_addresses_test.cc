#include "server/cluster/peer_addresses.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/server/temporary_directory.h"

namespace starling::server {
namespace {

PeerAddress peer(uint8_t id, const std::string& host, uint16_t port) {
  PeerAddress address{{}, host, port, static_cast<uint16_t>(port + 10000)};
  address.id.bytes.fill(id);
  return address;
}

}  // namespace

TEST_CASE("the last addresses of peers outlive the process") {
  const TemporaryDirectory directory;
  const PeerFile file(directory.path());
  bool damaged = true;
  CHECK(file.load(&damaged).empty());
  CHECK_FALSE(damaged);
  for (const auto& peers : {std::vector{peer(1, "10.0.0.1", 6379), peer(2, "node-2.example", 7000)},
                            std::vector{peer(2, "::1", 1)}, std::vector<PeerAddress>{}}) {
    REQUIRE(file.save(peers).ok());
    CHECK(file.load(&damaged) == peers);
    CHECK_FALSE(damaged);
  }
  CHECK(PeerFile("").save({peer(1, "a", 1)}).ok());
  CHECK(PeerFile("").load(&damaged).empty());
}

TEST_CASE("a damaged file of peers is as good as none") {
  const std::string whole = encode_peers({peer(1, "10.0.0.1", 6379), peer(2, "10.0.0.2", 6379)});
  std::vector<PeerAddress> peers;
  REQUIRE(decode_peers(whole, &peers));
  for (size_t size = 0; size < whole.size(); ++size) CHECK_FALSE(decode_peers(whole.substr(0, size), &peers));
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string bytes = whole;
    bytes[i] = static_cast<char>(bytes[i] ^ 4);
    CHECK_FALSE(decode_peers(bytes, &peers));
    CHECK(peers.empty());
  }
  // Well signed, and senseless.
  PeerAddress nobody = peer(0, "10.0.0.1", 6379), nowhere = peer(1, "", 6379), mute = peer(1, "a", 6379);
  mute.bus_port = 0;
  for (const PeerAddress& senseless : {nobody, nowhere, mute})
    CHECK_FALSE(decode_peers(encode_peers({senseless}), &peers));

  const TemporaryDirectory directory;
  std::ofstream(directory.path() + "/cluster-peers") << "nonsense";
  bool damaged = false;
  CHECK(PeerFile(directory.path()).load(&damaged).empty());
  CHECK(damaged);
}

}  // namespace starling::server
