// Who a node is, for the life of its data directory. See README.md.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace starling::cluster {

// Twenty random bytes, drawn when a node first starts on an empty directory; shown as forty hexadecimal
// digits, as Redis Cluster does. An id that was removed from a cluster never comes back.
struct NodeId {
  static constexpr size_t kBytes = 20;

  std::array<uint8_t, kBytes> bytes{};

  auto operator<=>(const NodeId&) const = default;
  // All zero: no node.
  bool valid() const { return *this != NodeId{}; }
  // Lower case.
  std::string to_string() const;
  // Forty hexadecimal digits of either case; nothing for anything else.
  static std::optional<NodeId> parse(std::string_view text);

  template <typename H>
  friend H AbslHashValue(H h, const NodeId& id) {
    return H::combine(std::move(h), id.bytes);
  }
};

// Drawn at random when a cluster forms, the same on all its nodes. 0: not formed yet.
using ClusterId = uint64_t;

// The version of the topology. 0: there is none yet.
using Epoch = uint64_t;

// Within a Topology a node's place in its list of members. Everywhere else the number by which this process knows the
// node (../topology/node_numbers.h): the same under each epoch, another one in another process.
using NodeIndex = uint16_t;
inline constexpr NodeIndex kNoNode = 0xffff;

// Of what a node says of itself: its address; the name of its rack, and of its data centre.
inline constexpr size_t kMaxHostBytes = 255;
inline constexpr size_t kMaxPlaceBytes = 64;

}  // namespace starling::cluster
