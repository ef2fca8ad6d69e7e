// Who answers for which hash slot of a cluster: what a cluster-aware client knows.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace starling::bench {

inline constexpr size_t kSlots = 16384;

struct Address {
  std::string host;
  int port = 0;

  bool operator==(const Address&) const = default;
};

struct SlotOwners {
  std::vector<Address> nodes;
  std::array<uint16_t, kSlots> owner{};  // Index into `nodes`.
};

// As Redis Cluster defines it: CRC16 (XMODEM) of the whole key. Hash tags are not looked for.
uint16_t slot_of(std::string_view key);

// Reads the text of a RESP2 reply to CLUSTER SLOTS. False: malformed, or not every slot has a master.
[[nodiscard]] bool parse_slot_owners(std::string_view reply, SlotOwners* owners);

// Asks the node at the IPv4 address; blocks. False: *error says why.
[[nodiscard]] bool fetch_slot_owners(const Address& node, SlotOwners* owners, std::string* error);

}  // namespace starling::bench
